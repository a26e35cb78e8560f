// The recording: its waveform with the stretches of speech, and playing it.

import { byId, makeSvg, one, show } from "../dom.js";
import { playTime, seconds } from "../format.js";
import { inputCard } from "./input_card.js";

const WIDTH = 1000;
const BARS = 100;

/** Fewer and scaled to the loudest, so that quiet recordings show their shape too. */
function bars(peaks) {
  const step = peaks.length / BARS;
  const loudest = Math.max(...peaks, 1e-6);
  return Array.from({ length: BARS }, (_, i) => Math.max(...peaks.slice(Math.floor(i * step), Math.floor((i + 1) * step))) / loudest);
}

function path(peaks) {
  return bars(peaks)
    .map((height, i) => `M${((i + 0.5) * WIDTH) / BARS} ${50 - 46 * height}V${50 + 46 * height}`)
    .join("");
}

export function recordingCard(onChange) {
  const root = byId("recording");
  const audio = one("audio", root);
  const wave = byId("wave");
  const seek = byId("seek");
  const play = byId("play");
  const clip = makeSvg("rect", { x: 0, y: -10, width: 0, height: 120 });
  const head = makeSvg("path", { class: "head", d: "M0 0V100" });
  let length = 0;

  function move() {
    const at = length ? audio.currentTime / length : 0;
    clip.setAttribute("width", at * WIDTH);
    head.setAttribute("d", `M${at * WIDTH} 0V100`);
    seek.value = at * WIDTH;
    seek.setAttribute("aria-valuetext", `${playTime(audio.currentTime)} of ${playTime(length)}`);
    byId("clock").textContent = `${playTime(audio.currentTime)} / ${playTime(length)}`;
    if (!audio.paused) requestAnimationFrame(move);
  }

  function found(analysis) {
    wave.replaceChildren();
    show(byId("legend"), Boolean(analysis?.usable));
    byId("recording-length").textContent = "";
    if (!analysis?.usable) return "";
    length = analysis.audio.seconds;
    byId("recording-length").textContent = seconds(length);
    const shape = path(analysis.waveform.peaks);
    wave.append(
      makeSvg("defs", {}, makeSvg("clipPath", { id: "played" }, clip)),
      ...analysis.segments.map(([from, to]) =>
        makeSvg("rect", { class: "speech", x: (from / length) * WIDTH, y: 0, width: ((to - from) / length) * WIDTH, height: 100 }),
      ),
      makeSvg("path", { class: "bars", d: shape }),
      makeSvg("path", { class: "bars played", d: shape, "clip-path": "url(#played)" }),
      head,
    );
    move();
    const { speech_seconds: spoken, loudness_db: loudness, noise_db: noise } = analysis.audio;
    return `A good recording: ${seconds(spoken)} of speech, ${Math.round(loudness - noise)} dB above the background.`;
  }

  function label(text, name) {
    one("span", play).textContent = text;
    one("use", play).setAttribute("href", `${document.body.dataset.sprite}#${name}`);
  }

  play.addEventListener("click", () => (audio.paused ? audio.play() : audio.pause()));
  audio.addEventListener("play", () => (label("Pause", "pause"), move()));
  audio.addEventListener("pause", () => (label("Play", "play"), move()));
  audio.addEventListener("loadedmetadata", () => {
    if (Number.isFinite(audio.duration) && !length) length = audio.duration;
    move();
  });
  audio.addEventListener("seeked", move);
  seek.addEventListener("input", () => {
    audio.currentTime = (seek.value / WIDTH) * length;
  });

  return inputCard({
    root,
    parameter: "audio_url",
    path: "/api/v1/analyze/audio",
    sample: "/samples/speech.flac",
    preview(address) {
      length = 0;
      audio.src = address;
    },
    found,
    onChange,
  });
}
