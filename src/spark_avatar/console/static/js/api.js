// Every call of the server. The session's cookie goes along by itself; calls that change something carry its token.

export class ApiError extends Error {
  constructor(message, { status = 0, code = "" } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const token = document.querySelector('meta[name="csrf-token"]')?.content;
const SAFE = ["GET", "HEAD"];

function headersFor(method, extra) {
  const headers = { ...extra };
  if (token && !SAFE.includes(method)) headers["X-CSRF-Token"] = token;
  return headers;
}

/** `stay`: a refusal is about what was typed, not about the session. */
async function send(method, path, { body, headers = {}, signal, stay = false } = {}) {
  let response;
  try {
    response = await fetch(path, { method, body, signal, headers: headersFor(method, headers), credentials: "same-origin" });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new ApiError("The server cannot be reached. Check that it is running, then try again.");
  }
  if (response.ok) return response;
  if (response.status === 401 && token && !stay) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  if (response.status === 403 && token && !SAFE.includes(method)) await checkToken();
  const answer = await response.json().catch(() => ({}));
  throw new ApiError(answer.message ?? `The server answered ${response.status}.`, {
    status: response.status,
    code: answer.error?.code ?? "",
  });
}

/** Whoever signs in again in another tab has another token. The page stays whose it was: it is not sent in the new one's name. */
async function checkToken() {
  const session = await get("/api/v1/session");
  if (session.csrf_token !== token) throw new ApiError("Somebody has signed in anew since this page was opened: reload it, then try again.");
}

const json = async (response) => (response.status === 204 ? null : response.json());
const asJson = (value) => ({ body: JSON.stringify(value), headers: { "Content-Type": "application/json" } });

export const get = async (path, options) => json(await send("GET", path, options));
export const post = async (path, value, options) => json(await send("POST", path, { ...asJson(value), ...options }));
export const patch = async (path, value) => json(await send("PATCH", path, asJson(value)));
export const put = async (path, value, options) => json(await send("PUT", path, { ...asJson(value), ...options }));
export const remove = async (path) => json(await send("DELETE", path));
export const download = async (path) => (await send("GET", path)).blob();

const LONGEST_NAME = 100; // characters

/**
 * Stores a file; answers the address that the model's parameters accept. Its name goes along behind the `#`: the server keeps it
 * with the task only, and shows it there.
 */
export async function upload(file, options) {
  const form = new FormData();
  form.append("file", file, file.name);
  const { url } = await json(await send("POST", "/api/v1/storage/files", { ...options, body: form }));
  return `${url}#${encodeURIComponent([...file.name].slice(0, LONGEST_NAME).join(""))}`;
}

/** Ends a task that waits or runs. One that has ended is left alone: the call for both would delete it, with its video. */
export const cancel = (model, taskId) =>
  put(`/model/v1/queue/${encodeURIComponent(model)}/requests/${encodeURIComponent(taskId)}/cancel`, {});

/** The path of an address of ours: links are made for the public address, and pages may be looked at by another. */
export const localPath = (address) => {
  const url = new URL(address, location.href);
  return url.origin === location.origin ? url.pathname + url.search : address;
};

/** A query of those values that say something. */
export const query = (values) => {
  const entries = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return entries.length ? `?${new URLSearchParams(entries)}` : "";
};

/**
 * Follows a task's progress until its end, over any number of connections: calls `onProgress` with each change and answers
 * the finished task.
 */
export async function follow(taskId, onProgress, signal) {
  const path = `/model/v1/generation/task/${encodeURIComponent(taskId)}/events`;
  let seen = "";
  for (let failures = 0; ; ) {
    try {
      const response = await send("GET", path, { signal, headers: seen ? { "Last-Event-ID": seen } : {} });
      failures = 0;
      for await (const event of eventsOf(response)) {
        seen = event.id;
        if (event.name !== "progress") return JSON.parse(event.data);
        onProgress(JSON.parse(event.data));
      }
    } catch (fault) {
      if (fault.name === "AbortError" || [401, 403, 404].includes(fault.status) || ++failures > 20) throw fault;
    }
    await new Promise((done) => setTimeout(done, 250 * Math.min(8, 1 + failures)));
  }
}

/** Server-Sent Events of a response. */
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const lines = Object.fromEntries(block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]));
      if (lines.event) yield { id: lines.id, name: lines.event, data: lines.data };
    }
  }
}
