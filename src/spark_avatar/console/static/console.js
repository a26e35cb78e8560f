// The page uses nothing but the public API: upload, create, poll.

const POLL_MILLISECONDS = 1000;
const KEY_NAME = "spark-avatar-key";
const MODEL = "spark_avatar_picture_omni_v2";
const SAMPLES = {
  portrait: { url: "/samples/portrait.png", name: "portrait.png" },
  recording: { url: "/samples/speech.flac", name: "speech.flac" },
};

const byId = (id) => document.getElementById(id);
const chosen = { portrait: null, recording: null };

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { Authorization: `Bearer ${byId("key").value.trim()}`, ...options.headers } });
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.message || `The server answered ${response.status}.`);
  return body;
}

async function upload(file) {
  const form = new FormData();
  form.append("file", file, file.name);
  return (await call("/api/v1/storage/files", { method: "POST", body: form })).url;
}

function create(imageUrl, audioUrl) {
  const body = { model: MODEL, input: [{ params: { image_url: imageUrl, audio_url: audioUrl } }] };
  return call("/model/v1/generation", { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
}

async function finish(task) {
  while (task.status === "in_progress") {
    const percent = Math.round(task.progress * 100);
    showProgress(percent ? `Rendering, ${percent} %` : "Waiting for a worker", task.progress);
    await new Promise((done) => setTimeout(done, POLL_MILLISECONDS));
    task = await call(`/model/v1/generation/task/${encodeURIComponent(task.id)}`);
  }
  return task;
}

async function generate() {
  for (const kind of ["portrait", "recording"]) {
    if (!chosen[kind]) throw new Error(`Choose a ${kind}, or use the sample.`);
  }
  clearResult();
  showProgress("Uploading", 0);
  const [imageUrl, audioUrl] = await Promise.all([upload(chosen.portrait), upload(chosen.recording)]);
  const task = await finish(await create(imageUrl, audioUrl));
  showWarnings(task.metadata.warnings || []);
  if (task.status === "failed") throw new Error(task.error.message);
  showVideo(task);
}

function showProgress(text, fraction) {
  byId("work").hidden = false;
  byId("placeholder").hidden = true;
  byId("stage").textContent = text;
  byId("progress").value = fraction;
}

function showVideo(task) {
  const file = task.output[0].content[0];
  byId("video").src = file.url;
  byId("video").hidden = false;
  byId("download").href = file.url;
  byId("facts").textContent = `${(file.size / 1e6).toFixed(1)} MB, ready after ${task.metadata.completed_at.toFixed(1)} s`;
  byId("finished").hidden = false;
}

function showWarnings(warnings) {
  byId("warnings").replaceChildren(...warnings.map(({ message }) => {
    const item = document.createElement("li");
    item.textContent = message;
    return item;
  }));
  byId("warnings").hidden = warnings.length === 0;
}

function showError(message) {
  byId("error").textContent = message;
  byId("error").hidden = !message;
}

function clearResult() {
  byId("video").removeAttribute("src");
  byId("video").load();
  for (const id of ["video", "finished", "warnings"]) byId(id).hidden = true;
}

function choose(kind, file) {
  chosen[kind] = file;
  const preview = byId(`${kind}-preview`);
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(file);
  preview.hidden = false;
  byId(`${kind}-empty`).hidden = true;
}

async function chooseSample(kind) {
  const response = await fetch(SAMPLES[kind].url);
  if (!response.ok) throw new Error("The sample could not be loaded.");
  const content = await response.blob();
  const file = new File([content], SAMPLES[kind].name, { type: content.type });
  const transfer = new DataTransfer(); // the only way to make a file input show a file's name
  transfer.items.add(file);
  byId(kind).files = transfer.files;
  choose(kind, file);
}

async function attempt(button, action) {
  button.disabled = true;
  showError("");
  try {
    await action();
  } catch (error) {
    showError(error.message);
  } finally {
    button.disabled = false;
  }
}

byId("key").value = sessionStorage.getItem(KEY_NAME) || "";
byId("key").addEventListener("input", (event) => sessionStorage.setItem(KEY_NAME, event.target.value.trim()));
for (const kind of ["portrait", "recording"]) {
  byId(kind).addEventListener("change", (event) => event.target.files[0] && choose(kind, event.target.files[0]));
}
for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", () => attempt(button, () => chooseSample(button.dataset.sample)));
}
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(byId("generate"), async () => {
    try {
      await generate();
    } finally {
      byId("work").hidden = true;
      byId("placeholder").hidden = !byId("video").hidden;
    }
  });
});
