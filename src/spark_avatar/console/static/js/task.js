// One task: the video, what went in, how it went, and what can be done with it.

import { cancel, follow, get, localPath, post, remove } from "./api.js";
import { byId, icon, make, one, show } from "./dom.js";
import { busy, confirm, copyable, failure, toast } from "./feedback.js";
import { bytes, dateTime, money, percent, seconds, words } from "./format.js";
import { helpFor } from "./error_help.js";
import { shareDialog } from "./share.js";
import { pace, stageName } from "./stages.js";
import { badge, bar, isOpen, names, summary } from "./task_parts.js";

const root = byId("task");
const path = `/api/v1/tasks/${encodeURIComponent(root.dataset.id)}`;
const wire = `/model/v1/generation/task/${encodeURIComponent(root.dataset.id)}`;
let task = null;

const card = (title, ...content) => make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", {}, title)), content);
const facts = (pairs) => make("dl", { class: "facts" }, pairs.filter(([, value]) => value !== undefined && value !== null && value !== "").flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));

function stage() {
  if (task.status === "completed") {
    const content = task.task.output[0].content[0];
    const video = make("video", { controls: true, playsinline: true, preload: "metadata", width: task.width, height: task.height, src: localPath(content.url), "aria-label": "The finished video" });
    if (task.thumbnail_url) video.poster = localPath(task.thumbnail_url);
    return make("section", { class: "card stage" }, video);
  }
  if (isOpen(task)) {
    const words = make("p", { role: "status", id: "stage" }, summary(task));
    const ahead = make("p", { class: "muted small", id: "ahead", hidden: !task.position }, `${task.position} before it`);
    return make("section", { class: "card stack" }, words, ahead, make("div", { id: "progress" }, bar(task.progress)), make("p", { class: "muted small num", id: "eta" }, ""));
  }
  const [, advice] = helpFor(task.error.code);
  const cancelled = task.error.code === "003016031";
  return make(
    "section",
    { class: `note ${cancelled ? "" : "bad"}` },
    icon(cancelled ? "info" : "bad"),
    make("div", { class: "stack" }, make("p", {}, task.error.message), make("div", {}, make("b", { class: "small" }, "The way out"), make("p", { class: "small" }, advice)), make("p", { class: "mono small muted" }, `Code ${task.error.code}`)),
  );
}

function input(kind, { url, stored, available }, name) {
  if (available && !stored) return make("p", { class: "small mono" }, url);
  return make("figure", {}, shownInput(kind, url, available), name && make("figcaption", { class: "small muted anywhere" }, name));
}

function shownInput(kind, url, available) {
  if (!available) return make("p", { class: "muted small" }, `The ${kind} has been removed: uploads are kept for a while only.`);
  return kind === "portrait" ? make("img", { src: localPath(url), alt: "The portrait" }) : make("audio", { src: localPath(url), controls: true, preload: "none", "aria-label": "The recording" });
}

function timeline() {
  const { timings } = task.task.metadata;
  if (!timings) return null;
  const waited = task.started_at ? task.started_at - task.created_at : 0;
  const order = ["fetch", "probe", ...Object.keys(timings).filter((name) => !["fetch", "probe", "finish", "total"].includes(name)), "finish"];
  const steps = [["Waiting", waited, "waiting"], ...order.filter((name) => timings[name] !== undefined).map((name) => [stageName(name), timings[name], ""])];
  const whole = steps.reduce((sum, [, length]) => sum + length, 0) || 1;
  let at = 0;
  const items = steps.map(([name, length, kind]) => {
    const piece = make("i", { class: kind });
    piece.style.left = `${(at / whole) * 100}%`;
    piece.style.width = `${(length / whole) * 100}%`;
    at += length;
    return make("li", {}, make("span", {}, name), make("span", { class: "track", "aria-hidden": "true" }, piece), make("span", { class: "num muted" }, length < 0.1 ? `${Math.round(length * 1000)} ms` : seconds(length)));
  });
  return card("How it went", make("ul", { class: "timeline" }, items));
}

function diagnostics() {
  const { face, audio } = task.task.metadata;
  if (!face?.box && !audio?.seconds) return null;
  return card(
    "What was measured",
    facts([
      ["Faces", face?.faces],
      ["Face", face && `${percent(face.face_share)} of the height, ${Math.round(face.eye_distance)} pixels between the eyes`],
      ["Head", face && `turned ${Math.round(face.pose.yaw)}°, nodded ${Math.round(face.pose.pitch)}°, tilted ${Math.round(face.pose.roll)}°`],
      ["Recording", audio && `${seconds(audio.seconds)}, ${audio.sample_rate / 1000} kHz, ${audio.channels === 1 ? "mono" : `${audio.channels} channels`}`],
      ["Speech", audio && `${seconds(audio.speech_seconds)}, ${Math.round(audio.loudness_db - audio.noise_db)} dB above the background`],
    ]),
  );
}

function about() {
  const content = task.task.output?.[0].content[0];
  return card(
    "About",
    facts([
      ["Created", dateTime(task.created_at * 1000)],
      ["Model", task.model],
      ["Engine", task.engine],
      ["Key", task.key_name],
      ["Length", task.seconds && seconds(task.seconds)],
      ["Size", content && `${task.width} × ${task.height}, ${bytes(content.size)}`],
      ["Cost", task.cost && money(task.cost)],
      ["Seed", task.task.metadata.seed],
      ["Attempts", task.attempts],
      ["Webhook", task.webhook_url],
      ["Request", task.request_id],
    ]),
  );
}

function given() {
  const options = Object.entries(task.options);
  const lines = options.length ? facts(options.map(([name, value]) => [words(name), String(value)])) : make("p", { class: "muted small" }, "All options had their defaults.");
  return card("Options", lines);
}

function warnings() {
  const found = task.task.metadata.warnings ?? [];
  if (!found.length) return null;
  return card("What could be better", make("ul", { class: "findings" }, found.map(({ message }) => make("li", { class: "warn" }, icon("warn"), make("span", {}, message)))));
}

function raw() {
  const text = JSON.stringify(task.task, null, 2);
  return make("details", { class: "card fold" }, make("summary", {}, icon("right"), make("h2", {}, "JSON")), copyable(text));
}

function draw() {
  byId("title").textContent = summary(task);
  byId("status").replaceChildren(badge(task));
  const inputs = card("What went in", make("div", { class: "inputs" }, input("portrait", task.inputs.image, task.image_name), input("recording", task.inputs.audio, task.audio_name)));
  root.replaceChildren(make("div", { class: "detail" }, make("div", { class: "stack" }, stage(), warnings(), timeline(), raw()), make("div", { class: "stack" }, inputs, about(), given(), diagnostics())));
  document.title = `${names(task) || summary(task)} · Spark Avatar`;
  const video = task.task.output?.[0].content[0].url;
  show(byId("download"), Boolean(video));
  if (video) byId("download").href = localPath(video);
  byId("open").href = `/?task=${encodeURIComponent(task.id)}`;
  show(byId("share"), task.status === "completed");
  one("span", byId("end")).textContent = isOpen(task) ? "Cancel" : "Delete";
  for (const id of ["repeat", "open"]) show(byId(id), task.inputs.image.available && task.inputs.audio.available);
  byId("actions").classList.remove("pending");
}

async function watch() {
  const left = pace();
  await follow(task.id, ({ stage, progress, status }) => {
    Object.assign(task, { stage, progress, status: progress > 0 || stage !== "queued" ? "running" : task.status });
    if (status !== "in_progress") return;
    byId("stage").textContent = summary(task);
    byId("title").textContent = summary(task);
    if (task.status === "running") show(byId("ahead"), false);
    byId("status").replaceChildren(badge(task));
    byId("progress").replaceChildren(bar(progress));
    const rest = left(progress, stage);
    byId("eta").textContent = rest === undefined ? "" : `about ${seconds(Math.max(1, Math.round(rest)))} left`;
  });
  await load();
}

async function load() {
  try {
    task = await get(path);
    draw();
  } catch (fault) {
    return root.replaceChildren(failure(fault.status === 404 ? new Error("There is no such task in this workspace. It may have been deleted.") : fault, fault.status === 404 ? null : load));
  }
  if (isOpen(task)) watch().catch((fault) => toast(fault.message, "bad"));
}

async function repeat() {
  const { image, audio } = task.inputs;
  const made = await post("/model/v1/generation", { model: task.model, input: [{ params: { image_url: image.url, audio_url: audio.url, ...task.options, seed: task.task.metadata.seed } }] });
  location.assign(`/tasks/${encodeURIComponent(made.id)}`);
}

async function end() {
  if (isOpen(task)) {
    try {
      await cancel(task.model, task.id);
      toast("Cancelled");
    } finally {
      await load(); // it may have ended meanwhile
    }
    return undefined;
  }
  const sure = await confirm({ title: "Delete this task?", text: "The video, the inputs that came with it and this record go for good. What it cost stays in the usage.", action: "Delete" });
  if (!sure) return undefined;
  await remove(wire);
  return location.assign("/tasks");
}

byId("repeat").addEventListener("click", (event) => busy(event.currentTarget, repeat));
byId("end").addEventListener("click", (event) => busy(event.currentTarget, end));
shareDialog(byId("share"), () => task.id);
load();
