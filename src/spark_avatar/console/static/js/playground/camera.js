// A portrait from the camera.

import { byId, one } from "../dom.js";
import { closable } from "../feedback.js";

const REASONS = {
  NotAllowedError: "The browser was not allowed to use the camera: allow it in the address bar, or choose a file.",
  NotFoundError: "There is no camera: choose a file.",
  NotReadableError: "Another program uses the camera.",
};

/** Opens the camera or the microphone. Browsers offer neither to pages that came over a network without encryption. */
export function capture(wanted) {
  if (!navigator.mediaDevices) throw new Error("browsers allow that over https or on localhost only. Choose a file.");
  return navigator.mediaDevices.getUserMedia(wanted);
}

export const mediaFault = (fault, kind) => (REASONS[fault.name] ?? `The ${kind} cannot be used here: ${fault.message}`).replaceAll("camera", kind);

export function camera(card) {
  const dialog = byId("camera");
  const finder = one("video", dialog);
  const shoot = byId("shoot");
  closable(dialog);

  async function open() {
    dialog.showModal();
    shoot.disabled = true;
    try {
      const stream = await capture({ video: { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode: "user" } });
      if (!dialog.open) return stream.getTracks().forEach((track) => track.stop());
      finder.srcObject = stream;
      await finder.play();
      shoot.disabled = false;
    } catch (fault) {
      dialog.close();
      card.fail(mediaFault(fault, "camera"));
    }
  }

  dialog.addEventListener("close", () => {
    finder.srcObject?.getTracks().forEach((track) => track.stop());
    finder.srcObject = null;
  });
  shoot.addEventListener("click", async () => {
    const canvas = new OffscreenCanvas(finder.videoWidth, finder.videoHeight);
    canvas.getContext("2d").drawImage(finder, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.93 });
    dialog.close();
    card.choose(new File([blob], "camera.jpg", { type: blob.type }));
  });
  byId("camera-open").addEventListener("click", open);
}
