// The models with their live specs.

import { get } from "./api.js";
import { byId, icon, make, prose } from "./dom.js";
import { copy, copyable, failure } from "./feedback.js";

function values({ constraints: rule }) {
  const parts = [];
  if (rule.enum) parts.push(rule.enum.join(", "));
  if (rule.min !== undefined && rule.max !== undefined) parts.push(`${rule.min} to ${rule.max}`);
  if (rule.max_length !== undefined) parts.push(`at most ${rule.max_length} characters`);
  return parts.join("; ");
}

function row(parameter) {
  const usual = parameter.constraints.default;
  return make(
    "tr",
    {},
    make("td", {}, make("code", {}, parameter.name), parameter.required && make("div", { class: "required" }, "required")),
    make("td", { class: "small" }, parameter.type),
    make("td", { class: "small" }, values(parameter)),
    make("td", { class: "small" }, usual === undefined || usual === "" ? "" : make("code", {}, String(usual))),
    make("td", { class: "small" }, prose(parameter.description)),
  );
}

function parameters(list) {
  const heads = ["Parameter", "Type", "Values", "Default", "Meaning"];
  return make("div", { class: "table-box", tabindex: "0", role: "region", "aria-label": "Parameters" }, make("table", { class: "table plain parameters" }, make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, list.map(row))));
}

function fold(title, text) {
  return make("details", { class: "fold" }, make("summary", {}, icon("right"), make("h3", {}, title)), copyable(text, { wrap: true }));
}

async function show(model) {
  const id = encodeURIComponent(model.id);
  const [spec, contract] = await Promise.all([get(`/api/v1/skill/models/${id}/spec`), get(`/api/v1/skill/model-contracts/${id}`)]);
  const { api, parameters: list, agent_prompt: prompt } = spec.data;
  return make(
    "section",
    { class: "card stack", id: model.id },
    make("div", { class: "model-head" }, make("div", { class: "row" }, make("h2", { class: "grow" }, model.name), make("a", { class: "button small", href: "/" }, icon("playground"), "Try it")), make("p", { class: "muted" }, model.description), make("p", { class: "endpoint small" }, make("b", {}, api.method), make("code", {}, api.endpoint), make("button", { class: "button quiet small end", type: "button", "aria-label": "Copy the address", onclick: () => copy(api.endpoint) }, icon("copy"))), make("p", { class: "endpoint small" }, make("b", {}, "model"), make("code", {}, model.id), make("button", { class: "button quiet small end", type: "button", "aria-label": "Copy the model's id", onclick: () => copy(model.id) }, icon("copy")))),
    parameters(list),
    fold("A prompt for agents", prompt),
    fold("Spec", JSON.stringify(spec.data, null, 2)),
    fold("Contract with JSON Schema", JSON.stringify(contract.data, null, 2)),
  );
}

async function load() {
  try {
    const { data } = await get("/api/v1/skill/models?page_size=100");
    byId("models").replaceChildren(...(await Promise.all(data.models.map(show))));
  } catch (fault) {
    byId("models").replaceChildren(failure(fault, load));
  }
}

load();
