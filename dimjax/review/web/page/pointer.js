// The pointer on the chip: clicks and drags of the box, contrast, zoom, and the level under it.

import { adjust } from "./display.js";
import { MIN_SIZE_PX } from "./edits.js";
import { click, currentBox, placeBox, resizeBy } from "./editing.js";
import { draw } from "./render.js";
import { byId, state } from "./state.js";
import { shownPart } from "./view.js";

const DRAG_PX = 4; // a pointer that moves no further clicks
const EDGE_PX = 6; // distance on the screen within which an edge is grabbed
const MAX_ZOOM = 8;
const NOTCH_PX = 100; // of a mouse wheel
const CURSORS = { "0,0": "move", "1,0": "ew-resize", "0,1": "ns-resize", "1,1": "nwse-resize", "-1,1": "nesw-resize" };

let last = null; // the last event over the chip, for the level when the image changes

/** Handle clicks, drags and the wheel on the chip. */
export function handlePointer(canvas) {
  let start = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !state.item || state.busy) return;
    start = { event, grip: gripAt(...framePoint(event)), box: currentBox(), item: state.item, dragged: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    last = event;
    showLevel();
    if (!start) canvas.style.cursor = cursorOf(gripAt(...framePoint(event)));
    else if (start.item === state.item) drag(start, event);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (start && !start.dragged && start.item === state.item && !state.busy) click(...framePoint(event));
    start = null;
  });
  canvas.addEventListener("pointercancel", () => {
    start = null;
  });
  canvas.addEventListener("pointerleave", () => {
    last = null;
    showLevel();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (!state.item) return;
    const notches = Math.max(-1, Math.min(1, event.deltaY / NOTCH_PX)); // less on a touchpad
    zoomBy(2 ** -notches, ...framePoint(event));
  }, { passive: false });
}

function drag(start, event) {
  const [dx, dy] = [event.clientX - start.event.clientX, event.clientY - start.event.clientY];
  start.dragged ||= Math.hypot(dx, dy) > DRAG_PX;
  if (!start.dragged) return;
  if (!start.grip) adjust(Math.exp(event.movementX / 150), -event.movementY / 300);
  else dragBox(start, dx / scaleOf(), dy / scaleOf());
}

/** Move the box by dx, dy, or the edges of the grip; the opposite edges stay. */
function dragBox({ box, grip: [sx, sy] }, dx, dy) {
  if (!sx && !sy) {
    placeBox(box.x + dx, box.y + dy);
    return;
  }
  const w = Math.max(MIN_SIZE_PX, box.w + sx * dx);
  const h = Math.max(MIN_SIZE_PX, box.h + sy * dy);
  const now = currentBox();
  resizeBy(w - now.w, h - now.h);
  placeBox(box.x + (sx * (w - box.w)) / 2, box.y + (sy * (h - box.h)) / 2);
}

/** Return the grip at a point: signs of the grabbed edges, [0, 0] inside the box, else null. */
function gripAt(x, y) {
  if (!state.item || state.cursor?.mode === "add") return null;
  const box = currentBox();
  const side = (offset, size) => {
    const reach = Math.abs(offset) - size / 2; // beyond the edge
    const edge = EDGE_PX / scaleOf();
    if (reach > edge) return null;
    return reach > -Math.min(edge, size / 4) ? Math.sign(offset) : 0;
  };
  const grip = [side(x - box.x, box.w), side(y - box.y, box.h)];
  return grip.includes(null) ? null : grip;
}

function cursorOf(grip) {
  if (!grip) return "";
  const [sx, sy] = grip;
  return CURSORS[`${sx && sy ? sx * sy : Math.abs(sx)},${Math.abs(sy)}`];
}

/** Enlarge the chip by a factor; a given point stays under the pointer, else the box is centred. */
export function zoomBy(factor, x, y) {
  const { zoom, item, frameIndex } = state;
  const frame = item.frames[frameIndex];
  const box = currentBox();
  const before = shownPart(state);
  zoom.factor = Math.max(1, Math.min(MAX_ZOOM, zoom.factor * factor));
  const after = shownPart(state);
  const centre = (point, low, size, length) => point + (0.5 - (point - low) / size) * length;
  const [cx, cy] = x === undefined
    ? [box.x, box.y]
    : [centre(x, before.x, before.w, after.w), centre(y, before.y, before.h, after.h)];
  [zoom.dx, zoom.dy] = [cx - frame.x, cy - frame.y];
  draw();
}

const scaleOf = () => Number(byId("chip-canvas").dataset.scale);

/** Return the point of the frame under the pointer. */
function framePoint(event) {
  const { x0, y0, scale } = byId("chip-canvas").dataset;
  return [Number(x0) + event.offsetX / scale, Number(y0) + event.offsetY / scale];
}

/** Show the position and the grey level under the pointer, of the image that is shown now. */
export function showLevel() {
  byId("level").textContent = "";
  if (!last || !state.item || byId("chip-canvas").dataset.loaded !== "true") return;
  const view = state.clip.views[state.view];
  const [x, y] = framePoint(last);
  const [x0, y0] = state.item.frames[state.frameIndex].chip;
  const [column, row] = [Math.floor(x - x0), Math.floor(y - y0)];
  const isInside = column >= 0 && row >= 0 && column < view.width && row < view.height;
  const level = isInside ? view.values[row * view.width + column] : "";
  byId("level").textContent = `x ${x.toFixed(1)} y ${y.toFixed(1)}: ${level}`;
}
