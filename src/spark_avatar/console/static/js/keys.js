// API Key Management: the list, and what can be done with a key.

import { get, patch, post, remove } from "./api.js";
import { all, byId, icon, make, show } from "./dom.js";
import { busy, closable, confirm, copy, failure, toast } from "./feedback.js";
import { ago, dateTime, money } from "./format.js";
import { keySnippets } from "./key_snippets.js";
import { table } from "./table.js";

const STATES = { active: "good", expired: "warn", revoked: "bad" };
const SCOPES = { generate: "make videos", read: "look", admin: "manage" };
const terms = byId("terms");
let keys = [];
let edited = null;
let rotated = null;

const time = (seconds) => seconds * 1000;
const lastDayOf = (key) => (key?.expires_at ? new Date(time(key.expires_at)).toISOString().slice(0, 10) : "");

function spendOf(key) {
  if (!key.monthly_budget) return make("span", { class: "num" }, money(key.spent_this_month));
  const share = Math.min(1, Number(key.spent_this_month) / Math.max(Number(key.monthly_budget), 1e-9));
  const bar = make("div", { class: `bar ${share >= 1 ? "bad" : share > 0.8 ? "warn" : ""}` }, make("i"));
  bar.firstChild.style.width = `${100 * share}%`;
  return make("div", {}, make("span", { class: "num small" }, `${money(key.spent_this_month)} of ${money(key.monthly_budget)}`), bar);
}

function actionsOf(key) {
  const button = (name, label, action) =>
    make("button", { class: "button quiet small square", type: "button", title: label, "aria-label": `${label}: ${key.name}`, onclick: action }, icon(name));
  if (key.state !== "active") return null;
  return make("div", { class: "row nowrap" }, [
    button("settings", "Change", () => edit(key)),
    button("again", "Rotate", () => askRotation(key)),
    button("trash", "Revoke", (event) => revoke(key, event.currentTarget)),
  ]);
}

function rowOf(key) {
  const limits = [key.models && `models: ${key.models.join(", ")}`, key.rate_limit, key.expires_at && `until ${dateTime(time(key.expires_at))}`];
  return make(
    "tr",
    {},
    make("td", {}, make("b", { class: "anywhere" }, key.name), make("div", { class: "mono small muted" }, `${key.prefix}…`)),
    make("td", {}, make("span", { class: `badge ${STATES[key.state]}` }, key.state)),
    make("td", {}, key.scopes.map((scope) => SCOPES[scope] ?? scope).join(", "), make("div", { class: "small muted anywhere" }, limits.filter(Boolean).join(" · "))),
    make("td", {}, key.last_used_at ? ago(time(key.last_used_at)) : make("span", { class: "muted" }, "never"), make("div", { class: "small muted mono anywhere" }, key.last_used_address ?? "")),
    make("td", {}, spendOf(key)),
    make("td", { class: "right" }, actionsOf(key)),
  );
}

function draw() {
  const shown = keys.filter((key) => byId("ended").checked || key.state === "active");
  if (!shown.length) {
    byId("list").replaceChildren(
      make("div", { class: "empty" }, icon("keys"), make("h2", {}, "No keys yet"), make("p", {}, "A key lets a program use this server: your website, a script, an SDK written for the hosted model."),
        make("div", { class: "row" }, make("button", { class: "button primary", type: "button", onclick: () => edit(null) }, "Make the first key"))),
    );
    return;
  }
  byId("list").replaceChildren(table("Keys", ["Key", "State", "May", "Last used", "This month", ""], shown.map(rowOf)));
}

async function load() {
  try {
    ({ keys } = await get("/api/v1/keys"));
    draw();
  } catch (fault) {
    byId("list").replaceChildren(failure(fault, load));
  }
}

function edit(key) {
  edited = key;
  byId("terms-title").textContent = key ? "Change the key" : "New key";
  byId("terms-save").textContent = key ? "Save" : "Create";
  byId("name").value = key?.name ?? "";
  for (const box of all("[name=scope]", terms)) box.checked = key ? key.scopes.includes(box.value) : box.value !== "admin";
  byId("expires").value = lastDayOf(key);
  byId("budget").value = key?.monthly_budget ?? "";
  byId("rate").value = key?.rate_limit ?? "";
  byId("models").value = key?.models?.join(", ") ?? "";
  show(byId("terms-error"), false);
  terms.showModal();
}

/** The end of the day; where that is the day that it was, the very moment: a key that was rotated ends within it. */
function endOf(day) {
  if (day === lastDayOf(edited)) return edited?.expires_at ?? null;
  return day ? Math.floor(Date.parse(`${day}T23:59:59Z`) / 1000) : null;
}

function given() {
  const models = byId("models").value.split(",").map((id) => id.trim()).filter(Boolean);
  return {
    name: byId("name").value,
    scopes: all("[name=scope]:checked", terms).map((box) => box.value),
    expires_at: endOf(byId("expires").value),
    monthly_budget: byId("budget").value.trim() || null,
    rate_limit: byId("rate").value.trim() || null,
    models: models.length ? models : null,
  };
}

async function save() {
  show(byId("terms-error"), false);
  try {
    if (!given().scopes.length) throw new Error("Tick at least one thing that the key may do.");
    if (edited) {
      await patch(`/api/v1/keys/${edited.id}`, given());
      toast("Saved");
    } else showSecret(await post("/api/v1/keys", given()), "");
    terms.close();
    await load();
  } catch (fault) {
    byId("terms-error").textContent = fault.message;
    show(byId("terms-error"));
  }
}

function showSecret(made, note) {
  byId("secret").textContent = made.secret;
  byId("made-note").textContent = note;
  byId("made").showModal();
}

function askRotation(key) {
  rotated = key;
  byId("rotate").showModal();
}

async function rotate() {
  const seconds = Number(byId("grace").value);
  const made = await post(`/api/v1/keys/${rotated.id}/rotate`, { grace_seconds: seconds });
  byId("rotate").close();
  showSecret(made, seconds ? `The old key works until ${dateTime(Date.now() + 1000 * seconds)}.` : "The old key has ended.");
  await load();
}

async function revoke(key, button) {
  const sure = await confirm({ title: `Revoke “${key.name}”?`, text: "Calls with this key are refused from now on. That cannot be undone.", action: "Revoke" });
  if (!sure) return;
  await busy(button, async () => {
    await remove(`/api/v1/keys/${key.id}`);
    toast("The key was revoked");
    await load();
  });
}

function drawSnippet() {
  const language = document.querySelector("[name=language]:checked").value;
  byId("snippet").textContent = keySnippets(location.origin)[language];
}

async function listModels() {
  const { data } = await get("/api/v1/skill/models?page_size=100");
  byId("model-ids").replaceChildren(...data.models.map((model) => make("option", { value: model.id })));
}

for (const dialog of [terms, byId("rotate")]) closable(dialog);
closable(byId("made"), { last: true });
byId("made").addEventListener("close", () => (byId("secret").textContent = ""));
byId("create-open").addEventListener("click", () => edit(null));
byId("ended").addEventListener("change", draw);
byId("language").addEventListener("change", drawSnippet);
byId("secret-copy").addEventListener("click", () => copy(byId("secret").textContent, "Copied: put it where your program finds it"));
byId("terms-form").addEventListener("invalid", () => show(byId("terms-error"), false), { capture: true });
byId("terms-form").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(byId("terms-save"), save);
});
byId("rotate-form").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(byId("rotate-go"), rotate);
});

drawSnippet();
load();
listModels().catch(() => {});
