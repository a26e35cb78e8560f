// The playground: inputs and options on one side, the video on the other.

import { cancel, follow, get, post, query } from "../api.js";
import { byId, debounce, make, show } from "../dom.js";
import { HELP, helpFor } from "../error_help.js";
import { busy, closable, failure, toast } from "../feedback.js";
import { money, seconds } from "../format.js";
import { shareDialog } from "../share.js";
import { camera } from "./camera.js";
import { optionsForm } from "./options.js";
import { portraitCard } from "./portrait.js";
import { recorder } from "./recorder.js";
import { recordingCard } from "./recording.js";
import * as screen from "./screen.js";
import { snippets } from "./snippets.js";

const made = [];
let model = "";
let current = null;
let running = null;
let changes = 0; // of inputs and options: answers about those before come too late

const portrait = portraitCard(changed);
const recording = recordingCard(changed);
const options = optionsForm(changed);
const estimate = debounce(quote, 250);

const usable = (card) => card.state.address && card.state.analysis?.usable !== false;
const body = (extra = {}) => ({
  model,
  input: [{ params: { image_url: portrait.state.address, audio_url: recording.state.address, ...options.values(), ...extra } }],
});

const ready = () => usable(portrait) && usable(recording);

function changed() {
  changes += 1;
  byId("generate").disabled = !ready() || !model;
  for (const id of ["screen-hint", "both-samples"]) show(byId(id), !portrait.state.name && !recording.state.name);
  if (ready()) estimate();
  else byId("estimate").textContent = waitingFor();
}

function wanted({ state }, first, another) {
  if (state.refused) return ["choose", another];
  return state.name ? null : ["add", first];
}

function waitingFor() {
  const wants = [wanted(portrait, "a portrait", "another portrait"), wanted(recording, "speech", "another recording")].filter(Boolean);
  if (!wants.length) return "Sending what you chose.";
  const words = wants.map(([verb, what], i) => (verb === wants[i - 1]?.[0] ? what : `${verb} ${what}`)).join(" and ");
  return `${words[0].toUpperCase()}${words.slice(1)} to begin.`;
}

async function quote() {
  if (!ready() || !model) return; // another file was chosen meanwhile
  const asked = changes;
  const length = recording.state.analysis?.audio?.seconds;
  try {
    const { data } = await post(`/model/v1/generation/precharge${query({ seconds: length })}`, body());
    if (asked !== changes) return;
    const price = Number(data.cost) ? `About ${money(data.cost, data.currency)}` : "Free of charge";
    byId("generate").disabled = false;
    byId("estimate").textContent = length ? `${price} for ${seconds(length)} of video` : price;
  } catch (fault) {
    if (asked !== changes) return;
    byId("estimate").textContent = fault.message;
    byId("generate").disabled = fault.status >= 400 && fault.status < 500; // it would be refused as well
  }
}

async function generate(extra = {}) {
  if (running) return;
  const job = start(portrait.state.preview());
  try {
    // Never broken off: a task whose id did not arrive could not be cancelled.
    job.id = (await post("/model/v1/generation", body(extra))).id;
  } catch (fault) {
    end();
    const [title, advice] = HELP[fault.code] ?? ["This could not be started", ""];
    return screen.fail(title, fault.message, advice);
  }
  // Whoever reloads the page, or comes back to it, finds this task again.
  history.replaceState(null, "", query({ task: job.id }));
  screen.progress({ stage: "queued", progress: 0 });
  return watch(job);
}

function start(still) {
  running = { aborter: new AbortController(), id: null, model };
  show(byId("generate"), false);
  show(byId("cancel"));
  byId("cancel").focus();
  screen.begin(still);
  return running;
}

/** Follows a task to its end, or cancels it. */
async function watch(job) {
  try {
    const task = await follow(job.id, (news) => screen.progress(news), job.aborter.signal);
    end();
    if (task.status === "completed") return choose(task, { play: true });
    const [title, advice] = helpFor(task.error.code);
    return screen.fail(title, task.error.message, advice);
  } catch (fault) {
    end();
    if (fault.name === "AbortError") return cancelled(job);
    return screen.fail("The task cannot be seen from here", fault.message, "It may go on: look for it under Tasks.");
  }
}

async function cancelled(job) {
  try {
    await cancel(job.model, job.id);
    toast("Cancelled");
  } catch (fault) {
    toast(fault.message, "bad");
  }
}

/** Back to the video that was shown before, if there was one. */
function end() {
  const focused = document.activeElement === byId("cancel");
  running = null;
  show(byId("generate"));
  show(byId("cancel"), false);
  if (focused) byId("generate").focus();
  if (current) choose(current);
  else screen.clear();
}

function choose(task, { play = false } = {}) {
  if (!made.includes(task)) made.push(task);
  current = task;
  screen.finish(task, { play });
  screen.takes(made, current, (other) => choose(other, { play: true }));
}

async function load(id, given = {}) {
  model = id;
  await options.load(id);
  if (model === id) options.write(given); // else another was chosen meanwhile
}

async function chooseModel() {
  const { data } = await get("/api/v1/skill/models?type=video&page_size=100");
  const list = byId("model");
  list.replaceChildren(...data.models.map(({ id, name }) => make("option", { value: id }, name)));
  show(byId("model-box"), data.models.length > 1);
  await load(data.models[0].id);
  const earlier = new URLSearchParams(location.search).get("task");
  if (earlier) takeUp(earlier).catch((fault) => toast(fault.message, "bad"));
}

/** What an earlier task was made from, and what has become of it. */
async function takeUp(id) {
  const found = await get(`/api/v1/tasks/${encodeURIComponent(id)}`);
  const { image, audio } = found.inputs;
  byId("model").value = found.model;
  await load(found.model, { ...found.options, seed: found.task.metadata.seed });
  if (image.available) portrait.take(image.url, "portrait");
  if (audio.available) recording.take(audio.url, "recording");
  if (found.status === "completed") choose(found.task);
  else if (found.status !== "failed") await watch(Object.assign(start(portrait.state.preview()), { id, model: found.model }));
}

async function begin() {
  try {
    await chooseModel();
  } catch (fault) {
    byId("options").replaceChildren(failure(fault, begin));
  }
  changed();
}

function showCode() {
  const shown = snippets({
    origin: location.origin,
    model,
    image: portrait.state.address || "https://example.com/portrait.jpg",
    audio: recording.state.address || "https://example.com/speech.wav",
    options: options.values(),
  });
  byId("snippet").textContent = shown[byId("language").querySelector(":checked").value];
}

byId("generate").addEventListener("click", () => generate());
byId("again").addEventListener("click", () => generate({ seed: undefined }));
byId("cancel").addEventListener("click", () => {
  screen.progress({ stage: "", progress: 0 }, "Cancelling");
  running.aborter.abort();
});
byId("model").addEventListener("change", (event) => load(event.target.value).catch((fault) => toast(fault.message, "bad")));
byId("both-samples").addEventListener("click", () => Promise.all([portrait.chooseSample(), recording.chooseSample()]));
byId("show-code").addEventListener("click", () => (showCode(), byId("code").showModal()));
byId("language").addEventListener("change", showCode);
closable(byId("code"));
shareDialog(byId("share"), () => current.id);
camera(portrait);
recorder(recording);

// Files may be dropped anywhere, and pictures pasted: where they fall or what they are says where they belong.
const PICTURES = /\.(avif|bmp|gif|hei[cf]|jfif|jpe?g|png|tiff?|webp)$/i;
const isPicture = ({ type, name }) => type.startsWith("image/") || PICTURES.test(name);

function sort(files, target) {
  const card = [portrait, recording].find(({ root }) => root.contains(target));
  for (const file of files) (card ?? (isPicture(file) ? portrait : recording)).choose(file);
}
const holdsFiles = (event) => event.dataTransfer.types.includes("Files");
addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  sort(event.dataTransfer.files, event.target);
});
addEventListener("paste", (event) => sort(event.clipboardData.files, null));

changed();
busy(byId("generate"), begin);
