// Building and finding elements. Text goes in as text nodes only, so that no name or message can become markup.

const SVG = "http://www.w3.org/2000/svg";

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];
export const byId = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const makeSvg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export function icon(name) {
  const use = makeSvg("use", { href: `${document.body.dataset.sprite}#${name}` });
  return makeSvg("svg", { class: "icon", "aria-hidden": "true" }, use);
}

/** Text in which `words` between backticks are code. */
export const prose = (text) => text.split("`").map((part, i) => (i % 2 ? make("code", {}, part) : part));

export function show(element, visible = true) {
  element.hidden = !visible;
}

/** Runs the function once things have been quiet for a while. */
export function debounce(action, milliseconds) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), milliseconds);
  };
}
