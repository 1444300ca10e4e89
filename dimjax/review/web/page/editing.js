// Editing of the current item with keys and mouse. Nothing here is sent to the server.

import { adjust } from "./display.js";
import { clampToFrame, editedBoxes, initialBox, MIN_SIZE_PX, noEdits } from "./edits.js";
import { scrollToFrame } from "./filmstrip.js";
import { ARROWS } from "./keys.js";
import { prefetch } from "./queue.js";
import { draw } from "./render.js";
import { byId, showMessage, state } from "./state.js";

const [STEP_PX, LARGE_STEP_PX, GROW_PX] = [0.5, 5, 0.5];
const DRAG_PX = 4; // a pointer that moves no further clicks

const CURSOR_HINTS = {
  move: "Move the box with the arrow keys or a click",
  add: "Click where the new label is, or use the arrow keys",
};

/** Show another frame of the track. */
export function goToFrame(k) {
  if (k < 0 || k >= state.item.frames.length) return;
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
  state.edits.grow += sign * GROW_PX;
  draw();
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

/** A click on the chip moves or adds a box; a drag changes contrast and brightness. */
export function handlePointer(canvas) {
  let start = null;
  let dragged = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    [start, dragged] = [event, false];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    showLevel(event);
    if (!start) return;
    const distance = Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY);
    dragged ||= distance > DRAG_PX;
    if (dragged) adjust(Math.exp(event.movementX / 150), -event.movementY / 300);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (start && !dragged && state.item && !state.busy) click(...framePoint(event));
    start = null;
  });
  canvas.addEventListener("pointercancel", () => {
    start = null;
  });
  canvas.addEventListener("pointerleave", () => {
    byId("level").textContent = "";
  });
}

function click(x, y) {
  placeBox(x, y);
  if (state.cursor?.mode === "add") state.cursor = null;
  draw();
}

/** Place the edited box, or the label that is being added, at a point of the frame. */
function placeBox(x, y) {
  const frameEdits = state.edits.frames[state.frameIndex];
  const at = clampToFrame(state.item, x, y);
  const isAdding = state.cursor?.mode === "add" && state.item.frames[state.frameIndex].label;
  frameEdits.excluded = false;
  frameEdits[isAdding ? "added" : "key"] = at;
  if (state.cursor) state.cursor.at = at;
  draw();
}

function currentBox() {
  const { item, edits, frameIndex } = state;
  return editedBoxes(item, edits)[frameIndex] ?? initialBox(item.frames[frameIndex]);
}

/** Return the point of the frame under the pointer. */
function framePoint(event) {
  const { x0, y0, scale } = byId("chip-canvas").dataset;
  return [Number(x0) + event.offsetX / scale, Number(y0) + event.offsetY / scale];
}

/** Show the position and the grey level under the pointer. */
function showLevel(event) {
  const view = state.clip?.views[state.view];
  if (!state.item || !view) return;
  const [x, y] = framePoint(event);
  const [x0, y0] = state.item.frames[state.frameIndex].chip;
  const [column, row] = [Math.floor(x - x0), Math.floor(y - y0)];
  const isInside = column >= 0 && row >= 0 && column < view.width && row < view.height;
  const level = isInside ? view.values[row * view.width + column] : "";
  byId("level").textContent = `x ${x.toFixed(1)} y ${y.toFixed(1)}: ${level}`;
}
