// Charts against α and the accuracy-coverage plane. Plotly draws a chart once for a choice of metric,
// K and theme; when the slider moves, only the marks over it do.
//
// A chart is an object of pure functions of a context { payload, state }:
//   title, sentence, note   the heading, what is read out, what is written below it (may be missing)
//   figure(context, theme)  data and layout for Plotly, and the marks that will move over them
//   places(context)         where those marks stand, in the same order

import {
  BUCKETS, COVERAGE, accuracyOf, besideSource, mainSource, quantity, rangeOf, readingAt, seriesOf,
} from "./payload.js";
import { alphaName, bucketSentence, labelOf, nameOf, told } from "./words.js";
import { pale } from "./theme.js";
import { MARGIN } from "./overlay.js";

const SYMBOLS = { 1: "circle", 2: "square", 3: "diamond" };

/** Layout that all charts share. */
export function baseLayout(theme, xaxis, yaxis) {
  const axis = {
    fixedrange: true, showline: true, linecolor: theme.line, gridcolor: theme.line, gridwidth: 1,
    zeroline: false, ticks: "", tickfont: { size: 12, color: theme.muted }, nticks: 6,
  };
  const title = (text) => ({ text, standoff: 6, font: { size: 12.5, color: theme.text } });
  return {
    autosize: true, showlegend: false, hovermode: "closest", dragmode: false,
    font: { family: theme.font, size: 12.5, color: theme.text },
    margin: MARGIN,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: { bgcolor: theme.surface, bordercolor: theme.line, font: { color: theme.text } },
    xaxis: { ...axis, showgrid: false, ...xaxis, title: title(xaxis.title) },
    yaxis: { ...axis, showline: false, ...yaxis, title: title(yaxis.title) },
  };
}

/** An axis of α from the first to the last position, ticks at trained values. */
export function alphaAxis(payload) {
  const { positions, trained } = payload;
  const room = (positions.at(-1) - positions[0] || 1) * 0.03;
  const range = [positions[0] - room, positions.at(-1) + room];
  const step = Math.ceil(trained.length / 6); // labels that fit on a phone
  return { title: "α, weight of the regulariser", range,
    tickvals: trained.filter((_, index) => index % step === 0) };
}

/** Runs of neighbours without a gap. @returns {number[][]} indices */
function runs(series) {
  const found = [];
  series.change.forEach((_, index) => {
    if (series.change_low[index] === null || series.change_high[index] === null) return;
    if (found.at(-1)?.at(-1) === index - 1) found.at(-1).push(index);
    else found.push([index]);
  });
  return found.filter((run) => run.length > 1);
}

/** The interval as a band, a patch for each run without a gap. */
function band(source, series, colour) {
  const [x, y] = [[], []];
  for (const run of runs(series)) {
    const back = run.toReversed();
    x.push(...run.map((i) => source.alphas[i]), ...back.map((i) => source.alphas[i]), null);
    y.push(...run.map((i) => series.change_low[i]), ...back.map((i) => series.change_high[i]), null);
  }
  return {
    type: "scatter", mode: "lines", x, y, fill: "toself", fillcolor: pale(colour, 0.16),
    line: { width: 0 }, hoverinfo: "skip",
  };
}

/** The change against α as a line, with marks where the source is the trained runs themselves. */
function line(source, series, colour, symbol) {
  const mode = source.key === "trained" ? "lines+markers" : "lines";
  return {
    type: "scatter", mode, x: source.alphas, y: series.change, connectgaps: false,
    line: { color: colour, width: 2.5 }, marker: { color: colour, size: 7, symbol },
    hovertemplate: "α = %{x:.2f}: %{y:+.4f}<extra></extra>",
  };
}

/** Separately trained models: open marks with error bars. */
function marks(source, series, colour, symbol) {
  const reach = (end, sign) => series.change.map((value, index) =>
    value === null || series[end][index] === null ? 0 : sign * (series[end][index] - value));
  return {
    type: "scatter", mode: "markers", x: source.alphas, y: series.change,
    marker: { color: colour, size: 8, symbol: `${symbol}-open`, line: { width: 2 } },
    error_y: {
      type: "data", symmetric: false, thickness: 1.2, width: 3, color: pale(colour, 0.75),
      array: reach("change_high", 1), arrayminus: reach("change_low", -1),
    },
    hovertemplate: "trained at α = %{x:.2f}: %{y:+.4f}<extra></extra>",
  };
}

/** Changes of some buckets against α, and the frame that holds them. */
function changeFigure({ payload, state }, theme, buckets, colours) {
  const name = quantity(state.metric, state.k);
  const [main, beside] = [mainSource(payload), besideSource(payload)];
  const data = [];
  const heights = [];
  for (const bucket of buckets) {
    const symbol = SYMBOLS[bucket] ?? "circle";
    for (const [source, shape] of [[main, line], [beside, marks]]) {
      const series = seriesOf(source, name, bucket);
      if (!series) continue;
      if (source === main) data.push(band(source, series, colours[bucket]));
      data.push(shape(source, series, colours[bucket], symbol));
      heights.push(...series.change, ...series.change_low, ...series.change_high);
    }
  }
  const title = `change of ${nameOf(payload, state.metric, state.k)}`;
  const layout = baseLayout(theme, alphaAxis(payload), {
    title, range: rangeOf(heights, { zero: true }), zeroline: true, zerolinewidth: 1.5,
    zerolinecolor: theme.muted,
  });
  const dots = buckets.map((bucket) =>
    ({ kind: "dot", colour: colours[bucket], shape: SYMBOLS[bucket] }));
  return { data, layout, marks: [{ kind: "upright" }, ...dots] };
}

/** Where the marks of changes stand. */
function changePlaces({ payload, state }, buckets) {
  const name = quantity(state.metric, state.k);
  const dots = buckets.map((bucket) => {
    const { alpha, change } = readingAt(mainSource(payload), name, bucket, state.alpha);
    return { x: alpha, y: change };
  });
  return [{ x: state.alpha }, ...dots];
}

export const metricChart = {
  key: "metric",
  title: ({ payload, state }) => `Change of ${nameOf(payload, state.metric, state.k)} from α = 0`,
  sentence: ({ payload, state }) => {
    const name = quantity(state.metric, state.k);
    const reading = readingAt(mainSource(payload), name, 0, state.alpha);
    return `At ${alphaName(reading.alpha)}: ${told(nameOf(payload, state.metric, state.k), reading)}.`;
  },
  figure: (context, theme) => changeFigure(context, theme, [0], { 0: theme.now }),
  places: (context) => changePlaces(context, [0]),
};

export const bucketChart = {
  key: "buckets",
  title: () => "Change by popularity of the target",
  sentence: ({ payload, state }) => bucketSentence(payload, state),
  note: ({ payload }) => (payload.seeds.length > 1 ?
    "Below a value: its change from α = 0, and the 95 % interval of that over seeds." : ""),
  figure: (context, theme) => changeFigure(context, theme, BUCKETS, theme),
  places: (context) => changePlaces(context, BUCKETS),
};

/** Names of the two axes of the plane. */
function planeNames({ payload, state }) {
  return [quantity(COVERAGE, state.k), quantity(accuracyOf(payload, state.metric), state.k)];
}

/** A cross of two intervals, and the point in it. */
function planePlaces({ payload, state }) {
  const [across, up] = planeNames({ payload, state }).map((name) =>
    readingAt(mainSource(payload), name, 0, state.alpha));
  const [x, y] = [across.mean, up.mean];
  return [
    { x0: across.low, x1: across.high, y0: y, y1: y }, { x0: x, x1: x, y0: up.low, y1: up.high },
    { x, y },
  ];
}

/** The name of an end of the path, on the side that the path does not take. */
function endLabel(alphas, x, y, at, { xaxis, yaxis }, theme) {
  const next = at === 0 ? 1 : at - 1;
  const along = (values, { range: [first, last] }) =>
    ((values[at] ?? 0) - (values[next] ?? values[at] ?? 0)) / (last - first);
  const [right, up] = [along(x, xaxis), along(y, yaxis)];
  const length = Math.hypot(right, up) || 1;
  return {
    x: x[at], y: y[at], text: `α = ${alphas[at]}`, showarrow: false,
    xshift: 32 * right / length, yshift: 17 * up / length || -17,
    font: { size: 12, color: theme.muted },
  };
}

export const planeChart = {
  key: "plane",
  title: () => "Accuracy and coverage together",
  sentence: ({ payload, state }) => {
    const readings = planeNames({ payload, state }).map((name) =>
      readingAt(mainSource(payload), name, 0, state.alpha));
    const accuracy = accuracyOf(payload, state.metric);
    return `At ${alphaName(readings[1].alpha)}: ` +
      `${told(nameOf(payload, accuracy, state.k), readings[1])}; ` +
      `${told(nameOf(payload, COVERAGE, state.k), readings[0])}. Up and to the right is better.`;
  },
  note: () => "Up and to the right is better.",
  figure: ({ payload, state }, theme) => {
    const [main, beside] = [mainSource(payload), besideSource(payload)];
    const names = planeNames({ payload, state });
    const pair = (source) => names.map((name) => seriesOf(source, name));
    const [across, up] = pair(main);
    const ends = [0, main.alphas.length - 1].filter((at) => across?.mean[at] != null);
    const path = {
      type: "scatter", mode: main.key === "trained" ? "lines+markers" : "lines",
      x: across?.mean, y: up?.mean, customdata: main.alphas, connectgaps: false,
      line: { color: theme.muted, width: 2 }, marker: { color: theme.muted, size: 7 },
      hovertemplate: "α = %{customdata:.2f}: %{x:.4f}, %{y:.4f}<extra></extra>",
    };
    const apart = beside && {
      ...path, mode: "markers", x: pair(beside)[0]?.mean, y: pair(beside)[1]?.mean,
      customdata: beside.alphas,
      marker: { color: theme.muted, size: 8, symbol: "circle-open", line: { width: 2 } },
      hovertemplate: "trained at α = %{customdata:.2f}: %{x:.4f}, %{y:.4f}<extra></extra>",
    };
    const reach = (series) => [main, beside].flatMap((_, at) =>
      at ? pair(beside ?? main)[series]?.mean ?? [] :
        ["low", "high", "mean"].flatMap((key) => pair(main)[series]?.[key] ?? []));
    const layout = baseLayout(theme,
      { title: `${labelOf(payload, COVERAGE)}@${state.k}, share of the catalogue`,
        range: rangeOf(reach(0), { room: 0.12 }) },
      { title: nameOf(payload, accuracyOf(payload, state.metric), state.k),
        range: rangeOf(reach(1), { room: 0.12 }) });
    return {
      data: [path, apart].filter(Boolean),
      layout: { ...layout, annotations: ends.map((at) =>
        endLabel(main.alphas, across.mean, up.mean, at, layout, theme)) },
      marks: ["bar", "bar", "dot"].map((kind) => ({ kind, colour: theme.now })),
    };
  },
  places: planePlaces,
};
