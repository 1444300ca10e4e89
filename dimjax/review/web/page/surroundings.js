// The surroundings: the whole frame, the outline of the chip in it, and the track.

import { editedBoxes, initialBox, suggestedBox } from "./edits.js";
import { imageOf, windowOf } from "./grey.js";
import { COLOURS, fitCanvas, Pen } from "./marks.js";
import { levelsPath } from "./server.js";
import { byId } from "./state.js";

/** Draw the frame, whole or zoomed to the item. */
export function drawSurroundings(state, onLoad) {
  const { item, frameIndex: k } = state;
  const [width, height] = [item.shape[2], item.shape[1]].map((size) => Math.floor(size / item.binning));
  const levels = state.levels.get(levelsPath(item, k, "surroundings"), onLoad);
  const whole = { x: 0, y: 0, w: width * item.binning, h: height * item.binning };
  const part = state.zoomed ? neighbourhood(item) : whole;
  const canvas = byId("surroundings-canvas");
  const scale = fitCanvas(canvas, part.w, part.h, false);
  const context = canvas.getContext("2d");
  context.globalAlpha = 1;
  context.fillStyle = "#777";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (levels) {
    const source = [part.x, part.y, part.w, part.h].map((px) => px / item.binning);
    const key = `${item.id}/${k}/${state.zoomed}`;
    if (state.surroundings?.key !== key) {
      const shown = levels.filter((_, n) => contains(source, n % width, Math.floor(n / width)));
      const image = imageOf({ values: levels, width, height }, windowOf(shown));
      state.surroundings = { key, image };
    }
    context.imageSmoothingEnabled = scale * item.binning < 1.5;
    context.imageSmoothingQuality = "high";
    context.drawImage(state.surroundings.image, ...source, 0, 0, canvas.width, canvas.height);
  }
  if (state.marks) drawTracks(new Pen(context, scale, part.x, part.y, 1.5 * window.devicePixelRatio), state);
}

function contains([x, y, w, h], column, row) {
  return column >= x && column < x + w && row >= y && row < y + h;
}

/** Return the part of the frame that contains all chips of an item, in the frame's proportions. */
function neighbourhood(item) {
  const [, height, width] = item.shape;
  const chips = item.frames.map((frame) => frame.chip);
  const low = (axis) => Math.min(...chips.map((chip) => chip[axis]));
  const high = (axis) => Math.max(...chips.map((chip) => chip[axis] + chip[axis + 2]));
  const share = Math.min(1, 1.2 * Math.max((high(0) - low(0)) / width, (high(1) - low(1)) / height));
  const [w, h] = [share * width, share * height];
  const origin = (axis, size, limit) => {
    const centred = (low(axis) + high(axis) - size) / 2;
    return Math.max(0, Math.min(limit - size, centred));
  };
  return { x: origin(0, w, width), y: origin(1, h, height), w, h };
}

/** Draw the outline of the chip, the other labels, and the item's labels and boxes of all frames. */
function drawTracks(pen, state) {
  const { item, frameIndex: k, edits } = state;
  const { context } = pen;
  const [x0, y0, w, h] = item.frames[k].chip;
  context.globalAlpha = 0.6;
  for (const other of item.frames[k].others) pen.square(other, COLOURS.other, 4);
  context.globalAlpha = 1;
  const outline = new Path2D();
  outline.rect(...pen.at(x0, y0), w * pen.scale, h * pen.scale);
  pen.stroke(outline, "#ffffff", 0.7);
  if (item.frames.length === 1) return;
  const labels = item.frames.map((frame) => frame.label).filter(Boolean);
  const fixes = item.frames.filter(({ fix }) => fix && !fix.removed).map(suggestedBox);
  const edited = editedBoxes(item, edits);
  const locations = labels.length || fixes.length ? [] : item.frames;
  for (const [boxes, colour] of [
    [labels, COLOURS.label], [fixes, COLOURS.fix], [locations, COLOURS.fix],
    [edited.filter(Boolean), COLOURS.edited],
  ]) {
    if (boxes.length) pen.track(boxes, colour);
  }
  const current = edited[k] ?? initialBox(item.frames[k]);
  pen.circle({ ...current, w: 8, h: 8 }, "#ffffff", 0);
}
