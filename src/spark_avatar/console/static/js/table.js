// A table that scrolls sideways where it must, and can be scrolled by keyboard.

import { make } from "./dom.js";

const head = (text) => make("th", { scope: "col" }, text || make("span", { class: "visually-hidden" }, "Actions"));

/** `heads` are texts, an empty one over the column of buttons; `rows` are `tr` elements. */
export const table = (label, heads, rows) =>
  make(
    "div",
    { class: "table-box", tabindex: "0", role: "group", "aria-label": label },
    make("table", { class: "table" }, make("thead", {}, make("tr", {}, heads.map(head))), make("tbody", {}, rows)),
  );
