// The numbers behind the charts as a table, for whoever wants to read or draw them otherwise.

import { make } from "./dom.js";

const COLUMNS = ["source", "alpha", "quantity", "bucket", "x", "value", "low", "high",
  "change", "change_low", "change_high"];

/** A field of CSV; nothing for what is not known. */
function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Metrics by source, alpha and bucket; bucket 0 are all targets. */
function metricRows({ sources }) {
  return sources.flatMap(({ key: source, alphas, values }) =>
    Object.entries(values).flatMap(([quantity, buckets]) =>
      Object.entries(buckets).flatMap(([bucket, { mean, ...rest }]) => alphas.map((alpha, at) => ({
        source, alpha, quantity, bucket, value: mean[at],
        ...Object.fromEntries(Object.entries(rest).map(([name, own]) => [name, own[at]])),
      })))));
}

/** A value for each x at each alpha, such as a density. */
function curveRows(quantity, alphas, curves, xOf) {
  return curves.flatMap((curve, at) =>
    curve.map((value, place) => ({ alpha: alphas[at], quantity, x: xOf(place), value })));
}

/**
 * All numbers of the charts.
 * @returns {string} CSV with a row of names
 */
export function csvOf(payload) {
  const { densities, spectrum } = payload;
  const rows = metricRows(payload);
  if (densities) {
    const from = (place) => densities.edges[place]; // where the bin begins
    rows.push(...curveRows("density of targets", densities.alphas, densities.positive, from),
      ...curveRows("density of random items", densities.alphas, densities.negative, from));
  }
  if (spectrum) {
    rows.push(...curveRows("singular value", spectrum.alphas, spectrum.values, (one) => one + 1),
      ...spectrum.alphas.map((alpha, at) =>
        ({ alpha, quantity: "effective rank", value: spectrum.effective_rank[at] })));
  }
  const lines = rows.map((row) => COLUMNS.map((name) => cell(row[name])));
  return [COLUMNS, ...lines].map((line) => `${line.join(",")}\n`).join("");
}

/** A button that saves them. */
export function makeDownload(payload) {
  const button = make("button", { type: "button", class: "btsr-download" }, "Data as CSV");
  button.addEventListener("click", () => {
    const link = make("a", { download: `${payload.title.replace(/[^\p{L}\p{N}]+/gu, "-")}.csv` });
    link.href = URL.createObjectURL(new Blob([csvOf(payload)], { type: "text/csv;charset=utf-8" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  return button;
}
