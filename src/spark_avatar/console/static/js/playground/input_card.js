// One input: chosen, dropped or made here; shown at once, sent to the server, and looked at there.

import { download, localPath, post, upload } from "../api.js";
import { icon, make, one, show } from "../dom.js";

const ICONS = { good: "check", warn: "warn", bad: "bad", wait: "wait" };

const finding = (kind, text) => make("li", { class: kind }, icon(ICONS[kind]), make("span", {}, text));

/**
 * `parameter` is the model's name for the input and `path` the call that looks at it; `preview(address)` shows it,
 * `found(analysis)` draws what was seen and answers a sentence in praise of a good input.
 */
export function inputCard({ root, parameter, path, sample, preview, found, onChange }) {
  const well = one("[data-well]", root);
  const field = one('input[type="file"]', root);
  const list = one("[data-findings]", root);
  const state = { address: "", analysis: null, name: "", refused: false, preview: () => shown };
  let aborter = null;
  let shown = "";

  const tell = (...findings) => list.replaceChildren(...findings);

  function reveal(address) {
    if (shown.startsWith("blob:")) URL.revokeObjectURL(shown);
    shown = address;
    show(one("[data-empty]", root), false);
    show(one("[data-preview]", root));
    well.classList.add("full");
    preview(address);
  }

  async function look(signal) {
    tell(finding("wait", "Looking at it"));
    const analysis = await post(path, { [parameter]: state.address }, { signal });
    Object.assign(state, { analysis, refused: !analysis.usable });
    const praise = found(analysis);
    if (!analysis.usable) tell(finding("bad", analysis.error.message));
    else if (analysis.warnings.length) tell(...analysis.warnings.map((warning) => finding("warn", warning.message)));
    else tell(finding("good", praise));
    onChange();
  }

  async function start(name, address, obtain) {
    root.dispatchEvent(new Event("chosen"));
    aborter?.abort();
    aborter = new AbortController();
    const { signal } = aborter;
    Object.assign(state, { address: "", analysis: null, name, refused: false });
    reveal(address);
    found(null);
    onChange();
    try {
      tell(finding("wait", "Sending it to the server"));
      state.address = await obtain(signal);
      await look(signal);
    } catch (fault) {
      if (fault.name === "AbortError") return;
      Object.assign(state, { address: "", refused: true });
      tell(finding("bad", fault.message));
      onChange();
    }
  }

  const choose = (file) => start(file.name, URL.createObjectURL(file), (signal) => upload(file, { signal }));
  /** Takes an input that the server knows already. */
  const take = (address, name) => start(name, localPath(address), async () => address);

  async function chooseSample() {
    const before = aborter;
    try {
      const blob = await download(sample);
      if (aborter !== before) return; // something else was chosen meanwhile
      await choose(new File([blob], sample.split("/").pop(), { type: blob.type }));
    } catch (fault) {
      tell(finding("bad", fault.message));
    }
  }

  for (const opener of ["[data-choose]", "[data-empty]"]) one(opener, root).addEventListener("click", () => field.click());
  one("[data-sample]", root).addEventListener("click", () => chooseSample());
  field.addEventListener("change", () => {
    if (field.files[0]) choose(field.files[0]);
    field.value = ""; // so that the same file can be chosen again
  });
  for (const type of ["dragenter", "dragover"]) root.addEventListener(type, () => well.classList.add("over"));
  for (const type of ["dragleave", "drop"]) root.addEventListener(type, () => well.classList.remove("over"));

  return { root, state, well, choose, take, chooseSample, fail: (message) => tell(finding("bad", message)) };
}
