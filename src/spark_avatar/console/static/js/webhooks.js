// Webhook endpoints with their secrets, and the log of deliveries.

import { get, patch, post, remove } from "./api.js";
import { all, byId, icon, make, show } from "./dom.js";
import { busy, closable, confirm, copy, failure, toast } from "./feedback.js";
import { ago, dateTime } from "./format.js";
import { table } from "./table.js";

const BECAUSE = { owner: "switched off", failing: "off: it failed for days", gone: "off: it answered 410" };
const STATES = { waiting: "live", delivered: "good", given_up: "bad" };
const STATE_WORDS = { waiting: "waiting", delivered: "delivered", given_up: "given up" };
const terms = byId("terms");
let edited = null;

const time = (seconds) => seconds * 1000;

function button(name, label, action) {
  return make("button", { class: "button quiet small square", type: "button", title: label, "aria-label": label, onclick: (event) => busy(event.currentTarget, action) }, icon(name));
}

function endpointRow(endpoint) {
  const path = `/api/v1/webhooks/${endpoint.id}`;
  const state = endpoint.enabled ? (endpoint.failing_since ? ["warn", "failing"] : ["good", "on"]) : ["bad", BECAUSE[endpoint.disabled_because] ?? "off"];
  return make("tr", {},
    make("td", {}, make("b", { class: "mono small anywhere" }, endpoint.url), make("div", { class: "small muted anywhere" }, endpoint.description)),
    make("td", {}, make("span", { class: `badge ${state[0]}` }, state[1])),
    make("td", { class: "small" }, endpoint.events.map((event) => event.replace("task.", "")).join(", ")),
    make("td", { class: "right" }, make("div", { class: "row nowrap" },
      button("play", "Send a test", async () => { await post(`${path}/test`, {}); toast("A test is on its way"); setTimeout(loadDeliveries, 1500); }),
      button("keys", "Show the secret", async () => showSecret((await get(`${path}/secret`)).secret, "That you looked at it stands in the audit log.")),
      button("again", "New secret", () => rotate(endpoint)),
      button("settings", "Change", () => edit(endpoint)),
      endpoint.enabled ? button("pause", "Switch off", () => enable(endpoint, false)) : button("check", "Switch on", () => enable(endpoint, true)),
      button("trash", "Delete", () => forget(endpoint)),
    )));
}

async function load() {
  try {
    const { endpoints } = await get("/api/v1/webhooks");
    byId("endpoints").replaceChildren(
      endpoints.length
        ? table("Endpoints", ["Address", "State", "Events", ""], endpoints.map(endpointRow))
        : make("div", { class: "empty" }, icon("webhooks"), make("h2", {}, "No endpoints yet"), make("p", {}, "Instead of asking for a task again and again, let us call you. A single request can also name its own webhook_url.")),
    );
  } catch (fault) {
    byId("endpoints").replaceChildren(failure(fault, load));
  }
}

function deliveryRow(delivery) {
  const answer = delivery.last_error ?? (delivery.last_status ? `HTTP ${delivery.last_status}` : "");
  return make("tr", {},
    make("td", {}, make("b", {}, delivery.event), make("div", { class: "small muted mono anywhere" }, delivery.task_id ?? "test")),
    make("td", {}, make("span", { class: `badge ${STATES[delivery.state]}` }, STATE_WORDS[delivery.state])),
    make("td", {}, make("span", { class: "mono small anywhere" }, delivery.url)),
    make("td", {}, make("span", { class: "small anywhere" }, `${delivery.attempts} × ${answer}`.trim())),
    make("td", { class: "small" }, ago(time(delivery.created_at))),
    make("td", { class: "right" }, make("div", { class: "row nowrap" },
      button("info", "Attempts", () => showLog(delivery)),
      button("again", "Send again", async () => { await post(`/api/v1/webhooks/deliveries/${delivery.id}/replay`, {}); toast("It is sent again"); setTimeout(loadDeliveries, 1500); }),
    )));
}

async function loadDeliveries() {
  try {
    const { deliveries } = await get("/api/v1/webhooks/deliveries?limit=50");
    byId("deliveries").replaceChildren(
      deliveries.length
        ? table("Deliveries", ["Event", "State", "Address", "Attempts", "Made", ""], deliveries.map(deliveryRow))
        : make("p", { class: "muted" }, "Nothing has been delivered yet. The newest fifty messages will stand here."),
    );
  } catch (fault) {
    byId("deliveries").replaceChildren(failure(fault, loadDeliveries));
  }
}

async function showLog(delivery) {
  const { attempts } = await get(`/api/v1/webhooks/deliveries/${delivery.id}`);
  byId("log-body").replaceChildren(
    attempts.length
      ? table("Attempts", ["#", "When", "Answer", "Took"], attempts.map((one) => make("tr", {}, make("td", {}, `${one.number}`), make("td", {}, dateTime(time(one.at))), make("td", {}, one.error ?? `HTTP ${one.status}`), make("td", { class: "num" }, `${one.milliseconds} ms`))))
      : make("p", { class: "muted" }, "Not tried yet."),
    make("p", { class: "muted small" }, delivery.next_at ? `Next try: ${dateTime(time(delivery.next_at))}` : ""),
  );
  byId("log").showModal();
}

function showSecret(secret, note) {
  byId("secret").textContent = secret;
  byId("secret-note").textContent = note;
  byId("secret-dialog").showModal();
}

async function rotate(endpoint) {
  if (!(await confirm({ title: "Make a new secret?", text: "For a day messages carry both signatures, so that your server can change over.", action: "New secret", kind: "primary" }))) return;
  showSecret((await post(`/api/v1/webhooks/${endpoint.id}/rotate`, {})).secret, "The secret before signs for one more day.");
  await load();
}

async function enable(endpoint, enabled) {
  await patch(`/api/v1/webhooks/${endpoint.id}`, { enabled });
  await load();
}

async function forget(endpoint) {
  if (!(await confirm({ title: "Delete this endpoint?", text: "Its log goes too, and what waits is not sent.", action: "Delete" }))) return;
  await remove(`/api/v1/webhooks/${endpoint.id}`);
  await Promise.all([load(), loadDeliveries()]);
}

function edit(endpoint) {
  edited = endpoint;
  byId("terms-title").textContent = endpoint ? "Change the endpoint" : "New endpoint";
  byId("terms-save").textContent = endpoint ? "Save" : "Create";
  byId("url").value = endpoint?.url ?? "";
  byId("description").value = endpoint?.description ?? "";
  for (const box of all("[name=event]", terms)) box.checked = endpoint ? endpoint.events.includes(box.value) : true;
  show(byId("terms-error"), false);
  terms.showModal();
}

async function save() {
  const given = { url: byId("url").value, description: byId("description").value, events: all("[name=event]:checked", terms).map((box) => box.value) };
  try {
    if (edited) await patch(`/api/v1/webhooks/${edited.id}`, given);
    else showSecret((await post("/api/v1/webhooks", given)).secret, "You can look at it again here at any time.");
    terms.close();
    await load();
  } catch (fault) {
    byId("terms-error").textContent = fault.message;
    show(byId("terms-error"));
  }
}

for (const dialog of [terms, byId("log")]) closable(dialog);
closable(byId("secret-dialog"), { last: true });
byId("create-open").addEventListener("click", () => edit(null));
byId("refresh").addEventListener("click", (event) => busy(event.currentTarget, loadDeliveries));
byId("secret-copy").addEventListener("click", () => copy(byId("secret").textContent));
byId("terms-form").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(byId("terms-save"), save);
});

load();
loadDeliveries();
