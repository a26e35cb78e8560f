// The stages of a task in words, and how long it may still take.

const STAGES = {
  queued: "Waiting for a worker",
  starting: "Starting",
  fetched: "The inputs are here",
  probe: "Checking the inputs",
  analysing: "Reading the face and the voice",
  analyse: "Reading the face and the voice",
  rendering: "Rendering",
  render: "Rendering",
  encoding: "Finishing the video",
  completed: "Done",
  fetch: "Fetching the inputs",
  finish: "Checking the video",
};

export const stageName = (stage) => STAGES[stage] ?? stage.charAt(0).toUpperCase() + stage.slice(1).replaceAll("_", " ");

/** Seconds that are left, going by the pace since the stage began; undefined while that says little. */
export function pace() {
  let began;
  return (progress, stage, now = performance.now()) => {
    if (progress <= 0) return undefined;
    if (began?.stage !== stage) began = { now, progress, stage };
    const gained = progress - began.progress;
    return gained > 0.05 ? ((now - began.now) / 1000 / gained) * (1 - progress) : undefined;
  };
}
