// Draws the figures of a page: the data of each lies in the element itself, see btsr_core/book/sphinx_ext.py.
(() => {
  "use strict";

  const PAPER = { width: 680, height: 940 }; // px within A4; what is larger would be cut

  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

  /** Copy of `base` with the leaves of `extra` put over it. */
  function merged(base, extra) {
    const result = { ...base };
    for (const [key, value] of Object.entries(extra)) {
      result[key] = isObject(value) ? merged(isObject(base?.[key]) ? base[key] : {}, value) : value;
    }
    return result;
  }

  /**
   * Template of a figure in the colours of the page: text and controls are the page's, lines only
   * where the template has none. What a figure sets outside its template still wins.
   */
  function themed(template) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const text = colour("--pst-color-text-base");
    const muted = colour("--pst-color-text-muted");
    const line = colour("--pst-color-border");
    const surface = colour("--pst-color-surface");
    const clear = "rgba(0, 0, 0, 0)";
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line };
    const control = { bgcolor: surface, bordercolor: line, font: { color: text } };
    const based = merged({ layout: { xaxis: axis, yaxis: axis } }, template ?? {});
    return merged(based, {
      layout: {
        font: { color: text },
        title: { font: { color: text } },
        paper_bgcolor: clear,
        plot_bgcolor: clear,
        legend: { bgcolor: clear },
        modebar: { bgcolor: clear, color: muted, activecolor: text },
        annotationdefaults: { arrowcolor: muted, font: { color: text } },
        shapedefaults: { line: { color: muted } },
        sliderdefaults: { ...control, tickcolor: muted, activebgcolor: muted },
        updatemenudefaults: control,
      },
    });
  }

  const pen = document.createElement("canvas").getContext("2d");

  /** A title in as many lines as its width needs, and a figure that is higher by so much. */
  function titled(layout, element, base) {
    const text = typeof layout.title === "string" ? layout.title : layout.title?.text;
    if (!text || text.includes("<")) return {}; // marked up by its author, who broke the lines
    const look = layout.template?.layout;
    const size = layout.title.font?.size ?? look?.title?.font?.size ?? 17;
    pen.font = `${size}px ${look?.font?.family ?? "sans-serif"}`;
    const room = element.clientWidth - 30; // pixels
    const lines = [""];
    for (const word of text.replace(/ %/g, "\u00a0%").split(" ")) {
      const longer = `${lines.at(-1)} ${word}`.trim();
      if (lines.at(-1) && pen.measureText(longer).width > room) lines.push(word);
      else lines[lines.length - 1] = longer;
    }
    const top = layout.margin?.t ?? layout.template?.layout?.margin?.t ?? 100;
    const extra = (lines.length - 1) * 1.3 * size;
    // Plotly hangs several lines a little higher than one.
    const pad = (look?.title?.pad?.t ?? 0) + (lines.length - 1) * 0.5 * size;
    const height = base + extra; // the plot keeps its own
    return { "title.text": lines.join("<br>"), "title.pad.t": pad, "margin.t": top + extra, height };
  }

  /** Width below which panels side by side could not be read: a phone scrolls them instead.
   *  Never more than a page has on a desktop. */
  function leastWidth(layout) {
    const axes = Object.keys(layout).filter((key) => /^xaxis\d*$/.test(key));
    const columns = new Set(axes.map((key) => layout[key].domain?.[0] ?? 0)).size;
    return columns > 1 ? Math.min(60 + 200 * columns, 680) : 0;
  }

  /** Below a figure: its numbers, for whoever wants to read or draw them otherwise. */
  function offerData(element, source) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btsr-figure-data";
    button.textContent = "Data as CSV";
    button.setAttribute("aria-label", `${button.textContent}: ${btsrFigureData.title(JSON.parse(source))}`);
    // read anew, for Plotly writes into what it draws
    button.addEventListener("click", () => btsrFigureData.save(JSON.parse(source)));
    element.after(button);
  }

  function draw(element) {
    const source = element.querySelector("script").textContent;
    const { data, layout, frames, config } = JSON.parse(source);
    element.replaceChildren();
    offerData(element, source);
    element.style.minWidth = `${leastWidth(layout)}px`;
    const base = element.clientHeight;
    // The width is the page's, at any time.
    const { width, ...rest } = layout;
    let drawn = 0; // the width that the figure was last made for
    let tallest = Infinity;
    const look = () => {
      drawn = element.clientWidth;
      const title = titled(layout, element, base);
      const height = Math.min(title.height ?? base, tallest);
      element.style.height = `${height}px`;
      return { template: themed(layout.template), ...title, height };
    };
    Plotly.newPlot(element, {
      data,
      layout: { ...rest, autosize: true, template: themed(layout.template) },
      frames: frames ?? [],
      config: { ...config, responsive: false, displaylogo: false },
    }).then(() => Plotly.relayout(element, look()));
    // Unlike Plotly's `responsive`, this sees side bars, tabs and folded cells open as well.
    new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== drawn) {
        Plotly.relayout(element, { ...look(), autosize: true });
      }
    }).observe(element);
    new MutationObserver(() => Plotly.relayout(element, look())).observe(document.documentElement, {
      attributeFilter: ["data-theme"],
    });
    const fit = (width, height) => {
      element.style.maxWidth = width;
      tallest = height;
      Plotly.relayout(element, { ...look(), autosize: true });
    };
    addEventListener("beforeprint", () => fit(`${PAPER.width}px`, PAPER.height));
    addEventListener("afterprint", () => fit("", Infinity));
  }

  document.querySelectorAll("div.btsr-figure[id]").forEach(draw);
})();
