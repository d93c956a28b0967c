// The chosen user: what they watched or bought last, and the list they would be shown at this α.

import { BUCKETS, nearest } from "./payload.js";
import {
  BUCKET_MARKS, BUCKET_NAMES, alphaText, composition, count, movement, targetSentence, tied,
} from "./words.js";
import { make, marked, setText, unseen } from "./dom.js";

const LONGEST_MOVE = 280; // milliseconds

/**
 * The list nearest to an α: recorded, or answered by the kernel; empty where there is none.
 * @param {?object} reply { alpha, user, list, target_rank, items? }; `items` extends the payload's
 * @returns {{alpha: number, list: number[], rank: ?number, items: object[]}}
 */
export function listAt(payload, state, reply) {
  const { positions, items } = payload;
  const user = payload.users[state.user];
  const at = nearest(positions, state.alpha);
  const isNearer = reply && reply.user === state.user &&
    Math.abs(reply.alpha - state.alpha) < Math.abs(positions[at] - state.alpha) - 1e-9;
  if (isNearer) {
    const all = reply.items ? [...items, ...reply.items] : items;
    return { alpha: reply.alpha, list: reply.list, rank: reply.target_rank ?? null, items: all };
  }
  return { alpha: positions[at], list: user.lists[at] ?? [], items,
    rank: user.target_rank?.[at] ?? null };
}

/** How popular an item is: shape, word and number of users, the bar on a logarithmic scale. */
function popularity(item, most) {
  const share = Math.log1p(item.users ?? 0) / Math.log1p(most || 1);
  const known = BUCKET_NAMES[item.bucket] && item.bucket > 0;
  const name = known ? BUCKET_NAMES[item.bucket] : "unknown";
  return make("td", { class: "btsr-popularity" },
    make("span", { class: `btsr-bucket btsr-b${item.bucket}` },
      make("span", { "aria-hidden": "true" }, known ? BUCKET_MARKS[item.bucket] : "?"), ` ${name}`),
    make("span", { class: "btsr-users" }, `${count(item.users)} users`),
    make("span", { class: `btsr-bar btsr-b${item.bucket}`, "aria-hidden": "true",
      style: `--share: ${(100 * share).toFixed(1)}%` }));
}

/** A row of the list. */
function row(id, place, before, { items, target, most }) {
  const item = items[id];
  const moved = movement(place, before);
  const title = make("td", { class: "btsr-title" }, make("strong", {}, item.title));
  if (id === target) title.append(" ", make("span", { class: "btsr-held-out" }, "held out"));
  if (item.genres?.length) {
    title.append(make("span", { class: "btsr-genres" }, item.genres.join(", ")));
  }
  return make("tr", { "data-item": id, class: id === target ? "btsr-target" : null },
    make("td", { class: "btsr-place" }, String(place + 1)),
    make("td", { class: `btsr-move btsr-${moved.kind}` }, marked(moved.mark, moved.text)),
    title, popularity(item, most));
}

/** Let rows glide from where they stood, unless the reader asked for less motion. */
function glide(body, before) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const line of body.children) {
    const old = before.get(line.dataset.item);
    const distance = old === undefined ? 0 : old - line.offsetTop;
    const from = old === undefined ? { opacity: 0 } : { transform: `translateY(${distance}px)` };
    if (old === undefined || distance) {
      line.animate([from, { opacity: 1, transform: "none" }],
        { duration: LONGEST_MOVE, easing: "ease-out" });
    }
  }
}

/** A mark for each item of a list, in the order of popularity, the composition in words. */
function strip(items) {
  const marks = BUCKETS.flatMap((bucket) =>
    items.filter((item) => item.bucket === bucket).map(() =>
      make("span", { class: `btsr-b${bucket}` }, BUCKET_MARKS[bucket])));
  return make("span", { class: "btsr-strip", "aria-hidden": "true" }, ...marks);
}

/** The empty parts of the panel; `showList` and `showHistory` fill them. */
export function makeUserPanel(field) {
  const parts = {
    heading: make("h4"), about: make("p", { class: "btsr-about" }),
    body: make("tbody"), gone: make("p", { class: "btsr-gone" }),
    target: make("p", { class: "btsr-said" }), history: make("ol"),
    notice: make("p", { class: "btsr-notice", role: "status" }),
    summary: make("summary"), shown: "",
  };
  const names = { place: unseen("place"), moved: "moved", title: "title", popularity: "popularity" };
  const head = Object.entries(names).map(([key, name]) =>
    make("th", { scope: "col", class: `btsr-${key}` }, name));
  const table = make("table", { class: "btsr-list" },
    make("thead", {}, make("tr", {}, ...head)), parts.body);
  parts.folded = make("details", { class: "btsr-history", open: true }, parts.summary, parts.history);
  parts.panel = make("section", { class: "btsr-user", "aria-label": "One user" },
    make("div", { class: "btsr-user-head" }, make("h3", {}, "What one user is shown"), field),
    parts.folded,
    make("div", { class: "btsr-now" }, parts.heading, parts.about, table, parts.gone, parts.target, parts.notice));
  parts.folded.addEventListener("toggle", () => { parts.panel.style.minHeight = ""; });
  return parts;
}

/** Never become lower, or what stands below would jump about while the slider moves. */
function keepHeight(parts) {
  const { panel, body } = parts;
  const width = panel.clientWidth;
  if (width !== parts.width) panel.style.minHeight = "";
  parts.width = width;
  if (body.children.length) panel.style.minHeight = `${panel.offsetHeight}px`;
}

/** Show the list at the α of the state. Does nothing if the same is on show already. */
export function showList(parts, payload, state, reply) {
  const user = payload.users[state.user];
  const { alpha, list, rank, items } = listAt(payload, state, reply);
  const first = user.lists[nearest(payload.positions, 0)] ?? [];
  setText(parts.heading, list.length ? tied(`Top ${list.length} at ${alphaText(alpha)}`) :
    tied(`No list was recorded at ${alphaText(alpha)}`));
  setText(parts.target, targetSentence(payload, items[user.target], rank, list.indexOf(user.target)));
  const key = `${state.user}: ${list.join()}`;
  if (parts.shown === key) return;
  const isSameUser = parts.shown.startsWith(`${state.user}: `);
  const places = new Map([...parts.body.children].map((line) => [line.dataset.item, line.offsetTop]));
  const most = payload.items.reduce((found, item) => Math.max(found, item.users ?? 0), 0);
  const context = { items, target: user.target, most };
  parts.body.replaceChildren(
    ...list.map((id, place) => row(id, place, first.indexOf(id), context)));
  if (isSameUser) glide(parts.body, places);
  parts.shown = key;
  const [now, then] = [list, first].map((ids) => ids.map((id) => items[id]));
  parts.about.replaceChildren(strip(now), " ", composition(now),
    ...(composition(now) === composition(then) ? [] : [tied(` (at α = 0: ${composition(then)})`)]));
  const gone = first.filter((id) => !list.includes(id)).map((id) => items[id].title);
  setText(parts.gone, tied(gone.length ? `Gone since α = 0: ${gone.join("; ")}.` :
    "The same items as at α = 0."));
  keepHeight(parts);
}

/** Show what the user had before, the newest first. */
export function showHistory(parts, payload, state) {
  const user = payload.users[state.user];
  const newest = user.history.toReversed();
  const length = user.history_length ?? newest.length;
  const some = newest.length < length ? `the last ${newest.length} of ${count(length)}` :
    count(length);
  setText(parts.summary, newest.length || !length ? `History, newest first (${some})` :
    `History: ${count(length)}, which the data's terms forbid to show`);
  parts.history.replaceChildren(...newest.map((id) => {
    const { title, bucket, genres } = payload.items[id];
    const mark = make("span", { class: `btsr-b${bucket}` },
      make("span", { "aria-hidden": "true" }, BUCKET_MARKS[bucket] ?? "?"),
      unseen(BUCKET_NAMES[bucket] ?? "unknown popularity"));
    const kind = genres?.length ? make("span", { class: "btsr-genres" }, genres.join(", ")) : "";
    return make("li", {}, mark, " ", title, kind);
  }));
}
