// The filmstrip: a thumbnail with marks for each frame of the item.

import { editedBoxes } from "./edits.js";
import { adjusted, imageOf, windowOf } from "./grey.js";
import { COLOURS, MARGINS_PX, Pen } from "./marks.js";
import { levelsPath } from "./server.js";
import { byId } from "./state.js";

/** Create a button for each frame of the item; indexOfClick identifies the clicked one. */
export function buildFilmstrip(item) {
  const buttons = item.frames.map(({ frame }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(document.createElement("canvas"), document.createElement("span"));
    button.lastChild.textContent = frame;
    return button;
  });
  byId("filmstrip").replaceChildren(...buttons);
  byId("slider").max = buttons.length - 1;
  byId("timeline").classList.toggle("single", buttons.length === 1);
}

export function indexOfClick(event) {
  const button = event.target.closest("button");
  button?.blur(); // else the space bar would press it again
  return [...byId("filmstrip").children].indexOf(button);
}

/** Scroll the film, and nothing else of the page, to the thumbnail of a frame. */
export function scrollToFrame(k) {
  const film = byId("filmstrip");
  const { offsetLeft, offsetWidth } = film.children[k];
  film.scrollLeft = offsetLeft + (offsetWidth - film.clientWidth) / 2;
}

export function drawFilmstrip(state, onLoad) {
  const { item, edits, contrast, brightness, marks } = state;
  const strip = byId("filmstrip");
  const size = item.strip_px ** 2;
  const levels = state.levels.get(levelsPath(item, 0, "strip"), onLoad);
  const side = Math.round(strip.querySelector("canvas").clientWidth * window.devicePixelRatio);
  const boxes = editedBoxes(item, edits);
  byId("slider").value = state.frameIndex;
  item.frames.forEach(({ frame }, k) => {
    const button = strip.children[k];
    const { excluded, key } = edits.frames[k];
    button.classList.toggle("current", k === state.frameIndex);
    button.classList.toggle("excluded", excluded);
    button.classList.toggle("key", Boolean(key));
    const labels = [`frame ${frame}`, excluded && "excluded", key && "key frame"];
    button.setAttribute("aria-label", labels.filter(Boolean).join(", "));
    if (!levels) return;
    const drawn = JSON.stringify([side, contrast, brightness, marks && boxes[k], marks]);
    if (button.drawn === drawn) return;
    const values = levels.subarray(k * size, (k + 1) * size);
    drawThumbnail(button.firstChild, side, state, k, boxes[k], values);
    button.drawn = drawn;
  });
}

function drawThumbnail(canvas, side, state, k, editedBox, values) {
  const frame = state.item.frames[k];
  const size = state.item.strip_px;
  [canvas.width, canvas.height] = [side, side];
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  const grey = adjusted(windowOf(values), state.contrast, state.brightness);
  context.drawImage(imageOf({ values, width: size, height: size }, grey), 0, 0, side, side);
  if (!state.marks) return;
  const pen = new Pen(context, side / size, ...frame.strip, window.devicePixelRatio);
  if (editedBox) pen.diamond(editedBox, COLOURS.edited, MARGINS_PX.edited);
  else pen.suggestion(frame);
  if (frame.label) pen.corners(frame.label, COLOURS.label, MARGINS_PX.label);
}
