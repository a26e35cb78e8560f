// The portrait, with the face's box and mesh drawn on it.

import { byId, makeSvg, one, show } from "../dom.js";
import { percent } from "../format.js";
import { inputCard } from "./input_card.js";

function mesh({ points, edges }) {
  const lines = edges.map(([a, b]) => `M${points[a]}L${points[b]}`).join("");
  const dots = points.map((point) => `M${point}h0`).join("");
  return [makeSvg("path", { class: "edges found", d: lines }), makeSvg("path", { class: "points found", d: dots })];
}

function praise({ face }) {
  const frontal = Math.abs(face.pose.yaw) < 10 ? "from the front" : "turned a little";
  return `A good portrait: one face, ${percent(face.face_share)} of the picture's height, ${frontal}.`;
}

export function portraitCard(onChange) {
  const root = byId("portrait");
  const picture = one("img", root);
  const overlay = byId("overlay");
  const drawMesh = () => overlay.toggleAttribute("hidden", picture.hidden || !byId("mesh").checked);
  // What no browser shows may still be a portrait for the server, such as HEIC.
  for (const [event, seen] of [["load", true], ["error", false]]) {
    picture.addEventListener(event, () => {
      show(picture, seen);
      show(byId("unseen"), !seen);
      drawMesh();
    });
  }
  byId("mesh").addEventListener("change", drawMesh);

  function found(analysis) {
    overlay.replaceChildren();
    if (!analysis?.usable) return "";
    const { width, height } = analysis.image;
    const [x, y, w, h] = analysis.face.box;
    overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const shown = (w / width) * Math.min(overlay.clientWidth, (overlay.clientHeight * width) / height);
    overlay.style.setProperty("--dot", Math.min(1.8, Math.max(0.5, shown / 80)));
    overlay.append(...mesh(analysis.mesh), makeSvg("rect", { class: "box found", x, y, width: w, height: h, rx: Math.min(w, h) / 24 }));
    return praise(analysis);
  }

  return inputCard({
    root,
    parameter: "image_url",
    path: "/api/v1/analyze/image",
    sample: "/samples/portrait.png",
    preview: (address) => (picture.src = address),
    found,
    onChange,
  });
}
