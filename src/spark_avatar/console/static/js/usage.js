// Usage: sums over days, keys and models; balance and budgets.

import { get, query } from "./api.js";
import { columns, table } from "./chart.js";
import { byId, icon, make } from "./dom.js";
import { failure } from "./feedback.js";
import { count, money, percent, seconds } from "./format.js";
import { bar } from "./task_parts.js";

const DAY = 24 * 3600 * 1000;
const NEAR = 0.8;
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

const MEASURES = {
  cost: { name: "Cost", value: (row) => Number(row.cost), tell: (row) => money(row.cost), scale: (value) => money(value < 10 ? value.toFixed(3) : String(Math.round(value))) },
  seconds: { name: "Seconds of video", value: (row) => row.seconds, tell: (row) => seconds(row.seconds), scale: (value) => `${count(value)} s` },
  tasks: { name: "Videos", value: (row) => row.tasks, tell: (row) => count(row.tasks), scale: (value) => count(value) },
};

const isoDay = (time) => new Date(time).toISOString().slice(0, 10);
const nameOf = (row) => row.model ?? row.key_name ?? (row.key_id?.startsWith("session:") ? "Console" : row.key_id);

function tile(name, value, note) {
  return make("dl", { class: "card tile" }, make("dt", {}, name), make("dd", {}, value), note && make("dd", {}, note));
}

function tiles(balance, total) {
  const limit = Number(balance.credit_limit) ? `Credit limit ${money(balance.credit_limit)}` : `Held for open tasks: ${money(balance.held)}`;
  return make(
    "div",
    { class: "tiles" },
    balance.billing_mode === "prepaid" ? tile("Available", money(balance.available_balance), limit) : tile("To pay", money(balance.arrears), `Billed afterwards. ${limit}`),
    tile("Spent", money(total.cost), "in these days"),
    tile("Video", seconds(total.seconds), `${count(total.compute_units)} compute units`),
    tile("Videos", count(total.tasks), "completed"),
  );
}

function everyDay(report, rows) {
  const known = new Map(rows.map((row) => [row.day, row]));
  const days = [];
  for (let time = Date.parse(report.first_day); time <= Date.parse(report.last_day); time += DAY) {
    const day = isoDay(time);
    days.push(known.get(day) ?? { day, tasks: 0, seconds: 0, cost: "0", compute_units: 0 });
  }
  return days;
}

const HEADS = ["Videos", "Seconds", "Compute units", "Cost"];
const numbers = (row) => [count(row.tasks), count(row.seconds), count(row.compute_units), money(row.cost)];

function overDays(report, measure, asTable) {
  const days = everyDay(report, report.rows);
  const label = (row) => shortDay.format(new Date(row.day));
  const content = asTable
    ? table(["Day", ...HEADS], days.filter((row) => row.tasks).reverse().map((row) => [row.day, ...numbers(row)]))
    : columns({ points: days.map((row) => [label(row), measure.value(row), `${label(row)}: ${measure.tell(row)}`]), tell: measure.scale, title: `${measure.name} per day from ${report.first_day} to ${report.last_day}; the tables show the numbers.` });
  return make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", {}, `${measure.name} per day`)), content);
}

function shares(title, rows, measure, asTable) {
  const sorted = [...rows].sort((a, b) => measure.value(b) - measure.value(a));
  const most = Math.max(...sorted.map(measure.value), 1e-9);
  const content = asTable
    ? table([title, ...HEADS], sorted.map((row) => [nameOf(row), ...numbers(row)]))
    : make("ul", { class: "shares" }, sorted.map((row) => make("li", {}, make("span", { class: "clip" }, nameOf(row)), make("span", { class: "num" }, measure.tell(row)), bar(measure.value(row) / most, `${nameOf(row)}: ${measure.tell(row)}`))));
  return make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", {}, `By ${title.toLowerCase()}`)), content);
}

function budgets(keys) {
  const limited = keys.filter((key) => key.monthly_budget !== null && key.state === "active");
  if (!limited.length) return null;
  const items = limited.map((key) => {
    const [spent, budget] = [Number(key.spent_this_month), Number(key.monthly_budget)];
    const share = budget ? Math.min(1, spent / budget) : 1;
    const meter = bar(share, `${key.name}: ${percent(share)} of the budget`);
    if (share >= NEAR) meter.classList.add(share >= 1 ? "bad" : "warn");
    return make("li", {}, make("span", { class: "clip" }, key.name), make("span", { class: "num" }, `${money(key.spent_this_month)} of ${money(key.monthly_budget)}`), meter);
  });
  return make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", {}, "Budgets of keys this month")), make("ul", { class: "shares" }, items));
}

function empty() {
  return make("div", { class: "card empty" }, icon("usage"), make("h2", {}, "Nothing was used in these days"), make("p", {}, "Each completed video is added here, with its length, what it took and what it cost. Failed and cancelled tasks cost nothing."), make("div", { class: "row" }, make("a", { class: "button primary", href: "/" }, icon("playground"), "Make a video")));
}

let asked = 0; // which days the page is for: answers about others come too late

async function load() {
  const question = ++asked;
  const chosen = new FormData(byId("filters"));
  const range = { from: isoDay(Date.now() - (Number(chosen.get("days")) - 1) * DAY), to: isoDay(Date.now()) };
  const asTable = byId("as-table").checked;
  const measure = MEASURES[chosen.get("measure")];
  byId("csv").href = `/api/v1/usage${query({ ...range, group: "day,key,model", format: "csv" })}`;
  try {
    const report = (group) => get(`/api/v1/usage${query({ ...range, group })}`).then(({ data }) => data);
    const [days, keys, models, balance, own] = await Promise.all([report("day"), report("key"), report("model"), get("/api/v1/user/balance"), get("/api/v1/keys").catch(() => ({ keys: [] }))]);
    if (question !== asked) return;
    const charts = days.total.tasks
      ? [overDays(days, measure, asTable), make("div", { class: "usage-pair" }, shares("Key", keys.rows, measure, asTable), shares("Model", models.rows, measure, asTable))]
      : [empty()];
    byId("usage").replaceChildren(tiles(balance.data, days.total), ...charts, budgets(own.keys) ?? "");
  } catch (fault) {
    if (question !== asked) return;
    byId("usage").replaceChildren(failure(fault, load));
  }
}

byId("filters").addEventListener("change", load);
load();
