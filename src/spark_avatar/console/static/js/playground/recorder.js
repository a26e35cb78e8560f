// Speech from the microphone.

import { byId, one, show } from "../dom.js";
import { busy } from "../feedback.js";
import { playTime } from "../format.js";
import { capture, mediaFault } from "./camera.js";

const LONGEST_SECONDS = 600;

export function recorder(card) {
  const button = byId("record");
  const box = byId("recorder");
  let running = null;
  let kept = null;

  function label(recording) {
    one("span", button).textContent = recording ? "Stop" : "Record";
    one("use", button).setAttribute("href", `${document.body.dataset.sprite}#${recording ? "stop" : "mic"}`);
    button.setAttribute("aria-pressed", recording);
    show(box, recording);
    for (const part of card.well.querySelectorAll("[data-empty], [data-preview]")) part.classList.toggle("visually-hidden", recording);
  }

  async function begin() {
    const stream = await capture({ audio: { echoCancellation: false, noiseSuppression: false } });
    const media = new MediaRecorder(stream);
    const chunks = [];
    media.addEventListener("dataavailable", ({ data }) => chunks.push(data));
    media.addEventListener("stop", () => {
      stream.getTracks().forEach((track) => track.stop());
      if (media !== kept) return;
      const type = media.mimeType.split(";")[0];
      card.choose(new File(chunks, `recording.${type.includes("mp4") ? "m4a" : "webm"}`, { type }));
    });
    media.start();
    running = { media, started: performance.now(), context: new AudioContext() };
    label(true);
    meter(running.context, stream);
  }

  function meter(context, stream) {
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const canvas = one("canvas", box);
    const paint = canvas.getContext("2d");
    const levels = [];
    const draw = () => {
      if (!running) return;
      analyser.getFloatTimeDomainData(samples);
      levels.push(Math.min(1, 3 * Math.max(...samples.map(Math.abs))));
      if (levels.length > 80) levels.shift();
      paint.clearRect(0, 0, canvas.width, canvas.height);
      paint.fillStyle = getComputedStyle(button).color;
      levels.forEach((level, i) => paint.fillRect(i * 8, 48 - 46 * level, 4, Math.max(3, 92 * level)));
      const passed = (performance.now() - running.started) / 1000;
      byId("recorder-clock").textContent = playTime(passed);
      if (passed > LONGEST_SECONDS) end();
      else requestAnimationFrame(draw);
    };
    draw();
  }

  function end({ keep = true } = {}) {
    kept = keep ? running.media : null;
    running.media.stop();
    running.context.close();
    running = null;
    label(false);
  }

  button.addEventListener("click", () =>
    busy(button, async () => {
      if (running) return end();
      return begin().catch((fault) => card.fail(mediaFault(fault, "microphone")));
    }),
  );
  card.root.addEventListener("chosen", () => running && end({ keep: false }));
}
