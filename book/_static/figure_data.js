// The numbers of a figure as CSV, one row a mark, from what Plotly was given: data and layout.
(() => {
  "use strict";

  const ARRAYS = {
    i1: Int8Array, u1: Uint8Array, u1c: Uint8ClampedArray, i2: Int16Array, u2: Uint16Array,
    i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array,
  };
  const COLUMNS = [
    "panel", "trace", "x_axis", "x", "x_label", "x_minus", "x_plus",
    "y_axis", "y", "y_label", "y_minus", "y_plus", "z", "text",
  ];

  /** A list, or a list of lists, whichever way Plotly's Python package has written it. */
  function listed(values) {
    if (!values?.bdata) return Array.isArray(values) ? values : null;
    const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0));
    const flat = Array.from(new ARRAYS[values.dtype](bytes.buffer));
    const [rows, columns] = String(values.shape ?? flat.length).split(",").map(Number);
    if (columns === undefined) return flat;
    return Array.from({ length: rows }, (_, row) => flat.slice(row * columns, (row + 1) * columns));
  }

  /** Text without the marks that Plotly reads in it. */
  function plain(text) {
    const page = new DOMParser().parseFromString(String(text ?? "").replace(/<br\s*\/?>/g, " "), "text/html");
    return page.body.textContent.replace(/\s+/g, " ").trim();
  }

  const titleOf = (part) => plain(typeof part?.title === "string" ? part.title : part?.title?.text);
  const near = (one, other) => Math.abs(one - other) < 0.005; // shares of the figure's width or height

  /** The axis of a trace, as in "x2", with the title that it has or shares. */
  function axisOf(layout, id) {
    const letter = id[0];
    const named = (key) => layout[`${letter}axis${key.slice(1)}`] ?? {};
    const axis = named(id);
    const [start, end] = axis.domain ?? [0, 1];
    const beside = Object.keys(layout).filter((key) => key.startsWith(`${letter}axis`)).map((key) => layout[key])
      .filter((other) => near((other.domain ?? [0, 1])[0], start) && near((other.domain ?? [0, 1])[1], end));
    const title = titleOf(axis) || (axis.matches && titleOf(named(axis.matches))) || beside.map(titleOf).find(Boolean);
    return { start, end, title: title || "", label: labels(axis) };
  }

  /** What an axis calls a place: its words for ticks, where they say more than the numbers do. */
  function labels(axis) {
    const places = listed(axis.tickvals);
    const words = axis.ticktext?.map(plain);
    if (!places || !words?.some((word) => Number.isNaN(Number(word.replaceAll(",", ""))))) return () => "";
    return (value) => {
      const far = places.map((place) => Math.abs(place - value));
      const least = Math.min(...far); // NaN where the value is no number
      return least < 0.5 ? words[far.indexOf(least)] : "";
    };
  }

  /** What stands above a panel, and at its right. */
  function panelOf(layout, x, y) {
    const notes = (layout.annotations ?? []).filter((note) => note.xref === "paper" && note.yref === "paper");
    const above = notes.find((note) => !note.textangle && near(note.x, (x.start + x.end) / 2) && near(note.y, y.end));
    const beside = notes.find((note) => note.textangle && near(note.y, (y.start + y.end) / 2));
    return [beside, above].filter(Boolean).map((note) => plain(note.text)).join(", ");
  }

  /** [below, above] of the error bar at each place. */
  function barsOf(error) {
    if (!error || error.visible === false) return () => [];
    const above = listed(error.array);
    const below = listed(error.arrayminus) ?? above;
    if (above) return (place) => [below[place], above[place]];
    return () => (error.type === "constant" ? [error.valueminus ?? error.value, error.value] : []);
  }

  const steps = (first, step) => (place) => (first ?? 0) + place * (step ?? 1);
  const at = (values, otherwise) => (values ? (place) => values[place] : otherwise);

  function* marks(trace) {
    const x = listed(trace.x);
    const y = listed(trace.y);
    const z = listed(trace.z);
    const xAt = at(x, steps(trace.x0, trace.dx));
    const yAt = at(y, steps(trace.y0, trace.dy));
    if (z) {
      for (const [row, values] of z.entries()) {
        for (const [column, value] of values.entries()) yield { x: xAt(column), y: yAt(row), z: value };
      }
      return;
    }
    const text = at(listed(trace.text), () => trace.text);
    const across = barsOf(trace.error_x);
    const along = barsOf(trace.error_y);
    for (let place = 0; place < Math.max(x?.length ?? 0, y?.length ?? 0); place += 1) {
      const [x_minus, x_plus] = across(place);
      const [y_minus, y_plus] = along(place);
      const mark = { x: xAt(place), y: yAt(place), x_minus, x_plus, y_minus, y_plus, text: text(place) };
      if ((mark.x ?? null) !== null && (mark.y ?? null) !== null) yield mark; // the rest only break lines
    }
  }

  function rowsOf({ data, layout }) {
    return data.flatMap((trace, index) => {
      const x = axisOf(layout, trace.xaxis ?? "x");
      const y = axisOf(layout, trace.yaxis ?? "y");
      const of = {
        panel: panelOf(layout, x, y),
        trace: plain(trace.name) || plain(trace.legendgroup) || `${index + 1}`,
        x_axis: x.title,
        y_axis: y.title,
      };
      return Array.from(marks(trace), (mark) => ({
        ...of, ...mark, x_label: x.label(mark.x), y_label: y.label(mark.y), text: plain(mark.text),
      }));
    });
  }

  const said = (value) => value !== undefined && value !== null && value !== "";

  function field(value) {
    const text = said(value) ? String(value) : "";
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  /** The figure as CSV: numbers as they are, columns that say something. */
  function csv(figure) {
    const rows = rowsOf(figure);
    const columns = COLUMNS.filter((column) => rows.some((row) => said(row[column])));
    return [columns, ...rows.map((row) => columns.map((column) => row[column]))]
      .map((row) => `${row.map(field).join(",")}\n`).join("");
  }

  const title = (figure) => titleOf(figure.layout) || "untitled";

  /** A name for the file that says which figure it is of. */
  function fileName(figure) {
    const words = title(figure).toLowerCase().replace(/[^\p{L}\p{N}@]+/gu, "-");
    return `${words.slice(0, 80).replace(/^-+|-+$/g, "")}.csv`;
  }

  function save(figure) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv(figure)], { type: "text/csv;charset=utf-8" }));
    link.download = fileName(figure);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  globalThis.btsrFigureData = { csv, fileName, save, title };
})();
