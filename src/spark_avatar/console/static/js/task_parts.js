// What the list of tasks and the page of one have in common.

import { localPath } from "./api.js";
import { icon, make } from "./dom.js";
import { percent, seconds } from "./format.js";
import { helpFor } from "./error_help.js";
import { stageName } from "./stages.js";

const STATUS = { queued: ["", "Waiting"], running: ["live", "Running"], completed: ["good", "Completed"], failed: ["bad", "Failed"] };

export const isOpen = (task) => ["queued", "running"].includes(task.status);

export function badge(task) {
  if (task.error?.code === "003016031") return make("span", { class: "badge" }, "Cancelled");
  const [kind, text] = STATUS[task.status];
  return make("span", { class: `badge ${kind}` }, text);
}

/** The picture of a task; it moves while the pointer is over it. */
export function thumb(task) {
  if (!task.thumbnail_url) return make("span", { class: "thumb" }, icon(task.status === "failed" ? "bad" : "film"));
  const still = localPath(task.thumbnail_url);
  const picture = make("img", { src: still, alt: "", loading: "lazy" });
  if (task.preview_url) {
    picture.addEventListener("pointerenter", () => (picture.src = localPath(task.preview_url)));
    picture.addEventListener("pointerleave", () => (picture.src = still));
  }
  return make("span", { class: "thumb" }, picture);
}

export function bar(share, label = "Progress") {
  const fill = make("i");
  fill.style.width = `${share * 100}%`;
  return make("div", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuenow": Math.round(share * 100), "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
}

/** What stands beside the picture: how far, how long, or why not. */
export function summary(task) {
  if (task.status === "running") return `${stageName(task.stage)}, ${percent(task.progress)}`;
  if (task.status === "queued") return "Waiting for a worker";
  if (task.status === "failed") return helpFor(task.error?.code)[0];
  return `${seconds(task.seconds)} of video`;
}

/** What went in, by which a task is recognised; empty where that has no names. */
export const names = (task) => [task.image_name, task.audio_name].filter(Boolean).join(", ");

export const workTime = (task) => (task.ended_at && task.started_at ? seconds(task.ended_at - task.started_at) : "");
