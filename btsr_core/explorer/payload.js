// What the explorer is fed with: is it whole, and what does it hold for an α?

/** Buckets of targets by popularity, as numbered in the payload: 0 is all of them. */
export const BUCKETS = [1, 2, 3];
export const COVERAGE = "cov";

const KEYS = [
  "version", "title", "choices", "chosen", "datasets", "dataset", "positions", "trained", "metrics",
  "cutoffs", "default", "reading", "n_users", "n_targets", "seeds", "sources", "densities",
  "spectrum", "items", "users", "lists_from", "live",
];
const LISTS = ["choices", "datasets", "positions", "trained", "metrics", "cutoffs", "seeds",
  "sources", "items", "users"];
const NEVER_EMPTY = ["positions", "trained", "metrics", "cutoffs", "sources"];

/**
 * What is wrong with a payload, in a sentence.
 * @param {object} payload
 * @returns {string|null} null if nothing is
 */
export function faultOf(payload) {
  if (payload === null || typeof payload !== "object") return "it has no payload.";
  if (payload.version !== undefined && payload.version !== 1) {
    return `the payload is of version ${payload.version}, and version 1 is understood.`;
  }
  const missing = KEYS.filter((key) => payload[key] === undefined);
  if (missing.length) return `the payload lacks ${missing.map((key) => `“${key}”`).join(", ")}.`;
  const notLists = LISTS.filter((key) => !Array.isArray(payload[key]));
  if (notLists.length) return `in the payload, “${notLists[0]}” is not a list.`;
  const empty = NEVER_EMPTY.filter((key) => payload[key].length === 0);
  if (empty.length) return `in the payload, “${empty[0]}” is empty.`;
  const shown = quantity(payload.default.metric, payload.default.k);
  const without = payload.sources.find((source) => !source.values?.[shown]?.[0]);
  if (without) return `the source “${without.key}” has no values of ${shown}.`;
  const short = payload.users.find((user) => user.lists?.length !== payload.positions.length);
  if (short) return `“${short.label}” does not have a list for every position.`;
  return null;
}

/** @returns {string} name of a metric at a cutoff, as in `values` of a source */
export function quantity(metric, k) {
  return `${metric}@${k}`;
}

/**
 * @param {number[]} values ascending, at least one
 * @returns {number} index of the one nearest to x, the lower of two
 */
export function nearest(values, x) {
  let best = 0;
  values.forEach((value, index) => {
    if (Math.abs(value - x) < Math.abs(values[best] - x) - 1e-9) best = index;
  });
  return best;
}

/** The source that a line is drawn of: the dial where there is one. */
export function mainSource(payload) {
  return payload.sources.find((source) => source.key === "dial") ?? payload.sources[0];
}

/** The separately trained models beside a dial, or undefined where they are the line. */
export function besideSource(payload) {
  return payload.sources.find((source) => source.key === "trained" && source !== mainSource(payload));
}

/** The series of a source: mean, low, high, change, change_low, change_high; undefined if none. */
export function seriesOf(source, name, bucket = 0) {
  return source?.values[name]?.[bucket];
}

/**
 * Numbers of a source at the recorded α that is nearest.
 * @returns {{alpha: number, mean: ?number, low: ?number, high: ?number, change: ?number,
 *   change_low: ?number, change_high: ?number}} null where nothing is defined
 */
export function readingAt(source, name, bucket, alpha) {
  const index = nearest(source.alphas, alpha);
  const series = seriesOf(source, name, bucket);
  const at = (key) => series?.[key]?.[index] ?? null;
  return {
    alpha: source.alphas[index], mean: at("mean"), low: at("low"), high: at("high"),
    change: at("change"), change_low: at("change_low"), change_high: at("change_high"),
  };
}

/** The metric that accuracy is told by: the chosen one, or the first that is not coverage. */
export function accuracyOf(payload, metric) {
  if (metric !== COVERAGE) return metric;
  return payload.metrics.find((one) => one.key !== COVERAGE)?.key ?? metric;
}

/** Smallest and largest of many numbers, gaps left out, with some room on both sides. */
export function rangeOf(numbers, { room = 0.08, zero = false } = {}) {
  const found = numbers.filter((value) => Number.isFinite(value));
  if (zero) found.push(0);
  if (!found.length) return [-1, 1];
  const [low, high] = [Math.min(...found), Math.max(...found)];
  const margin = (high - low || Math.abs(high) || 1) * room;
  return [low - margin, high + margin];
}

/** Between two positions of the slider where a kernel makes the lists. */
export const LIVE_STEP = 0.005;

/** Where the slider may stop: recorded positions, or steps of `LIVE_STEP` where a kernel answers. */
export function snap(payload, alpha) {
  const { positions } = payload;
  const inside = Math.min(Math.max(alpha, positions[0]), positions.at(-1));
  return payload.live ? Math.round(inside / LIVE_STEP) / Math.round(1 / LIVE_STEP) : positions[nearest(positions, inside)];
}

/**
 * Where a key press leads.
 * @param {string} key as in KeyboardEvent
 * @returns {number|null} null for keys that do not move the slider
 */
export function stepped(payload, alpha, key) {
  const { positions, trained, live } = payload;
  const next = (stops) => stops.find((one) => one > alpha + 1e-9) ?? stops.at(-1);
  const last = (stops) => stops.findLast((one) => one < alpha - 1e-9) ?? stops[0];
  switch (key) {
    case "ArrowRight": case "ArrowUp":
      return live ? snap(payload, alpha + LIVE_STEP) : next(positions);
    case "ArrowLeft": case "ArrowDown":
      return live ? snap(payload, alpha - LIVE_STEP) : last(positions);
    case "PageUp": return next(trained);
    case "PageDown": return last(trained);
    case "Home": return positions[0];
    case "End": return positions.at(-1);
    default: return null;
  }
}
