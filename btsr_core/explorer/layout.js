// The elements of the explorer and what they say; no state of their own.

import {
  BUCKETS, COVERAGE, LIVE_STEP, accuracyOf, mainSource, quantity, readingAt,
} from "./payload.js";
import {
  BUCKET_MARKS, BUCKET_NAMES, NOTHING, alphaText, basis, bounds, margin, nameOf, number, signed,
  tied, verdict,
} from "./words.js";
import { make, setText } from "./dom.js";
import { makeDownload } from "./numbers.js";
import { makeOverlay } from "./overlay.js";

const VERDICT_MARKS = { more: "▲", less: "▼", open: "○", reference: "", none: "" };
let made = 0; // explorers on this page: ids must differ

/** A choice with its label: a select, or text where there is nothing to choose. */
function field(name, label, options, value, onChange) {
  if (options.length < 2) {
    return make("div", { class: "btsr-field" }, make("span", { class: "btsr-label" }, label),
      make("span", { class: "btsr-only", "data-field": name }, options[0]?.label ?? NOTHING));
  }
  const id = `btsr-${made}-${name}`;
  const select = make("select", { id, "data-field": name }, ...options.map((option, index) =>
    make("option", { value: index, selected: option.key === value }, option.label)));
  select.addEventListener("change", () => onChange(options[Number(select.value)].key));
  return make("div", { class: "btsr-field" },
    make("label", { class: "btsr-label", for: id }, label), select);
}

/** All choices: above the slider, and the user's beside the list. */
export function makeFields(payload, state, onChange) {
  made += 1;
  const plain = (values) => values.map((value) => ({ key: value, label: String(value) }));
  const named = (paths) => paths.map((path) => ({ key: path, label: path.split(/[\\/]/).at(-1) }));
  const choose = (name) => (value) => onChange(name, value);
  const above = [
    field("dataset", "Data", named(payload.datasets), payload.dataset, choose("dataset")),
    field("choice", "Objective", payload.choices, payload.chosen, choose("choice")),
    field("metric", "Metric", payload.metrics, state.metric, choose("metric")),
    field("k", "List length, K", plain(payload.cutoffs), state.k, choose("k")),
  ];
  const users = payload.users.map(({ label }, index) => ({ key: index, label }));
  return {
    above: make("div", { class: "btsr-fields" }, ...above),
    user: field("user", "User", users, state.user, choose("user")),
  };
}

/** Let the fields show a state that was set elsewhere. */
export function showFields(root, payload, state) {
  const places = {
    metric: payload.metrics.findIndex((one) => one.key === state.metric),
    k: payload.cutoffs.indexOf(state.k), user: state.user,
  };
  for (const [name, place] of Object.entries(places)) {
    const select = root.querySelector(`select[data-field="${name}"]`);
    if (select) select.value = String(place);
  }
}

/** The slider with a label at every trained α. */
function makeSlider({ positions, trained, live }, onMove) {
  const [first, last] = [positions[0], positions.at(-1)];
  const even = positions.every((one) => Math.abs(one * 100 - Math.round(one * 100)) < 1e-6);
  const step = live ? String(LIVE_STEP) : even ? "0.01" : "any";
  const id = `btsr-${made}-alpha`;
  const slider = make("input", { type: "range", id, min: first, max: last, step });
  const ticks = trained.map((alpha) => {
    const share = (alpha - first) / (last - first || 1);
    const tick = make("button", { type: "button", tabindex: "-1", "aria-hidden": "true",
      style: `--at: ${share}` }, String(alpha));
    tick.addEventListener("click", () => onMove(alpha));
    return tick;
  });
  const label = make("label", { for: id, class: "btsr-label" }, "α, weight of the regulariser");
  return { slider, label, track: make("div", { class: "btsr-track" }, slider,
    make("div", { class: "btsr-ticks" }, ...ticks)) };
}

/** A number, its change, interval and verdict. */
function makeReadout(name) {
  const parts = { name, value: make("output", { "aria-live": "off" }),
    change: make("span", { class: "btsr-change" }), verdict: make("span", { class: "btsr-verdict" }),
    interval: make("span", { class: "btsr-interval" }) };
  parts.element = make("div", { class: "btsr-readout" }, name, parts.value,
    make("div", { class: "btsr-compared" }, parts.change, " ", parts.interval), parts.verdict);
  return parts;
}

/** Fill a readout; `output` elements keep every digit for those who read them by program. */
function showReadout(parts, name, metric, k, bucket, reading) {
  const { dataset } = parts.value;
  const said = verdict(reading);
  setText(parts.value, number(reading.mean));
  Object.assign(dataset, {
    quantity: quantity(metric, k), metric, bucket, alpha: reading.alpha, value: reading.mean ?? "",
    change: reading.change ?? "", changeLow: reading.change_low ?? "",
    changeHigh: reading.change_high ?? "",
  });
  if (name !== null) setText(parts.name, name);
  const compared = said.kind !== "reference" && reading.change !== null;
  setText(parts.change, compared ? signed(reading.change) : "");
  setText(parts.verdict, tied(`${VERDICT_MARKS[said.kind]} ${said.text}`.trim()));
  parts.verdict.dataset.kind = said.kind;
  setText(parts.interval, compared ? tied(name === null ? bounds(reading) : margin(reading)) : "");
}

/** A chart in its frame: heading, drawing with an overlay, caption. */
export function makePanel(chart) {
  const parts = { chart, heading: make("h3"), note: make("p"), drawing: make("div"),
    overlay: makeOverlay() };
  parts.plot = make("div", { class: "btsr-plot", role: "img" }, parts.drawing, parts.overlay);
  parts.figure = make("figure", { "data-panel": chart.key }, parts.heading, parts.plot,
    make("figcaption", {}, parts.note));
  return parts;
}

/** What the lines of a chart are, by colour and in words. */
function legend(...entries) {
  return make("p", { class: "btsr-legend" }, ...entries.map(([kind, text]) =>
    make("span", {}, make("i", { class: `btsr-${kind}`, "aria-hidden": "true" }), text)));
}

/** Legends of the charts that have more than one line, by the key of the chart. */
export function makeLegends(payload, readouts) {
  const dial = mainSource(payload).key === "dial";
  const beside = dial ? [["ring", "separately trained"]] : [];
  const band = payload.seeds.length > 1 ? [["band", "95 % interval over seeds"]] : [];
  return {
    metric: legend(["line", mainSource(payload).label], ...band, ...beside),
    plane: legend(["dot", "now, 95 % intervals"], ["path", "path of α"], ...beside),
    buckets: make("div", { class: "btsr-buckets" }, ...readouts.map((one) => one.element)),
    densities: legend(["line", "targets"], ["line btsr-b1", "random items"],
      ["dotted", "at α = 0"]),
    spectrum: legend(["line", "now"], ["dotted btsr-before", "at α = 0"]),
  };
}

/** Everything above the charts, and the readouts that change with the slider. */
export function makeDial(payload, onMove) {
  const { slider, label, track } = makeSlider(payload, onMove);
  const big = make("div", { class: "btsr-alpha", "aria-hidden": "true" });
  const readouts = [0, 1].map(() => makeReadout(make("h4")));
  const buckets = BUCKETS.map((bucket) => makeReadout(
    make("h4", { class: `btsr-b${bucket}` }, make("span", { "aria-hidden": "true" },
      BUCKET_MARKS[bucket]), ` ${BUCKET_NAMES[bucket]}`)));
  const bar = make("div", { class: "btsr-dial" }, make("div", { class: "btsr-head" }, big, label),
    ...readouts.map((one) => one.element), track);
  return { bar, slider, big, readouts, buckets };
}

/** Show the numbers of a state. */
export function showNumbers(dial, payload, state) {
  const source = mainSource(payload);
  const { alpha, metric, k } = state;
  const other = metric === COVERAGE ? accuracyOf(payload, metric) : COVERAGE;
  dial.slider.value = String(alpha);
  dial.slider.setAttribute("aria-valuetext", alphaText(alpha));
  setText(dial.big, alphaText(alpha));
  [metric, other].forEach((one, index) => {
    const reading = readingAt(source, quantity(one, k), 0, alpha);
    const elsewhere = Math.abs(reading.alpha - alpha) > 1e-9 ? ` at ${alphaText(reading.alpha)}` : "";
    showReadout(dial.readouts[index], nameOf(payload, one, k) + elsewhere, one, k, 0, reading);
  });
  BUCKETS.forEach((bucket, index) => showReadout(dial.buckets[index], null, metric, k, bucket,
    readingAt(source, quantity(metric, k), bucket, alpha)));
}

/** The frame of all, in the order in which it is read. */
export function assemble(payload, { fields, dial, panels, user, live }) {
  const byKey = (...keys) => make("div", { class: "btsr-grid" },
    ...keys.map((key) => panels.find(({ chart }) => chart.key === key).figure));
  return [
    fields.above, dial.bar, live, byKey("metric", "plane"), ...(user ? [user.panel] : []),
    byKey("buckets", "densities", "spectrum", "rank"),
    make("p", { class: "btsr-basis" }, basis(payload)), makeDownload(payload),
  ];
}

/** What is shown instead of an explorer that cannot be. */
export function makeFault(text) {
  return make("p", { class: "btsr-fault", role: "alert" },
    `The explorer cannot be shown: ${text} Make the payload anew with this version of btsr-core.`);
}
