// The playground: inputs and options on one side, the video on the other.

import { follow, get, post, query, remove } from "../api.js";
import { byId, debounce, make, show } from "../dom.js";
import { busy, closable, toast } from "../feedback.js";
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
  if (!ready()) return; // another file was chosen meanwhile
  const length = recording.state.analysis?.audio?.seconds;
  try {
    const { data } = await post(`/model/v1/generation/precharge${query({ seconds: length })}`, body());
    if (!ready()) return;
    const price = Number(data.cost) ? `About ${money(data.cost, data.currency)}` : "Free of charge";
    byId("estimate").textContent = length ? `${price} for ${seconds(length)} of video` : price;
  } catch (fault) {
    if (ready()) byId("estimate").textContent = fault.message;
  }
}

async function generate(extra = {}) {
  const aborter = new AbortController();
  running = { aborter, id: null };
  show(byId("generate"), false);
  show(byId("cancel"));
  screen.begin(portrait.state.preview());
  try {
    const task = await post("/model/v1/generation", body(extra), { signal: aborter.signal });
    running.id = task.id;
    screen.progress({ stage: "queued", progress: 0 });
    finished(await follow(task.id, (news) => screen.progress(news), aborter.signal));
  } catch (fault) {
    if (fault.name === "AbortError") screen.stop();
    else screen.fail(fault.code, fault.message);
  } finally {
    running = null;
    show(byId("generate"));
    show(byId("cancel"), false);
  }
}

function finished(task) {
  if (task.status === "failed") return screen.fail(task.error.code, task.error.message);
  made.push(task);
  return choose(task);
}

function choose(task) {
  current = task;
  screen.finish(task, { play: true });
  screen.takes(made, current, choose);
}

async function cancel() {
  const { id, aborter } = running;
  aborter.abort();
  if (id) {
    await remove(`/model/v1/generation/task/${encodeURIComponent(id)}`);
    toast("Cancelled");
  }
}

async function load(id, given = {}) {
  model = id;
  await options.load(id);
  options.write(given);
}

async function chooseModel() {
  const { data } = await get("/api/v1/skill/models?type=video&page_size=100");
  const list = byId("model");
  list.replaceChildren(...data.models.map(({ id, name }) => make("option", { value: id }, name)));
  show(byId("model-box"), data.models.length > 1);
  list.addEventListener("change", () => load(list.value).catch((fault) => toast(fault.message, "bad")));
  const repeated = new URLSearchParams(location.search).get("task");
  if (!repeated) return load(data.models[0].id);
  const task = await get(`/api/v1/tasks/${encodeURIComponent(repeated)}`);
  list.value = task.model;
  portrait.take(task.inputs.image.url, "portrait");
  recording.take(task.inputs.audio.url, "recording");
  return load(task.model, task.options);
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
byId("cancel").addEventListener("click", (event) => busy(event.currentTarget, cancel));
byId("both-samples").addEventListener("click", () => Promise.all([portrait.chooseSample(), recording.chooseSample()]));
byId("show-code").addEventListener("click", () => (showCode(), byId("code").showModal()));
byId("language").addEventListener("change", showCode);
closable(byId("code"));
shareDialog(byId("share"), () => current.id);
camera(portrait);
recorder(recording);

// Files may be dropped anywhere, and pictures pasted: their kind says where they belong.
function sort(files) {
  for (const file of files) (file.type.startsWith("image/") ? portrait : recording).choose(file);
}
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  sort(event.dataTransfer.files);
});
addEventListener("paste", (event) => sort(event.clipboardData.files));
addEventListener("beforeunload", (event) => running && event.preventDefault());

changed();
busy(byId("generate"), chooseModel).then(changed);
