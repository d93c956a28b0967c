// Numbers as words. Every sentence of the explorer is made here, of the numbers alone.

import { BUCKETS, accuracyOf, mainSource, quantity, readingAt } from "./payload.js";

/** What stands for a value that does not exist. */
export const NOTHING = "–";
export const BUCKET_NAMES = { 0: "all targets", 1: "head", 2: "middle", 3: "tail" };
/** Told apart by their shape, not by colour alone. */
export const BUCKET_MARKS = { 1: "●", 2: "■", 3: "◆" };

const MINUS = "−";

/** @returns {string} a number with so many decimals and a true minus */
export function number(value, decimals = 4) {
  if (!Number.isFinite(value)) return NOTHING;
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** @returns {string} a difference: always with a sign, unless it is zero */
export function signed(value, decimals = 4) {
  const text = number(value, decimals);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** @returns {string} "α = 0.20", with a third decimal where it counts */
export function alphaText(alpha) {
  const isHundredth = Math.abs(alpha * 100 - Math.round(alpha * 100)) < 1e-6;
  return `α = ${number(alpha, isHundredth ? 2 : 3)}`;
}

/** @returns {string} "α = 0" for none, "α = 0.20" for some */
export function alphaName(alpha) {
  return alpha === 0 ? "α = 0" : alphaText(alpha);
}

/** Let lines not break within "α = 0" and "95 %". */
export function tied(text) {
  return text.replace(/α = |\d %/g, (found) => found.replaceAll(" ", "\u00a0"));
}

/** @returns {string} "1,434" */
export function count(value) {
  return Number.isFinite(value) ? value.toLocaleString("en-GB") : NOTHING;
}

export function labelOf(payload, metric) {
  return payload.metrics.find((one) => one.key === metric)?.label ?? metric;
}

/** @returns {string} "ndcg@10" */
export function nameOf(payload, metric, k) {
  return `${labelOf(payload, metric)}@${k}`;
}

/** @returns {string} "−0.0012 to +0.0048", or "" without an interval */
export function bounds({ change_low: low, change_high: high }) {
  return low === null || high === null ? "" : `${signed(low)} to ${signed(high)}`;
}

/** @returns {string} the same, saying of how many per cent */
export function margin(reading) {
  return bounds(reading) && `95 %: ${bounds(reading)}`;
}

/** @returns {string} the same in full */
export function interval(reading) {
  return bounds(reading) && `95 % interval ${bounds(reading)}`;
}

/**
 * What may be said of a change from α = 0.
 * @returns {{kind: string, text: string}} kind: none, reference, open, more or less
 */
export function verdict(reading) {
  if (reading.mean === null) return { kind: "none", text: "no targets here" };
  if (reading.alpha === 0) return { kind: "reference", text: "the reference" };
  if (reading.change === null) return { kind: "none", text: "no change recorded" };
  if (reading.change_low === null || reading.change_high === null) {
    return { kind: "open", text: "one seed, no interval" };
  }
  if (reading.change_low > 0) return { kind: "more", text: "more than at α = 0" };
  if (reading.change_high < 0) return { kind: "less", text: "less than at α = 0" };
  return { kind: "open", text: "cannot be told from α = 0" };
}

/** A quantity at an α as half a sentence: value, change, interval, verdict. */
export function told(name, reading) {
  const said = verdict(reading);
  if (said.kind === "none" && reading.mean === null) return `${name}: no targets here`;
  const value = `${name} ${number(reading.mean)}`;
  if (said.kind === "reference") return value;
  const parts = [`${value}, ${signed(reading.change)} from α = 0`, interval(reading)];
  if (said.kind === "open") parts.push(said.text);
  return parts.filter(Boolean).join(", ");
}

/** What the live region says once the slider rests. */
export function announcement(payload, state) {
  const source = mainSource(payload);
  const pair = [state.metric, state.metric === "cov" ? accuracyOf(payload, "cov") : "cov"];
  const parts = [...new Set(pair)].map((metric) => {
    const reading = readingAt(source, quantity(metric, state.k), 0, state.alpha);
    return told(nameOf(payload, metric, state.k), reading);
  });
  return `${alphaName(state.alpha)}. ${parts.join(". ")}.`;
}

/** The three buckets in a sentence. */
export function bucketSentence(payload, state) {
  const source = mainSource(payload);
  const name = quantity(state.metric, state.k);
  const parts = BUCKETS.map((bucket) => {
    const reading = readingAt(source, name, bucket, state.alpha);
    return told(BUCKET_NAMES[bucket], reading);
  });
  const { alpha } = readingAt(source, name, 0, state.alpha);
  return `At ${alphaName(alpha)}, ${nameOf(payload, state.metric, state.k)} by the popularity of ` +
    `the target: ${parts.join("; ")}.`;
}

/** What the numbers rest on. */
export function basis(payload) {
  const seeds = payload.seeds.length;
  const source = mainSource(payload);
  const trained = payload.sources.find(({ key }) => key === "trained");
  const scores = source === trained ? "" : `; lists: its first seed; scores and spectra: ${trained.label}`;
  return `${payload.title}: ${count(payload.n_targets)} targets of ${count(payload.n_users)} ` +
    `test users (reading: ${payload.reading}), mean over ${seeds} ${seeds === 1 ? "seed" : "seeds"}` +
    `; line: ${source.label}${scores}.`;
}

/** How an item moved since α = 0. @returns {{mark: string, text: string, kind: string}} */
export function movement(place, before) {
  if (before === -1) return { mark: "new", text: "new in the list", kind: "new" };
  const up = before - place;
  if (up > 0) return { mark: `▲ ${up}`, text: `up ${up}`, kind: "up" };
  if (up < 0) return { mark: `▼ ${-up}`, text: `down ${-up}`, kind: "down" };
  return { mark: "=", text: "unmoved", kind: "same" };
}

/** How many of a list are in each bucket. @returns {string} "7 head, 2 middle, 1 tail" */
export function composition(items) {
  return BUCKETS.map((bucket) => {
    const found = items.filter((item) => item.bucket === bucket).length;
    return `${found} ${BUCKET_NAMES[bucket]}`;
  }).join(", ");
}

/** Where the held-out target is. */
export function targetSentence(payload, target, rank, listed) {
  const who = `The ${payload.noun ?? "item"} held out, ${target.title},`;
  if (listed >= 0) return `${who} is at place ${listed + 1} of this list.`;
  if (Number.isFinite(rank)) return `${who} is at rank ${count(rank)}, outside of this list.`;
  return `${who} is not in this list; its rank was not recorded.`;
}
