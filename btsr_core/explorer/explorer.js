// The explorer of α. anywidget, or a page, calls `render` with a model and an element; the model
// holds the payload and the choices, the element shows them. Input is shown once a frame at most.

import { faultOf, quantity, snap, stepped } from "./payload.js";
import { announcement, tied } from "./words.js";
import { themeOf, watchTheme } from "./theme.js";
import { make, setText } from "./dom.js";
import { moveMarks, setMarks } from "./overlay.js";
import { bucketChart, metricChart, planeChart } from "./charts.js";
import { densityChart, rankChart, spectrumChart } from "./scores.js";
import { makeUserPanel, showHistory, showList } from "./lists.js";
import {
  assemble, makeDial, makeFault, makeFields, makeLegends, makePanel, showFields, showNumbers,
} from "./layout.js";

const CHARTS = [metricChart, planeChart, bucketChart, densityChart, spectrumChart, rankChart];
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: false, scrollZoom: false };
const TRAITS = ["alpha", "metric", "k", "user"];
const SAVE_AFTER = 120; // milliseconds of rest, so that a kernel is not flooded
const SPEAK_AFTER = 500;
const ANSWER_WITHIN = 5000;

/** Where the model and the payload let the explorer begin. */
function firstState(model, payload) {
  const asked = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
  return valid(payload, { ...payload.default, ...defined(asked) });
}

/** Without what is undefined or null. */
function defined(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value != null));
}

/** A state that the payload has numbers for. */
function valid(payload, { alpha, metric, k, user }) {
  const known = payload.sources.every((source) => source.values[quantity(metric, k)]);
  const chosen = known ? { metric, k } : { metric: payload.default.metric, k: payload.default.k };
  const last = Math.max(payload.users.length - 1, 0);
  return { ...chosen, alpha: snap(payload, alpha), user: Math.min(Math.max(user ?? 0, 0), last) };
}

/** Draw a chart anew: for another metric, K or theme. */
function draw(panel, context, theme) {
  const { chart, plot, drawing, overlay } = panel;
  plot.hidden = chart.isEmpty?.(context) ?? false;
  if (plot.hidden) return undefined;
  const { data, layout, marks } = chart.figure(context, theme);
  panel.marks = setMarks(overlay, marks, { x: layout.xaxis, y: layout.yaxis }, theme);
  return globalThis.Plotly.react(drawing, data, layout, CONFIG);
}

/** Say in words what a chart shows. */
function caption(panel, context) {
  const { chart, heading, plot, note } = panel;
  const title = chart.title(context);
  setText(heading, title);
  plot.setAttribute("aria-label", `${title}. ${chart.sentence(context)}`);
  setText(note, tied(chart.note?.(context) ?? ""));
}

/** Show the state of a view, all of it or what moved. */
async function show(view) {
  const { payload, state, shown, dial, panels, user } = view;
  const context = { payload, state };
  const isRedrawn = view.stale || state.metric !== shown.metric || state.k !== shown.k;
  view.el.dataset.alpha = String(state.alpha);
  showNumbers(dial, payload, state);
  if (user) {
    if (state.user !== shown.user) showHistory(user, payload, state);
    showList(user, payload, state, view.reply);
  }
  for (const panel of panels) caption(panel, context);
  view.shown = { ...state };
  view.stale = false;
  if (!view.isDrawn) return; // without a width there is nothing to draw on
  if (isRedrawn) await Promise.all(panels.map((panel) => draw(panel, context, view.theme)));
  for (const panel of panels) {
    if (panel.marks) moveMarks(panel.marks, panel.chart.places(context));
  }
}

/** Show a new state in the next frame; measured from the first input that is not on show yet. */
function schedule(view) {
  if (view.frame) return;
  performance.clearMarks("btsr-input");
  const start = performance.mark("btsr-input").startTime;
  view.frame = requestAnimationFrame(async () => {
    view.frame = 0;
    await show(view);
    performance.measure("btsr-reaction", { start });
    ask(view);
  });
}

/** Run once after the last of many calls. */
function rested(view, name, delay, action) {
  clearTimeout(view.timers[name]);
  view.timers[name] = setTimeout(action, delay);
}

/** Take a change of the reader's, show it, and tell the model and the live region of it. */
function change(view, changes) {
  const { payload, model } = view;
  Object.assign(view.state, valid(payload, { ...view.state, ...changes }));
  schedule(view);
  rested(view, "save", SAVE_AFTER, () => {
    view.isSaving = true; // each `set` is heard, before the others are made
    for (const name of TRAITS) model.set(name, view.state[name]);
    view.isSaving = false;
    model.save_changes?.();
  });
  rested(view, "speak", SPEAK_AFTER, () => setText(view.live, announcement(payload, view.state)));
}

/** Ask the kernel for the list between recorded positions: one question at a time. */
function ask(view) {
  const { payload, state, model } = view;
  if (!payload.live || !view.user || view.asked || payload.positions.includes(state.alpha)) return;
  const { alpha, user } = state;
  if (view.reply?.alpha === alpha && view.reply.user === user) return;
  view.asked = performance.now();
  model.send({ type: "lists", alpha, user });
  rested(view, "answer", ANSWER_WITHIN, () => { view.asked = 0; });
}

/** Show what the kernel answered, and ask again if the slider has moved on. */
function take(view, content) {
  if (!["lists", "error"].includes(content?.type) || !view.user) return;
  clearTimeout(view.timers.answer);
  setText(view.user.notice, content.type === "error" ? content.message : "");
  if (content.type === "error") {
    view.asked = 0; // and what was recorded stays on show
    return;
  }
  view.reply = content;
  showList(view.user, view.payload, view.state, view.reply);
  if (view.asked) performance.measure("btsr-scored", { start: view.asked });
  view.asked = 0;
  ask(view);
}

/** Listen to the slider and its keys. */
function listen(view) {
  const { slider } = view.dial;
  slider.addEventListener("input", () => change(view, { alpha: Number(slider.value) }));
  slider.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const alpha = stepped(view.payload, view.state.alpha, event.key);
    if (alpha === null) return;
    event.preventDefault();
    change(view, { alpha });
  });
}

/** Let charts take the width that they have now. */
function resize(panels) {
  for (const { drawing } of panels) {
    if (drawing.data) globalThis.Plotly.Plots.resize(drawing);
  }
}

/** Draw as soon as there is a width, and again whenever it changes. */
function watchWidth(view) {
  let width = 0;
  const observer = new ResizeObserver(() => {
    const now = view.root.clientWidth;
    if (now === 0 || now === width) return;
    width = now;
    if (view.isDrawn) resize(view.panels);
    else {
      view.isDrawn = true;
      if (view.user) view.user.folded.open = width > 600;
      repaint(view);
    }
  });
  observer.observe(view.root);
  return () => observer.disconnect();
}

/** Take the colours of the page and draw everything in them. */
function repaint(view) {
  view.theme = themeOf(view.root);
  view.root.dataset.scheme = view.theme.isDark ? "dark" : "light";
  for (const key of ["now", "before", "1", "2", "3"]) {
    view.root.style.setProperty(`--btsr-${key}`, view.theme[key]);
  }
  view.stale = true;
  return show(view);
}

/** Build the explorer of a payload. @returns {function(): void} what undoes it */
function build(view) {
  const { root, payload, model } = view;
  view.state = firstState(model, payload);
  Object.assign(view, { shown: {}, reply: null, asked: 0, stale: true, isDrawn: false });
  const fields = makeFields(payload, view.state, (name, value) => {
    if (name in view.state) change(view, { [name]: value });
    else {
      model.set(name, value); // the kernel answers with another payload
      model.save_changes?.();
    }
  });
  view.dial = makeDial(payload, (alpha) => change(view, { alpha }));
  view.live = make("p", { class: "btsr-unseen", role: "status", "aria-live": "polite" });
  view.user = payload.users.length ? makeUserPanel(fields.user) : null;
  view.panels = CHARTS.map(makePanel);
  const legends = makeLegends(payload, view.dial.buckets);
  for (const { chart, note } of view.panels) {
    if (legends[chart.key]) note.before(legends[chart.key]);
  }
  root.setAttribute("aria-label", `Explorer of α: ${payload.title}`);
  root.replaceChildren(...assemble(payload, { ...view, fields }));
  listen(view);
  const endings = [watchWidth(view), watchTheme(() => repaint(view))];
  show(view);
  return () => {
    endings.forEach((end) => end());
    cancelAnimationFrame(view.frame);
    Object.values(view.timers).forEach(clearTimeout);
    view.panels.forEach(({ drawing }) => globalThis.Plotly.purge(drawing));
  };
}

/**
 * Show the explorer in an element.
 * @param {{model: object, el: HTMLElement}} options the model has `get`, `set` and `on`, and where a
 *   kernel is at hand `save_changes`, `send` and `off`
 * @returns {function(): void} what takes it away again
 */
function render({ model, el }) {
  const root = make("section", { class: "btsr-front" });
  el.append(root);
  const view = { model, el, root, timers: {}, frame: 0 };
  let end = () => {};
  const renew = () => {
    end();
    end = () => {};
    view.payload = model.get("payload");
    const fault = globalThis.Plotly ? faultOf(view.payload) : "Plotly is not loaded.";
    if (fault) root.replaceChildren(makeFault(fault));
    else end = build(view);
  };
  const follow = () => {
    if (view.isSaving || faultOf(view.payload)) return;
    const before = view.state;
    const asked = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
    const after = valid(view.payload, { ...before, ...defined(asked) });
    if (TRAITS.every((name) => before[name] === after[name])) return;
    Object.assign(before, after);
    showFields(root, view.payload, after);
    schedule(view);
  };
  const handlers = [["change:payload", renew], ["msg:custom", (content) => take(view, content)],
    ...TRAITS.map((name) => [`change:${name}`, follow])];
  renew();
  handlers.forEach(([event, handler]) => model.on?.(event, handler));
  return () => {
    handlers.forEach(([event, handler]) => model.off?.(event, handler));
    end();
    root.remove();
  };
}

const explorer = { render };
export default explorer;
