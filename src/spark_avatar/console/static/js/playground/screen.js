// Where the video comes to be: the portrait while it is made, with stage and time left, then the video in its place.

import { localPath } from "../api.js";
import { byId, icon, make, show } from "../dom.js";
import { bytes, count, percent, seconds } from "../format.js";
import { helpFor } from "../error_help.js";
import { pace, stageName } from "../stages.js";

const video = byId("video");
let left = pace();

function only(...visible) {
  for (const id of ["screen-empty", "screen-still", "video", "working"]) show(byId(id), visible.includes(id));
}

export function begin(still) {
  left = pace();
  byId("screen-still").src = still;
  video.pause();
  only("screen-still", "working");
  show(byId("fault"), false);
  show(byId("after"), false);
  byId("result-findings").replaceChildren();
  byId("result-facts").textContent = "";
  progress({ stage: "", progress: 0 }, "Sending");
}

export function progress({ stage, progress: share }, words = `${stageName(stage)}${share > 0.05 ? `, ${percent(share)}` : ""}`) {
  const bar = byId("progress");
  byId("stage").textContent = words;
  bar.firstElementChild.style.width = `${share * 100}%`;
  bar.setAttribute("aria-valuenow", Math.round(share * 100));
  const rest = left(share, stage);
  byId("eta").textContent = rest === undefined ? "" : `about ${seconds(Math.max(1, Math.round(rest)))} left`;
}

/** Shows a finished task's video; `play` starts it. */
export function finish(task, { play }) {
  const content = task.output[0].content[0];
  const { metadata } = task;
  only("video");
  video.poster = metadata.thumbnail_url ? localPath(metadata.thumbnail_url) : "";
  video.src = localPath(content.url);
  if (play) video.play().catch(() => {}); // a browser that wants another click first
  byId("download").href = localPath(content.url);
  byId("download").download = `spark-avatar${new URL(content.url).pathname.match(/\.\w+$/)?.[0] ?? ".mp4"}`;
  byId("details").href = `/tasks/${encodeURIComponent(task.id)}`;
  byId("result-facts").textContent = [seconds(Number(content.duration)), bytes(content.size), `seed ${metadata.seed}`].join(" · ");
  byId("result-findings").replaceChildren(
    ...(metadata.warnings ?? []).map(({ message }) => make("li", { class: "warn" }, icon("warn"), make("span", {}, message))),
  );
  show(byId("fault"), false);
  show(byId("after"));
}

export function fail(code, message) {
  const [title, advice] = helpFor(code);
  only("screen-empty");
  byId("fault").replaceChildren(make("div", { class: "note bad", role: "alert" }, icon("bad"), make("div", {}, make("b", {}, title), make("p", {}, message), make("p", { class: "muted small" }, advice))));
  show(byId("fault"));
}

/** Thumbnails of what was made on this page; `choose` is called with the one that was clicked. */
export function takes(list, current, choose) {
  byId("takes").replaceChildren(
    ...list.map((task, i) => {
      const picture = task.metadata.thumbnail_url && make("img", { src: localPath(task.metadata.thumbnail_url), alt: "" });
      return make("button", { class: "take", type: "button", "aria-pressed": String(task === current), onclick: () => choose(task) }, picture, make("span", {}, `Take ${count(i + 1)}`));
    }),
  );
  show(byId("takes"), list.length > 1);
}

export const stop = () => only("screen-empty");
