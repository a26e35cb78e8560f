// Columns over days, as SVG. What is drawn stands in a table too.

import { make, makeSvg } from "./dom.js";

const HEIGHT = 240;
const LEFT = 52;
const BOTTOM = 24;
const TOP = 10;

/** The next larger round number: 1, 2, 2.5 or 5 times a power of ten. */
export function roundUp(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999999);
}

/** `points` are [label, value, words]; `tell(value)` puts a value in words for the scale. Drawn anew when the width changes. */
export function columns({ points, tell, title }) {
  const svg = makeSvg("svg", { class: "chart", role: "img", "aria-label": title });
  const most = roundUp(Math.max(0, ...points.map(([, value]) => value)));

  function draw(width) {
    const inner = width - LEFT;
    const room = HEIGHT - BOTTOM - TOP;
    const step = inner / points.length;
    const every = Math.ceil(64 / step);
    const height = (value) => (value / most) * room;
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.replaceChildren(
      ...[0, 0.5, 1].flatMap((share) => {
        const y = TOP + room * (1 - share);
        return [makeSvg("path", { class: "grid", d: `M${LEFT} ${y}H${width}` }), makeSvg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, tell(most * share))];
      }),
      ...points.flatMap(([label, value, words], i) => {
        const x = LEFT + i * step;
        const bar = value > 0 && makeSvg("rect", { class: "column", x: x + step * 0.15, y: HEIGHT - BOTTOM - Math.max(2, height(value)), width: step * 0.7, height: Math.max(2, height(value)), rx: Math.min(4, step * 0.2) }, makeSvg("title", {}, words));
        const centre = x + step / 2;
        const anchor = centre + 26 > width ? "end" : "middle";
        const name = (points.length - 1 - i) % every === 0 && makeSvg("text", { x: anchor === "end" ? width : centre, y: HEIGHT - 6, "text-anchor": anchor }, label);
        return [bar, name].filter(Boolean);
      }),
    );
  }

  new ResizeObserver(([entry]) => draw(Math.max(240, Math.round(entry.contentRect.width)))).observe(svg);
  return svg;
}

export const table = (heads, rows) =>
  make(
    "div",
    { class: "table-box", tabindex: "0", role: "region", "aria-label": heads.join(", ") },
    make("table", { class: "table" }, make("thead", {}, make("tr", {}, heads.map((head, i) => make("th", { class: i ? "right" : "", scope: "col" }, head)))), make("tbody", {}, rows.map((row) => make("tr", {}, row.map((value, i) => make("td", { class: i ? "right num" : "" }, value)))))),
  );
