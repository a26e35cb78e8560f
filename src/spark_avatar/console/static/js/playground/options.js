// The form of a model's options, made from its spec: whatever an engine declares can be set here.

import { get } from "../api.js";
import { byId, make, prose, show } from "../dom.js";
import { words } from "../format.js";

const INPUTS = ["image_url", "audio_url"];
const MOST_SEGMENTS = 4;

const same = (a, b) => String(a) === String(b);

/** Controls answer their value and can be set; undefined stands for the default. */
const CONTROLS = [
  {
    fits: ({ constraints }) => constraints.enum && constraints.enum.length <= MOST_SEGMENTS,
    make({ name, constraints }, id) {
      const choices = constraints.enum.map((value) => make("input", { type: "radio", name: id, value, checked: same(value, constraints.default) }));
      const box = make("div", { class: "segments", role: "radiogroup", "aria-label": words(name) }, choices.map((choice) => make("label", {}, choice, words(choice.value))));
      return {
        element: box,
        read: () => constraints.enum.find((value) => same(value, choices.find((choice) => choice.checked)?.value)),
        write: (value) => choices.forEach((choice) => (choice.checked = same(choice.value, value))),
      };
    },
  },
  {
    fits: ({ constraints }) => constraints.enum,
    make({ constraints }, id) {
      const list = make("select", { class: "select", id }, constraints.enum.map((value) => make("option", { value }, words(String(value)))));
      list.value = String(constraints.default);
      return { element: list, read: () => constraints.enum.find((value) => same(value, list.value)), write: (value) => (list.value = String(value)) };
    },
  },
  {
    fits: ({ type }) => type === "boolean",
    make({ name, constraints }, id) {
      const box = make("input", { type: "checkbox", id, checked: constraints.default === true });
      return { element: make("label", { class: "check" }, box, words(name)), read: () => box.checked, write: (value) => (box.checked = value === true) };
    },
  },
  {
    fits: ({ type, constraints }) => ["number", "integer"].includes(type) && constraints.max !== undefined && constraints.default !== undefined,
    make({ type, constraints: { min, max, default: usual } }, id) {
      const slider = make("input", { type: "range", id, min, max, step: type === "integer" ? 1 : (max - min) / 40, value: usual });
      const told = make("output", { for: id }, String(usual));
      const write = (value) => {
        slider.value = value;
        told.textContent = String(Number(slider.value));
      };
      slider.addEventListener("input", () => write(slider.value));
      return { element: make("div", { class: "range" }, slider, told), read: () => Number(slider.value), write };
    },
  },
  {
    fits: ({ type }) => ["number", "integer"].includes(type),
    make({ constraints: { min, max } }, id) {
      const field = make("input", { class: "input", type: "number", id, min, max, placeholder: "Drawn for each video", inputmode: "numeric" });
      return { element: field, read: () => (field.value === "" ? undefined : Number(field.value)), write: (value) => (field.value = value ?? "") };
    },
  },
  {
    // A colour, or one of the words that the pattern begins with, or the address of a picture where the pattern has one.
    fits: ({ pattern }) => pattern?.includes("#"),
    make({ pattern, constraints }, id) {
      const named = pattern.match(/^\^\(([a-z|]+)\|#/)?.[1].split("|") ?? [constraints.default];
      const choices = [...named.map((value) => [value, words(value)]), ["#", "A colour"], ...(pattern.includes("http") ? [["http", "A picture"]] : [])];
      const list = make("select", { class: "select", id }, choices.map(([value, text]) => make("option", { value }, text)));
      const colour = make("input", { type: "color", value: "#00b140", "aria-label": "Colour", hidden: true });
      const address = make("input", { class: "input", type: "url", placeholder: "https://", "aria-label": "Address of the picture", hidden: true });
      const reveal = () => {
        show(colour, list.value === "#");
        show(address, list.value === "http");
      };
      list.addEventListener("change", reveal);
      return {
        element: make("div", { class: "colour" }, list, colour, address),
        read: () => (list.value === "#" ? colour.value : list.value === "http" ? address.value || undefined : list.value),
        write(value) {
          list.value = named.includes(value) ? value : value.startsWith("#") ? "#" : "http";
          if (list.value === "#") colour.value = value.toLowerCase();
          address.value = list.value === "http" ? value : "";
          reveal();
        },
      };
    },
  },
  {
    fits: () => true,
    make({ constraints }, id) {
      const field = make("input", { class: "input", id, maxlength: constraints.max_length, placeholder: constraints.default ?? "" });
      return { element: field, read: () => field.value || undefined, write: (value) => (field.value = value ?? "") };
    },
  },
];

function fieldOf(parameter) {
  const id = `option-${parameter.name}`;
  const control = CONTROLS.find(({ fits }) => fits(parameter)).make(parameter, id);
  const hint = parameter.description && make("p", { class: "hint", id: `${id}-hint` }, prose(parameter.description));
  const single = parameter.type === "boolean" || control.element.getAttribute("role") === "radiogroup";
  const name = parameter.required ? `${words(parameter.name)} (required)` : words(parameter.name);
  const title = single ? make("span", { class: "label" }, name) : make("label", { for: id }, name);
  (control.element.querySelector(`#${id}`) ?? control.element).setAttribute("aria-describedby", `${id}-hint`);
  return { parameter, control, element: make("div", { class: "field" }, parameter.type === "boolean" ? null : title, control.element, hint) };
}

export function optionsForm(onChange) {
  const form = byId("options");
  let fields = [];
  let wanted = "";

  function values() {
    const given = fields.map(({ parameter, control }) => [parameter.name, control.read(), parameter.constraints.default]);
    return Object.fromEntries(given.filter(([, value, usual]) => value !== undefined && !same(value, usual)).map(([name, value]) => [name, value]));
  }

  function write(options) {
    for (const { parameter, control } of fields) control.write(options[parameter.name] ?? parameter.constraints.default);
    changed();
  }

  function changed() {
    const count = Object.keys(values()).length;
    byId("changed").textContent = `${count} changed`;
    show(byId("changed"), count > 0);
    show(byId("reset"), count > 0);
    onChange();
  }

  async function load(model) {
    wanted = model;
    const [spec, contract] = await Promise.all([get(`/api/v1/skill/models/${encodeURIComponent(model)}/spec`), get(`/api/v1/skill/model-contracts/${encodeURIComponent(model)}`)]);
    if (model !== wanted) return;
    const rules = contract.data.input_schema.properties;
    fields = spec.data.parameters
      .filter(({ name }) => !INPUTS.includes(name))
      .map((parameter) => fieldOf({ ...parameter, pattern: rules[parameter.name]?.pattern }));
    form.replaceChildren(...fields.map(({ element }) => element));
  }

  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", () => write({}));
  return { load, values, write };
}
