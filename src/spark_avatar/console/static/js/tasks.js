// The list of tasks: filters, pages, and news while the page is looked at.

import { get, query } from "./api.js";
import { byId, debounce, icon, make, one, show } from "./dom.js";
import { busy, failure, toast } from "./feedback.js";
import { ago, dateTime, money } from "./format.js";
import { badge, bar, isOpen, names, summary, thumb, workTime } from "./task_parts.js";

const PAGE = 25;
const BUSY_SECONDS = 1.5;
const QUIET_SECONDS = 8;

const form = byId("filters");
let shown = [];
let next = null;
let timer = null;

const filters = () => Object.fromEntries(new FormData(form));

const cell = (content, name) => make("td", { class: name }, content);

function row(task) {
  const id = make("span", { class: "mono muted" }, task.id.slice(0, 8));
  const words = names(task) ? [make("b", { class: "names", title: names(task) }, names(task)), make("span", { class: "muted" }, `${summary(task)} `, id)] : [make("b", {}, summary(task)), make("br"), id];
  const link = make("a", { class: "task-link", href: `/tasks/${encodeURIComponent(task.id)}` }, thumb(task), make("span", {}, words));
  return make(
    "tr",
    {},
    cell(link),
    cell([badge(task), task.status === "running" && bar(task.progress)]),
    cell(task.model),
    cell(task.engine),
    cell(workTime(task), "right num"),
    cell(task.cost ? money(task.cost) : "", "right num"),
    cell(task.key_name, "anywhere"),
    cell(make("time", { datetime: new Date(task.created_at * 1000).toISOString(), title: dateTime(task.created_at * 1000) }, ago(task.created_at * 1000)), "right"),
  );
}

/** Rows that did not change stay as they are, so that nothing flickers and the focus stays. */
function draw() {
  const body = byId("rows");
  const known = new Map([...body.children].map((element) => [element.dataset.id, element]));
  const rows = shown.map((task) => {
    const state = JSON.stringify([task.status, task.progress, task.stage]);
    const old = known.get(task.id);
    if (old?.dataset.state === state) return old;
    const made = row(task);
    Object.assign(made.dataset, { id: task.id, state });
    if (old?.contains(document.activeElement)) queueMicrotask(() => one("a", made).focus());
    return made;
  });
  body.replaceChildren(...rows);
  show(byId("box"), shown.length > 0);
  show(byId("none"), shown.length === 0);
  show(byId("more"), Boolean(next));
  byId("none").replaceChildren(...(shown.length ? [] : [empty()]));
}

function empty() {
  if (Object.values(filters()).some(Boolean)) {
    const reset = make("button", { class: "button", type: "button", onclick: () => (form.reset(), load()) }, "Show all tasks");
    return make("div", { class: "empty" }, icon("search"), make("h2", {}, "Nothing matches"), make("p", {}, "No task fits these filters."), make("div", { class: "row" }, reset));
  }
  const go = make("a", { class: "button primary", href: "/" }, icon("playground"), "Make the first video");
  const models = make("a", { class: "button", href: "/models" }, "See the API");
  return make("div", { class: "empty" }, icon("tasks"), make("h2", {}, "No videos yet"), make("p", {}, "Each video that is asked for becomes a task: it waits, runs, and ends with a video or a reason. Start one in the playground, or send one through the API."), make("div", { class: "row" }, go, models));
}

let asked = 0; // which filters the list is for: answers to earlier ones come too late

const page = (after = "", limit = PAGE) => get(`/api/v1/tasks${query({ ...filters(), limit, after })}`);

async function load() {
  const question = ++asked;
  try {
    const answer = await page();
    if (question !== asked) return;
    [shown, next] = [answer.tasks, answer.next ?? null];
    history.replaceState(null, "", location.pathname + query(filters()));
    draw();
  } catch (fault) {
    if (question !== asked) return;
    show(byId("box"), false);
    byId("none").replaceChildren(failure(fault, load));
    show(byId("none"));
  }
  plan();
}

/** The first page anew; what stands below it changes only when something in it is under way. */
async function refresh() {
  if (document.hidden) return plan();
  const question = asked;
  try {
    const fresh = (await page("", Math.min(100, Math.max(PAGE, shown.length)))).tasks;
    if (question !== asked) return undefined;
    const known = new Set(fresh.map(({ id }) => id));
    const oldest = fresh.at(-1)?.created_at ?? 0;
    shown = [...fresh, ...shown.filter((task) => task.created_at < oldest && !known.has(task.id))];
    draw();
  } catch (fault) {
    if (fault.status) toast(fault.message, "bad");
  }
  return plan();
}

function plan() {
  clearTimeout(timer);
  timer = setTimeout(refresh, (shown.some(isOpen) ? BUSY_SECONDS : QUIET_SECONDS) * 1000);
}

async function older() {
  const question = asked;
  const answer = await page(next);
  if (question !== asked) return;
  const first = answer.tasks[0]?.id;
  shown.push(...answer.tasks);
  next = answer.next ?? null;
  draw();
  one(`[data-id="${CSS.escape(first ?? "")}"] a`)?.focus();
}

async function fillFilters() {
  const wanted = new URLSearchParams(location.search);
  const [models, usage] = await Promise.all([get("/api/v1/skill/models?page_size=100"), get("/api/v1/usage?group=key").catch(() => ({ data: { rows: [] } }))]);
  byId("model").append(...models.data.models.map(({ id, name }) => make("option", { value: id }, name)));
  byId("key").append(...usage.data.rows.map(({ key_id: id, key_name: name }) => make("option", { value: id }, name ?? (id.startsWith("session:") ? "Console" : id))));
  for (const [name, value] of wanted) if (form.elements[name]) form.elements[name].value = value;
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", debounce(load, 150));
byId("more").addEventListener("click", (event) => busy(event.currentTarget, older));
document.addEventListener("visibilitychange", () => !document.hidden && refresh());
fillFilters().then(load, load);
