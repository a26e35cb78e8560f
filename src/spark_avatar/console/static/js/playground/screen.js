// Where the video comes to be: the portrait while it is made, with stage and time left, then the video in its place.

import { localPath } from "../api.js";
import { byId, icon, make, show } from "../dom.js";
import { bytes, count, percent, seconds } from "../format.js";
import { pace, stageName } from "../stages.js";

const video = byId("video");
let left = pace();

function only(...visible) {
  for (const id of ["screen-empty", "screen-still", "video", "working"]) show(byId(id), visible.includes(id));
}

/** Clears what was there; `still` stands in for the video. */
export function begin(still) {
  left = pace();
  byId("screen-still").src = still;
  video.pause();
  only("screen-still", "working");
  for (const id of ["fault", "after", "takes"]) show(byId(id), false);
  byId("ready").textContent = "";
  byId("result-findings").replaceChildren();
  byId("result-facts").textContent = "";
  progress({ stage: "", progress: 0 }, "Sending");
}

export function progress({ stage, progress: share }, words = stageName(stage)) {
  const bar = byId("progress");
  if (byId("stage").textContent !== words) byId("stage").textContent = words; // read out when it changes
  bar.firstElementChild.style.width = `${share * 100}%`;
  bar.setAttribute("aria-valuenow", Math.round(share * 100));
  const rest = left(share, stage);
  const wait = rest === undefined ? "" : `about ${seconds(Math.max(1, Math.round(rest)))} left`;
  byId("eta").textContent = [share > 0.05 && percent(share), wait].filter(Boolean).join(", ");
}

/** Shows a finished task's video; `play` starts it. */
export function finish(task, { play }) {
  const content = task.output[0].content[0];
  const { metadata } = task;
  only("video");
  video.poster = metadata.thumbnail_url ? localPath(metadata.thumbnail_url) : "";
  video.src = localPath(content.url);
  if (play) {
    byId("ready").textContent = "The video is ready";
    video.play().catch(() => {}); // a browser that wants another click first
  }
  byId("download").href = localPath(content.url);
  byId("details").href = `/tasks/${encodeURIComponent(task.id)}`;
  byId("result-facts").textContent = [seconds(Number(content.duration)), bytes(content.size), `seed ${metadata.seed}`].join(" · ");
  byId("result-findings").replaceChildren(
    ...(metadata.warnings ?? []).map(({ message }) => make("li", { class: "warn" }, icon("warn"), make("span", {}, message))),
  );
  show(byId("fault"), false);
  show(byId("after"));
}

/** Tells what went wrong, over whatever is shown. */
export function fail(title, message, advice) {
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

export const clear = () => only("screen-empty");

// Some formats have pictures that a browser cannot draw, and it says nothing.
video.addEventListener("loadedmetadata", () => {
  if (video.videoWidth > 0) return;
  byId("result-findings").append(make("li", {}, icon("info"), make("span", {}, "Your browser plays only the sound of this format: download the video to see it.")));
});
