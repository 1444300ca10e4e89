// Editing the current item with keys and mouse; nothing here reaches the server.

import * as edit from "./edits.js";
import { scrollTo } from "./film.js";
import { ARROWS } from "./keys.js";
import { adjust } from "./pictures.js";
import { prefetch } from "./queue.js";
import { draw } from "./show.js";
import { find, say, state } from "./state.js";

const [STEP_PX, LEAP_PX, GROW_PX] = [0.5, 5, 0.5];
const DRAG_PX = 4; // so far a click may slip

/** Look at another place of the track. */
export function goTo(k) {
  if (k < 0 || k >= state.item.places.length) return;
  state.place = k;
  if (state.cursor) state.cursor.at = boxHere();
  draw();
  scrollTo(k);
  prefetch();
}

/** Begin or end to move the box, or to add one, with the arrow keys. */
export function toggleCursor(mode) {
  state.cursor = state.cursor?.mode === mode ? null : { mode, at: boxHere() };
  if (state.cursor && mode === "move") put(state.cursor.at.x, state.cursor.at.y);
  const how = { move: "Move it with the arrow keys or a click", add: "Click where the new label is, or use the arrow keys" };
  say(state.cursor ? `${how[mode]}; Shift makes leaps. Then Enter.` : "");
  draw();
}

export function moveCursor(key, leap) {
  const [dx, dy] = ARROWS[key].map((way) => way * (leap ? LEAP_PX : STEP_PX));
  put(state.cursor.at.x + dx, state.cursor.at.y + dy);
}

export function grow(sign) {
  const { w, h } = boxHere();
  if (sign < 0 && Math.max(w, h) <= edit.SMALLEST_PX) return;
  state.edits.grow += sign * GROW_PX;
  draw();
}

export function otherCategory() {
  const other = boxHere().category === "target" ? "interference" : "target";
  state.edits.category = state.edits.category === null ? other : null;
  draw();
}

export function takeOut() {
  const own = state.edits.places[state.place];
  own.out = !own.out;
  draw();
}

export function discard() {
  state.cursor = null;
  state.edits = edit.fresh(state.item);
  draw();
}

/** A click on the chip moves or adds; a drag changes contrast and brightness. */
export function followMouse(canvas) {
  let from = null;
  let dragged = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    [from, dragged] = [event, false];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    readLevel(event);
    if (!from) return;
    const way = Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY);
    dragged ||= way > DRAG_PX;
    if (dragged) adjust(Math.exp(event.movementX / 150), -event.movementY / 300);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (from && !dragged && state.item && !state.busy) click(...placeOf(event));
    from = null;
  });
  canvas.addEventListener("pointercancel", () => {
    from = null;
  });
  canvas.addEventListener("pointerleave", () => {
    find("level").textContent = "";
  });
}

function click(x, y) {
  put(x, y);
  if (state.cursor?.mode === "add") state.cursor = null;
  draw();
}

/** Put the reviewer's box, or the label that is added, at a place of the frame. */
function put(x, y) {
  const own = state.edits.places[state.place];
  const at = edit.within(state.item, x, y);
  const adding = state.cursor?.mode === "add" && state.item.places[state.place].label;
  own.out = false;
  own[adding ? "extra" : "key"] = at;
  if (state.cursor) state.cursor.at = at;
  draw();
}

function boxHere() {
  const { item, edits, place } = state;
  return edit.boxes(item, edits)[place] ?? edit.start(item.places[place]);
}

function placeOf(event) {
  const { x0, y0, scale } = find("chip-canvas").dataset;
  return [Number(x0) + event.offsetX / scale, Number(y0) + event.offsetY / scale];
}

function readLevel(event) {
  const shown = state.clip?.views[state.view];
  if (!state.item || !shown) return;
  const [x, y] = placeOf(event);
  const [x0, y0] = state.item.places[state.place].chip;
  const [column, row] = [Math.floor(x - x0), Math.floor(y - y0)];
  const inside = column >= 0 && row >= 0 && column < shown.width && row < shown.height;
  const level = inside ? shown.values[row * shown.width + column] : "";
  find("level").textContent = `x ${x.toFixed(1)} y ${y.toFixed(1)}: ${level}`;
}
