// What a reviewer does to an item before deciding it, and the changes that it comes to.
//
// Pure functions: an item as the server describes it and the edits go in, boxes and changes come
// out. An edit is not yet a decision; `changes` makes the one decision of all edits.

const DEFAULT_PX = 3; // size of a new box that nothing suggests a size for
export const SMALLEST_PX = 1;

/** No edits yet. */
export function fresh(item) {
  const places = item.places.map(() => ({ out: false, key: null, extra: null }));
  return { places, grow: 0, category: null };
}

export function edited(edits) {
  return edits.grow !== 0 || edits.category !== null || edits.places.some((p) => p.key || p.extra);
}

/** The box that is suggested for a place, or null; `removed` says that it is to go. */
export function suggested({ label, fix }) {
  if (!fix) return null;
  return fix.removed ? { ...label, removed: true } : { ...label, ...fix };
}

/** The box that a move begins from: the suggestion, else the label, else the place itself. */
export function start(place) {
  const box = suggested(place);
  if (box && !box.removed) return box;
  return place.label ?? { x: place.x, y: place.y, w: DEFAULT_PX, h: DEFAULT_PX, category: "target" };
}

/** The reviewer's box of each place, null where there is none. */
export function boxes(item, edits) {
  if (!edited(edits)) return item.places.map(() => null);
  const moved = shifts(item, edits);
  return item.places.map((place, k) => (edits.places[k].out ? null : boxOf(item, place, edits, moved[k])));
}

function boxOf(item, place, edits, shift) {
  const moving = edits.places.some((own) => own.key);
  const resized = edits.grow !== 0 || edits.category !== null;
  if (!place.label && !place.fix && !shift) return null;
  if (!place.label && !moving && !resized) return null;
  // Size and category are changed of a label where it is, unless the reviewer moves the track.
  const base = place.label && !moving ? place.label : start(place);
  const box = grown(base, edits);
  if (shift) Object.assign(box, within(item, base.x + shift.x, base.y + shift.y));
  const same = ["x", "y", "w", "h", "category"].every((name) => box[name] === place.label?.[name]);
  return same ? null : box;
}

/** The label that the reviewer adds to place k beside its own, or null. */
export function extra(item, edits, k) {
  const { out, extra: at } = edits.places[k];
  if (out || !at) return null;
  const { w, h, category } = item.places[k].label ?? start(item.places[k]);
  return { ...grown({ w, h, category: edits.category ?? category }, edits), ...at };
}

/** The verb and the changes of all edits; no changes where they come to nothing. */
export function changes(item, edits) {
  const made = [];
  const own = boxes(item, edits);
  item.places.forEach((place, k) => {
    const box = own[k];
    if (box) made.push(place.label ? difference(place.label, box) : added(item, place, box));
    const another = extra(item, edits, k);
    if (another) made.push(added(item, place, another));
  });
  const has = (...names) => made.some((change) => names.some((name) => name in change));
  let verb = "category";
  if (has("w", "h")) verb = "resize";
  if (has("x", "y")) verb = "move";
  if (made.some((change) => !("label" in change))) verb = "add";
  return { verb, changes: made };
}

/** The suggestions of the places that are not taken out; null: all of them. */
export function accepted(item, edits) {
  const all = item.places.filter((place) => place.fix);
  const left = item.places.filter((place, k) => place.fix && !edits.places[k].out);
  return left.length === all.length ? null : left.map((place) => place.fix);
}

/** The labels of the places that are not taken out, removed. */
export function removals(item, edits) {
  return item.places
    .filter((place, k) => place.label && !edits.places[k].out)
    .map((place) => ({ label: place.label.id, removed: true }));
}

/** How far each place is moved: given at key frames, smooth between them, null outside. */
function shifts(item, edits) {
  const keys = edits.places.flatMap((p, k) => (p.key ? [k] : []));
  const frames = item.places.map((place) => place.frame);
  const rising = frames.every((frame, k) => k === 0 || frame > frames[k - 1]);
  const at = rising ? frames : frames.map((_, k) => k);
  const offset = (k, axis) => edits.places[k].key[axis] - start(item.places[k])[axis];
  const curve = (axis) => pchip(keys.map((k) => at[k]), keys.map((k) => offset(k, axis)));
  if (!keys.length) return frames.map(() => null);
  const [x, y] = [curve("x"), curve("y")];
  const outside = (k) => k < keys[0] || k > keys.at(-1);
  return at.map((t, k) => (outside(k) ? null : { x: x(t), y: y(t) }));
}

/** Cubic interpolation that never overshoots its points (Fritsch and Carlson, 1980). */
function pchip(t, v) {
  if (t.length === 1) return () => v[0];
  const step = t.slice(1).map((end, k) => end - t[k]);
  const slope = step.map((width, k) => (v[k + 1] - v[k]) / width);
  const d = t.map((_, k) => {
    if (k === 0) return rim(step[0], step[1], slope[0], slope[1]);
    if (k === t.length - 1) return rim(step.at(-1), step.at(-2), slope.at(-1), slope.at(-2));
    if (slope[k - 1] * slope[k] <= 0) return 0;
    const [a, b] = [2 * step[k] + step[k - 1], step[k] + 2 * step[k - 1]];
    return (a + b) / (a / slope[k - 1] + b / slope[k]);
  });
  return (at) => {
    const k = Math.max(0, Math.min(step.length - 1, t.findLastIndex((time) => time <= at)));
    const u = (at - t[k]) / step[k];
    const [p, q] = [(1 - u) ** 2, u ** 2];
    const ends = v[k] * p * (1 + 2 * u) + v[k + 1] * q * (3 - 2 * u);
    return ends + step[k] * (d[k] * u * p - d[k + 1] * q * (1 - u));
  };
}

/** The derivative at the first or last point, from its step and slope and the next ones. */
function rim(step, next, slope, nextSlope) {
  if (next === undefined) return slope;
  const d = ((2 * step + next) * slope - step * nextSlope) / (step + next);
  if (d * slope <= 0) return 0;
  return slope * nextSlope <= 0 && Math.abs(d) > 3 * Math.abs(slope) ? 3 * slope : d;
}

function grown(box, edits) {
  const size = (length) => (edits.grow ? hundredths(Math.max(SMALLEST_PX, length + edits.grow)) : length);
  const { x, y, w, h, category } = box;
  return { x, y, w: size(w), h: size(h), category: edits.category ?? category };
}

/** A place in the frame, to a hundredth of a pixel. */
export function within(item, x, y) {
  const [, height, width] = item.shape;
  const limit = (value, size) => Math.max(0, Math.min(size - 0.01, value));
  return { x: hundredths(limit(x, width)), y: hundredths(limit(y, height)) };
}

function hundredths(value) {
  return Math.round(100 * value) / 100;
}

function difference(label, box) {
  const change = { label: label.id };
  for (const name of ["x", "y", "w", "h", "category"]) {
    if (box[name] !== label[name]) change[name] = box[name];
  }
  return change;
}

function added(item, place, { x, y, w, h, category }) {
  const change = { sequence: item.sequence, frame: place.frame, x, y, w, h, category };
  if (!place.label && place.fix?.track) change.track = place.fix.track;
  return change;
}
