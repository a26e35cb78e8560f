// Answers to what somebody did: at once, in words, and heard by screen readers.

import { byId, icon, make } from "./dom.js";

const SECONDS = { good: 4, bad: 9 };

/** A short message at the edge of the page. */
export function toast(message, kind = "good") {
  const box = byId("toasts");
  const close = make("button", { class: "button quiet small end", type: "button", "aria-label": "Dismiss" }, icon("close"));
  const note = make("div", { class: `toast ${kind}` }, icon(kind === "good" ? "check" : "bad"), make("span", {}, message), close);
  const leave = () => {
    note.remove();
    if (!box.childElementCount) box.hidePopover();
  };
  close.addEventListener("click", leave);
  if (box.matches(":popover-open")) box.hidePopover(); // shown anew it lies above a dialog that was opened meanwhile
  box.append(note);
  box.showPopover();
  setTimeout(leave, SECONDS[kind] * 1000);
}

/** Runs what a button starts: it shows at once that it works, cannot be pressed twice, and a failure is told. */
export async function busy(button, action) {
  if (button.getAttribute("aria-busy") === "true") return undefined;
  button.setAttribute("aria-busy", "true");
  button.setAttribute("aria-disabled", "true");
  try {
    return await action();
  } catch (fault) {
    if (fault.name !== "AbortError") toast(fault.message, "bad");
    return undefined;
  } finally {
    button.removeAttribute("aria-busy");
    button.removeAttribute("aria-disabled");
  }
}

/** Asks before something that cannot be undone; answers whether to go on. */
export function confirm({ title, text, action, kind = "danger" }) {
  const answer = (value) => make("button", { class: `button ${value ? kind : ""}`, value: value ? "yes" : "" }, value ? action : "Keep it");
  const dialog = make(
    "dialog",
    { class: "dialog narrow", "aria-labelledby": "confirm-title" },
    make(
      "form",
      { method: "dialog", class: "dialog-body" },
      make("h2", { id: "confirm-title" }, title),
      make("p", {}, text),
      make("div", { class: "dialog-foot" }, answer(false), answer(true)),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    });
  });
}

/** Puts text on the clipboard; where the browser does not allow that, says so. */
export async function copy(text, what = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
    toast(what);
  } catch {
    toast("The browser does not let this page use the clipboard: select the text and copy it.", "bad");
  }
}

/** Text that can be read and copied. */
export function copyable(text, { wrap = false } = {}) {
  const button = make("button", { class: "button small", type: "button", onclick: () => copy(text) }, icon("copy"), "Copy");
  return make("div", { class: "copyable" }, button, make("pre", { class: wrap ? "code wrap" : "code", tabindex: "0" }, text));
}

/** A page's error in the place of its content, with the way out. */
export function failure(fault, again) {
  return make(
    "div",
    { class: "empty", role: "alert" },
    icon("bad"),
    make("h2", {}, "This could not be loaded"),
    make("p", {}, fault.message),
    again && make("div", { class: "row" }, make("button", { class: "button", type: "button", onclick: again }, "Try again")),
  );
}

/** Makes an element's close buttons close it, and, unless it is a `last` look at something, Escape and a click beside it too. */
export function closable(dialog, { last = false } = {}) {
  let pressed = null; // who selects text may let go beside the dialog
  for (const button of dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => dialog.close());
  dialog.addEventListener("pointerdown", (event) => (pressed = event.target));
  dialog.addEventListener("click", (event) => !last && event.target === dialog && pressed === dialog && dialog.close());
  dialog.addEventListener("cancel", (event) => last && event.preventDefault());
}
