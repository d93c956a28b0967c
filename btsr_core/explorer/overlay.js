// What moves with the slider: marks in an SVG over the plotting area of a chart. Plotly would draw a
// whole chart anew to move one of them, tens of milliseconds each. Margins and ranges are fixed, so
// that a place is a share of the width and of the height, whatever the size.

/** Pixels around the plotting area; `.btsr-overlay` leaves the same room. */
export const MARGIN = { l: 62, r: 14, t: 10, b: 44 };

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = { // pixels about the middle
  circle: "M-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0Z",
  square: "M-6.5-6.5h13v13h-13Z",
  diamond: "M0-8.5L8.5 0L0 8.5L-8.5 0Z",
};

/** @returns {SVGElement} */
function makeSvg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  return element;
}

/** Where a value lies on an axis, as a share of its length. */
function share(value, { range: [first, last], type }) {
  return ((type === "log" ? Math.log10(value) : value) - first) / (last - first);
}

/** @returns {string} in percent, as attributes of SVG take it */
function percent(part) {
  return `${(100 * part).toFixed(3)}%`;
}

const MAKERS = {
  /** A dotted line from top to bottom. */
  upright: (_, theme) => makeSvg("line", {
    y1: "0%", y2: "100%", stroke: theme.muted, "stroke-width": 1.5, "stroke-dasharray": "2 3" }),
  /** A line from one point to another. */
  bar: (colour) => makeSvg("line", { stroke: colour, "stroke-width": 2, "stroke-opacity": 0.75 }),
  /** A circle, a square or a diamond about a point. */
  dot: (colour, theme, shape = "circle") => {
    const element = makeSvg("svg", { overflow: "visible" });
    element.append(makeSvg("path", {
      d: SHAPES[shape], fill: colour, stroke: theme.surface, "stroke-width": 2 }));
    return element;
  },
  /** A curve in a frame of its own, which is stretched to the plotting area. */
  curve: (colour) => makeSvg("path", {
    stroke: colour, "stroke-width": 2.5, fill: "none", "stroke-linejoin": "round",
    "vector-effect": "non-scaling-stroke" }),
  /** The same, filled down to the axis. */
  hill: (colour) => makeSvg("path", {
    stroke: colour, "stroke-width": 2.5, fill: colour, "fill-opacity": 0.2,
    "vector-effect": "non-scaling-stroke" }),
};

/** @returns {string} path through the points that exist, in a square of side 1 */
function pathOf({ x, y }, axes) {
  let pen = "M";
  return x.map((value, index) => {
    if (!Number.isFinite(y[index])) {
      pen = "M";
      return "";
    }
    const [across, up] = [share(value, axes.x), 1 - share(y[index], axes.y)];
    const step = `${pen}${across.toFixed(4)} ${up.toFixed(4)}`;
    pen = "L";
    return step;
  }).join("");
}

const PLACERS = {
  upright: ({ x }, axes) => ({ x1: percent(share(x, axes.x)), x2: percent(share(x, axes.x)) }),
  bar: ({ x0, x1, y0, y1 }, axes) => ({
    x1: percent(share(x0, axes.x)), x2: percent(share(x1, axes.x)),
    y1: percent(1 - share(y0, axes.y)), y2: percent(1 - share(y1, axes.y)) }),
  dot: ({ x, y }, axes) => ({ x: percent(share(x, axes.x)), y: percent(1 - share(y, axes.y)) }),
  curve: (place, axes) => ({ d: pathOf(place, axes) }),
  hill: (place, axes) => ({ d: pathOf(place, axes) }),
};

/** @returns {SVGElement} an empty overlay */
export function makeOverlay() {
  return makeSvg("svg", { class: "btsr-overlay", "aria-hidden": "true" });
}

/**
 * Put marks into an overlay instead of those in it.
 * @param {{kind: string, colour: string, shape: string}[]} marks in the order of `moveMarks`
 * @param {{x: object, y: object}} axes of the layout, with their ranges
 */
export function setMarks(overlay, marks, axes, theme) {
  const made = marks.map(({ kind, colour, shape }) =>
    ({ kind, element: MAKERS[kind](colour, theme, shape) }));
  const square = makeSvg("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none",
    width: "100%", height: "100%" });
  square.append(...made.filter(({ element }) => element.tagName === "path")
    .map(({ element }) => element));
  overlay.replaceChildren(square, ...made.filter(({ element }) => element.tagName !== "path")
    .map(({ element }) => element));
  return { made, axes };
}

/** Move marks to their places; one whose place has a gap is hidden. The values stay readable. */
export function moveMarks({ made, axes }, places) {
  made.forEach(({ kind, element }, index) => {
    const place = places[index];
    const isThere = Object.values(place).every((value) =>
      Array.isArray(value) || Number.isFinite(value));
    element.setAttribute("visibility", isThere ? "visible" : "hidden");
    if (!isThere) return;
    const attributes = PLACERS[kind](place, axes);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    if (kind === "dot") Object.assign(element.dataset, place);
  });
}
