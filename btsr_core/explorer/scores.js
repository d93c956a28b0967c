// Charts of what α does inside the model: densities of scores, singular values, effective rank.

import { mainSource, nearest, rangeOf } from "./payload.js";
import { alphaName, number } from "./words.js";
import { alphaAxis, baseLayout } from "./charts.js";

/** Middles of the bins of a histogram. */
function middles(edges) {
  return edges.slice(1).map((edge, index) => (edge + edges[index]) / 2);
}

/** Index of the nearest α at which something was recorded. */
function at({ alphas }, state) {
  return nearest(alphas, state.alpha);
}

/** A chart that says that nothing was recorded for it, instead of being drawn. */
function orNothing(part, chart) {
  const there = ({ payload }) => payload[part]?.alphas?.length > 0;
  const sentence = (context) => (there(context) ? chart.sentence(context) : "Not recorded.");
  return { ...chart, isEmpty: (context) => !there(context), sentence, note: sentence };
}

/** A curve at α = 0 to compare with: thin and dotted. */
function before(x, y, colour, name) {
  return {
    type: "scatter", mode: "lines", x, y, line: { color: colour, width: 1.5, dash: "dot" },
    hovertemplate: `${name} at α = 0: %{y:.3g}<extra></extra>`,
  };
}

export const densityChart = orNothing("densities", {
  key: "densities",
  title: () => "Scores of targets and of random items",
  sentence: ({ payload: { densities }, state }) => {
    const now = at(densities, state);
    const [first] = densities.overlap;
    return `At ${alphaName(densities.alphas[now])} the two overlap by ` +
      `${number(densities.overlap[now], 3)} (${number(first, 3)} at ` +
      `${alphaName(densities.alphas[0])}); 0 is apart, 1 the same.`;
  },
  figure: ({ payload: { densities } }, theme) => {
    const x = middles(densities.edges);
    const heights = [...densities.positive, ...densities.negative].flat();
    const layout = baseLayout(theme,
      { title: "score r(i, u)", range: [densities.edges[0], densities.edges.at(-1)] },
      { title: "density", range: [0, rangeOf(heights)[1]] });
    return {
      layout,
      data: [before(x, densities.negative[0], theme[1], "random items"),
        before(x, densities.positive[0], theme.now, "targets")],
      marks: [{ kind: "hill", colour: theme[1] }, { kind: "hill", colour: theme.now }],
    };
  },
  places: ({ payload: { densities }, state }) => {
    const [now, x] = [at(densities, state), middles(densities.edges)];
    return [{ x, y: densities.negative[now] }, { x, y: densities.positive[now] }];
  },
});

/** Singular values as shares of the largest. */
function shares(values) {
  return values.map((value) => (value > 0 && values[0] > 0 ? value / values[0] : null));
}

export const spectrumChart = orNothing("spectrum", {
  key: "spectrum",
  title: () => "Singular values of the user embeddings",
  sentence: ({ payload: { spectrum }, state }) => {
    const now = at(spectrum, state);
    const n = spectrum.values[now].length;
    const middle = (values) => number(100 * shares(values)[Math.floor(n / 2)], 1);
    return `At ${alphaName(spectrum.alphas[now])} half of the ${n} singular values are above ` +
      `${middle(spectrum.values[now])} % of the largest (${middle(spectrum.values[0])} % at ` +
      `${alphaName(spectrum.alphas[0])}).`;
  },
  figure: ({ payload: { spectrum } }, theme) => {
    const x = spectrum.values[0].map((_, index) => index + 1);
    const heights = spectrum.values.flatMap(shares).filter((value) => value > 0);
    const layout = baseLayout(theme,
      { title: "place of the singular value", range: [0, x.length + 1] },
      { title: "share of the largest (log)", type: "log", dtick: 1,
        range: [Math.log10(Math.min(...heights, 0.1)) - 0.1, 0.1] });
    return {
      layout,
      data: [before(x, shares(spectrum.values[0]), theme.before, "share of the largest")],
      marks: [{ kind: "curve", colour: theme.now }],
    };
  },
  places: ({ payload: { spectrum }, state }) => {
    const y = shares(spectrum.values[at(spectrum, state)]);
    return [{ x: y.map((_, index) => index + 1), y }];
  },
});

export const rankChart = orNothing("spectrum", {
  key: "rank",
  title: () => "Effective rank of the user embeddings",
  sentence: ({ payload: { spectrum }, state }) => {
    const now = at(spectrum, state);
    return `At ${alphaName(spectrum.alphas[now])} the embeddings use ` +
      `${number(spectrum.effective_rank[now], 1)} of ${spectrum.values[now].length} dimensions ` +
      `(${number(spectrum.effective_rank[0], 1)} at ${alphaName(spectrum.alphas[0])}).`;
  },
  figure: ({ payload }, theme) => {
    const { alphas, effective_rank: ranks } = payload.spectrum;
    const layout = baseLayout(theme, alphaAxis(payload),
      { title: "effective rank", range: rangeOf(ranks, { room: 0.12 }) });
    const mode = mainSource(payload).key === "trained" ? "lines+markers" : "lines";
    return {
      data: [{
        type: "scatter", mode, x: alphas, y: ranks, line: { color: theme.now, width: 2.5 },
        marker: { color: theme.now, size: 7 },
        hovertemplate: "α = %{x:.2f}: %{y:.1f}<extra></extra>",
      }],
      layout,
      marks: [{ kind: "upright" }, { kind: "dot", colour: theme.now }],
    };
  },
  places: ({ payload: { spectrum }, state }) => {
    const now = at(spectrum, state);
    return [{ x: state.alpha }, { x: spectrum.alphas[now], y: spectrum.effective_rank[now] }];
  },
});
