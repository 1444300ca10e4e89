// Editing of the current item with keys and mouse. Nothing here is sent to the server.

import { clampToFrame, editedBoxes, initialBox, MIN_SIZE_PX, noEdits, roundToHundredths } from "./edits.js";
import { scrollToFrame } from "./filmstrip.js";
import { ARROWS } from "./keys.js";
import { prefetch } from "./queue.js";
import { draw } from "./render.js";
import { showMessage, state } from "./state.js";

const [STEP_PX, LARGE_STEP_PX, GROW_PX] = [0.5, 5, 0.5];

const CURSOR_HINTS = {
  move: "Move the box with the arrow keys or a click",
  add: "Click where the new label is, or use the arrow keys",
};

/** Show another frame of the track. */
export function goToFrame(k) {
  if (!state.item?.frames[k]) return;
  state.frameIndex = k;
  if (state.cursor) state.cursor.at = currentBox();
  draw();
  scrollToFrame(k);
  prefetch();
}

/** Start or stop moving the box, or adding one, with the arrow keys. */
export function toggleCursor(mode) {
  state.cursor = state.cursor?.mode === mode ? null : { mode, at: currentBox() };
  if (state.cursor && mode === "move") placeBox(state.cursor.at.x, state.cursor.at.y);
  showMessage(state.cursor ? `${CURSOR_HINTS[mode]}; Shift makes large steps. Then Enter.` : "");
  draw();
}

export function moveCursor(key, isLarge) {
  const [dx, dy] = ARROWS[key].map((sign) => sign * (isLarge ? LARGE_STEP_PX : STEP_PX));
  placeBox(state.cursor.at.x + dx, state.cursor.at.y + dy);
}

export function grow(sign) {
  const { w, h } = currentBox();
  if (sign < 0 && Math.max(w, h) <= MIN_SIZE_PX) return;
  resizeBy(sign * GROW_PX, sign * GROW_PX);
  draw();
}

/** Change the size of the item's boxes, pixels. */
export function resizeBy(w, h) {
  const { grow } = state.edits;
  state.edits.grow = { w: roundToHundredths(grow.w + w), h: roundToHundredths(grow.h + h) };
}

export function toggleCategory() {
  const other = currentBox().category === "target" ? "interference" : "target";
  state.edits.category = state.edits.category === null ? other : null;
  draw();
}

export function toggleExcluded() {
  const frameEdits = state.edits.frames[state.frameIndex];
  frameEdits.excluded = !frameEdits.excluded;
  draw();
}

export function discard() {
  state.cursor = null;
  state.edits = noEdits(state.item);
  draw();
}

export function click(x, y) {
  placeBox(x, y);
  if (state.cursor?.mode === "add") state.cursor = null;
  draw();
}

/** Place the edited box, or the label that is being added, at a point of the frame. */
export function placeBox(x, y) {
  const frameEdits = state.edits.frames[state.frameIndex];
  const at = clampToFrame(state.item, x, y);
  const isAdding = state.cursor?.mode === "add" && state.item.frames[state.frameIndex].label;
  frameEdits.excluded = false;
  frameEdits[isAdding ? "added" : "key"] = at;
  if (state.cursor) state.cursor.at = at;
  draw();
}

export function currentBox() {
  const { item, edits, frameIndex } = state;
  return editedBoxes(item, edits)[frameIndex] ?? initialBox(item.frames[frameIndex]);
}
