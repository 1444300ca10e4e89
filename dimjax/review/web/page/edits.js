// The reviewer's edits of an item before the decision, and the changes that they amount to.
//
// Pure functions of an item, as the server describes it, and its edits. An edit is not yet a
// decision: `changesOf` turns all edits of an item into the changes of one decision.

const DEFAULT_PX = 3; // size of a new box without a suggested size
export const MIN_SIZE_PX = 1;

/** Return the state without edits. */
export function noEdits(item) {
  const frames = item.frames.map(() => ({ excluded: false, key: null, added: null }));
  return { frames, grow: { w: 0, h: 0 }, category: null };
}

export function isEdited({ grow, category, frames }) {
  return isGrown(grow) || category !== null || frames.some((frame) => frame.key || frame.added);
}

function isGrown({ w, h }) {
  return w !== 0 || h !== 0;
}

/** Return the suggested box of a frame or null; `removed` is set if the label is to be deleted. */
export function suggestedBox({ label, fix }) {
  if (!fix) return null;
  return fix.removed ? { ...label, removed: true } : { ...label, ...fix };
}

/** Return the box that a move begins from: the suggestion, else the label, else the location. */
export function initialBox(frame) {
  const box = suggestedBox(frame);
  if (box && !box.removed) return box;
  const { x, y, label } = frame;
  return label ?? { x, y, w: DEFAULT_PX, h: DEFAULT_PX, category: "target" };
}

/** Return the edited box of each frame, null where the frame has none. */
export function editedBoxes(item, edits) {
  if (!isEdited(edits)) return item.frames.map(() => null);
  const offsets = offsetsOf(item, edits);
  return item.frames.map((frame, k) => (
    edits.frames[k].excluded ? null : editedBox(item, frame, edits, offsets[k])
  ));
}

function editedBox(item, frame, edits, offset) {
  const { label } = frame;
  const isMoving = edits.frames.some((one) => one.key);
  const isReshaped = isGrown(edits.grow) || edits.category !== null;
  if (!label && !frame.fix && !offset) return null;
  if (!label && !isMoving && !isReshaped) return null;
  // Size and category apply to a label at its position, unless the reviewer moves the track.
  const base = label && !isMoving ? label : initialBox(frame);
  const box = reshaped(base, edits);
  if (offset) Object.assign(box, clampToFrame(item, base.x + offset.x, base.y + offset.y));
  const isSame = ["x", "y", "w", "h", "category"].every((name) => box[name] === label?.[name]);
  return isSame ? null : box;
}

/** Return the label that the reviewer adds in frame k beside the item's own, or null. */
export function addedLabel(item, edits, k) {
  const { excluded, added } = edits.frames[k];
  if (excluded || !added) return null;
  const { w, h, category } = item.frames[k].label ?? initialBox(item.frames[k]);
  return { ...reshaped({ w, h, category: edits.category ?? category }, edits), ...added };
}

/** Return the verb and the changes of all edits. */
export function changesOf(item, edits) {
  const changes = [];
  const boxes = editedBoxes(item, edits);
  item.frames.forEach((frame, k) => {
    const box = boxes[k];
    if (box) changes.push(frame.label ? difference(frame.label, box) : newLabel(item, frame, box));
    const added = addedLabel(item, edits, k);
    if (added) changes.push(newLabel(item, frame, added));
  });
  const has = (...names) => changes.some((change) => names.some((name) => name in change));
  let verb = "category";
  if (has("w", "h")) verb = "resize";
  if (has("x", "y")) verb = "move";
  if (changes.some((change) => !("label" in change))) verb = "add";
  return { verb, changes };
}

/** Return the suggestions of the frames that are not excluded; null if that is all of them. */
export function acceptedFixes(item, edits) {
  const all = item.frames.filter((frame) => frame.fix);
  const accepted = item.frames.filter((frame, k) => frame.fix && !edits.frames[k].excluded);
  return accepted.length === all.length ? null : accepted.map((frame) => frame.fix);
}

/** Return the removal of the labels in all frames that are not excluded. */
export function removals(item, edits) {
  return item.frames
    .filter((frame, k) => frame.label && !edits.frames[k].excluded)
    .map((frame) => ({ label: frame.label.id, removed: true }));
}

/** Return the offset of each frame: set at key frames, interpolated between them, null outside. */
function offsetsOf(item, edits) {
  const keys = edits.frames.flatMap(({ key }, k) => (key ? [k] : []));
  const frames = item.frames.map(({ frame }) => frame);
  const isAscending = frames.every((frame, k) => k === 0 || frame > frames[k - 1]);
  const times = isAscending ? frames : frames.map((_, k) => k);
  const offset = (k, axis) => edits.frames[k].key[axis] - initialBox(item.frames[k])[axis];
  const curve = (axis) => pchip(keys.map((k) => times[k]), keys.map((k) => offset(k, axis)));
  if (!keys.length) return frames.map(() => null);
  const [x, y] = [curve("x"), curve("y")];
  const isOutside = (k) => k < keys[0] || k > keys.at(-1);
  return times.map((t, k) => (isOutside(k) ? null : { x: x(t), y: y(t) }));
}

/** Return the monotone cubic interpolant of the points t, v (Fritsch and Carlson, 1980). */
function pchip(t, v) {
  if (t.length === 1) return () => v[0];
  const step = t.slice(1).map((end, k) => end - t[k]);
  const slope = step.map((width, k) => (v[k + 1] - v[k]) / width);
  const d = t.map((_, k) => {
    if (k === 0) return endDerivative(step[0], step[1], slope[0], slope[1]);
    if (k === t.length - 1) return endDerivative(step.at(-1), step.at(-2), slope.at(-1), slope.at(-2));
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

/** Return the derivative at the first or last point, from its step and slope and the next ones. */
function endDerivative(step, nextStep, slope, nextSlope) {
  if (nextStep === undefined) return slope;
  const d = ((2 * step + nextStep) * slope - step * nextSlope) / (step + nextStep);
  if (d * slope <= 0) return 0;
  return slope * nextSlope <= 0 && Math.abs(d) > 3 * Math.abs(slope) ? 3 * slope : d;
}

/** Return a box with the edited size and category. */
function reshaped(box, edits) {
  const resize = (length, by) => (by ? roundToHundredths(Math.max(MIN_SIZE_PX, length + by)) : length);
  const { x, y, w, h, category } = box;
  return { x, y, w: resize(w, edits.grow.w), h: resize(h, edits.grow.h), category: edits.category ?? category };
}

/** Return the nearest point in the frame, rounded to a hundredth of a pixel. */
export function clampToFrame(item, x, y) {
  const [, height, width] = item.shape;
  const clamp = (value, size) => Math.max(0, Math.min(size - 0.01, value));
  return { x: roundToHundredths(clamp(x, width)), y: roundToHundredths(clamp(y, height)) };
}

export function roundToHundredths(value) {
  return Math.round(100 * value) / 100;
}

function difference(label, box) {
  const change = { label: label.id };
  for (const name of ["x", "y", "w", "h", "category"]) {
    if (box[name] !== label[name]) change[name] = box[name];
  }
  return change;
}

function newLabel(item, frame, { x, y, w, h, category }) {
  const change = { sequence: item.sequence, frame: frame.frame, x, y, w, h, category };
  if (!frame.label && frame.fix?.track) change.track = frame.fix.track;
  return change;
}
