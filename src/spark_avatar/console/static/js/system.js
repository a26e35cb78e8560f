// The state of the server, for those who run it.

import { get, post } from "./api.js";
import { byId, icon, make } from "./dom.js";
import { busy, failure } from "./feedback.js";
import { count, seconds, words } from "./format.js";
import { helpFor } from "./error_help.js";

const SECONDS = 3;
const STATES = { idle: "good", busy: "live", starting: "warn", draining: "warn", full: "bad" };

const card = (title, ...content) => make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", {}, title)), content);
const tile = (name, value, note) => make("dl", { class: "card tile" }, make("dt", {}, name), make("dd", {}, value), note && make("dd", {}, note));
const facts = (pairs) => make("dl", { class: "facts" }, pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));

function health(checks) {
  const bad = Object.entries(checks).filter(([, fine]) => !fine);
  if (!bad.length) return make("div", { class: "note good", role: "status" }, icon("check"), make("p", {}, make("b", {}, "This server takes work. "), `${Object.keys(checks).map(words).join(", ")} answer.`));
  return make("div", { class: "note bad", role: "status" }, icon("bad"), make("p", {}, make("b", {}, "This server cannot take work now. "), `${bad.map(([name]) => words(name)).join(", ")} do not answer.`));
}

function queue({ queue: facts }) {
  const oldest = facts.queued ? `the oldest for ${seconds(facts.oldest_queued_seconds)}` : "nobody waits";
  return make("div", { class: "tiles" }, tile("Waiting", count(facts.queued), oldest), tile("Running", count(facts.running)), tile("Completed", count(facts.completed), "kept tasks"), tile("Failed", count(facts.failed), "kept tasks"));
}

function worker(each) {
  const state = each.silent ? make("span", { class: "badge bad" }, "Silent") : make("span", { class: `badge ${STATES[each.state]}` }, words(each.state));
  const task = each.task_id ? `${each.task_id.slice(0, 8)}, ${seconds(each.busy_seconds)}` : "";
  return make("tr", {}, make("td", {}, each.name), make("td", {}, state), make("td", { class: "mono small" }, task), make("td", {}, each.host), make("td", {}, each.engines.join(", ") || "all"), make("td", { class: "right num" }, seconds(each.started_ago)), make("td", {}, each.version));
}

function workers({ workers: list }) {
  if (!list.length) return card("Workers", make("p", { class: "muted" }, "No worker has signed in. Tasks wait until one does: start one with ", make("code", {}, "spark-avatar worker"), ", or let this server run some (", make("code", {}, "SPARK_AVATAR_WORKERS"), ")."));
  const heads = ["Worker", "State", "Task", "Host", "Engines", "Up", "Version"];
  return card("Workers", make("div", { class: "table-box", tabindex: "0", role: "region", "aria-label": "Workers" }, make("table", { class: "table" }, make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col", class: head === "Up" ? "right" : "" }, head)))), make("tbody", {}, list.map(worker)))));
}

function failures({ queue: { failures_by_code: codes, queued_by_engine: engines } }) {
  const failed = Object.entries(codes).sort(([, a], [, b]) => b - a);
  const waiting = Object.entries(engines);
  return card(
    "Why tasks failed",
    failed.length ? facts(failed.map(([code, times]) => [make("code", {}, code), `${count(times)} · ${helpFor(code)[0]}`])) : make("p", { class: "muted small" }, "None of the kept tasks has failed."),
    waiting.length ? make("p", { class: "muted small" }, `Waiting: ${waiting.map(([name, times]) => `${count(times)} for ${name}`).join(", ")}`) : null,
  );
}

async function load() {
  try {
    if (!document.hidden) {
      const state = await get("/api/v1/system");
      byId("system").replaceChildren(health(state.checks), queue(state), workers(state), make("div", { class: "system-pair" }, card("Versions and choices", facts(Object.entries(state.facts))), failures(state)));
    }
  } catch (fault) {
    byId("system").replaceChildren(failure(fault));
  }
  setTimeout(load, SECONDS * 1000);
}

async function check() {
  const { engines } = await post("/api/v1/system/engines/check", {});
  const items = engines.map(({ engine, server, fine, detail }) => make("li", { class: fine ? "good" : "bad" }, icon(fine ? "check" : "bad"), make("span", {}, make("b", {}, `${engine} at ${server} `), detail)));
  byId("engines").replaceChildren(items.length ? make("ul", { class: "findings" }, items) : make("p", { class: "muted small" }, "None is set up. Name ComfyUI servers in SPARK_AVATAR_COMFYUI_URLS, or another server of this API in SPARK_AVATAR_REMOTE_URL."));
}

byId("check").addEventListener("click", (event) => busy(event.currentTarget, check));
load();
