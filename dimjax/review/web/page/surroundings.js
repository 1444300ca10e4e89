// The surroundings: the whole frame, where the chip is cut from it, and the track over it.

import { boxes, start, suggested } from "./edits.js";
import { imageOf, rangeOf } from "./grey.js";
import { COLOURS, fitted, Pen } from "./marks.js";
import { path } from "./server.js";
import { find } from "./state.js";

/** The frame, whole or round the item's places. */
export function drawFrame(state, arrived) {
  const { item, place: k } = state;
  const [width, height] = [item.shape[2], item.shape[1]].map((size) => Math.floor(size / item.binning));
  const levels = state.pictures.get(path(item, k, "surroundings"), arrived);
  const part = state.near ? neighbourhood(item) : { x: 0, y: 0, w: width * item.binning, h: height * item.binning };
  const canvas = find("frame-canvas");
  const scale = fitted(canvas, part.w, part.h, false);
  const context = canvas.getContext("2d");
  context.globalAlpha = 1;
  context.fillStyle = "#777";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (levels) {
    const source = [part.x, part.y, part.w, part.h].map((px) => px / item.binning);
    const key = `${item.id}/${k}/${state.near}`;
    if (state.around?.key !== key) {
      const shown = levels.filter((_, n) => holds(source, n % width, Math.floor(n / width)));
      state.around = { key, image: imageOf({ values: levels, width, height }, rangeOf(shown)) };
    }
    context.imageSmoothingEnabled = scale * item.binning < 1.5;
    context.imageSmoothingQuality = "high";
    context.drawImage(state.around.image, ...source, 0, 0, canvas.width, canvas.height);
  }
  if (state.marks) drawTracks(new Pen(context, scale, part.x, part.y, 1.5 * window.devicePixelRatio), state);
}

function holds([x, y, w, h], column, row) {
  return column >= x && column < x + w && row >= y && row < y + h;
}

/** The part of the frame that holds all chips of an item, with the frame's proportions. */
function neighbourhood(item) {
  const [, height, width] = item.shape;
  const chips = item.places.map((place) => place.chip);
  const low = (axis) => Math.min(...chips.map((chip) => chip[axis]));
  const high = (axis) => Math.max(...chips.map((chip) => chip[axis] + chip[axis + 2]));
  const share = Math.min(1, 1.2 * Math.max((high(0) - low(0)) / width, (high(1) - low(1)) / height));
  const [w, h] = [share * width, share * height];
  const from = (axis, size, limit) => Math.max(0, Math.min(limit - size, (low(axis) + high(axis) - size) / 2));
  return { x: from(0, w, width), y: from(1, h, height), w, h };
}

/** Where the chip is cut, the other labels, and the item's labels and boxes in all frames. */
function drawTracks(pen, state) {
  const { item, place: k, edits } = state;
  const { context } = pen;
  const [x0, y0, w, h] = item.places[k].chip;
  context.globalAlpha = 0.6;
  for (const other of item.places[k].others) pen.square(other, COLOURS.other, 4);
  context.globalAlpha = 1;
  const edge = new Path2D();
  edge.rect(...pen.at(x0, y0), w * pen.scale, h * pen.scale);
  pen.stroke(edge, "#ffffff", 0.7);
  if (item.places.length === 1) return;
  const labels = item.places.map((place) => place.label).filter(Boolean);
  const fixes = item.places.filter((p) => p.fix && !p.fix.removed).map(suggested);
  const own = boxes(item, edits);
  const looked = labels.length || fixes.length ? [] : item.places;
  for (const [places, colour] of [
    [labels, COLOURS.label], [fixes, COLOURS.fix], [looked, COLOURS.fix], [own.filter(Boolean), COLOURS.own],
  ]) {
    if (places.length) pen.track(places, colour);
  }
  const here = own[k] ?? start(item.places[k]);
  pen.circle({ ...here, w: 8, h: 8 }, "#ffffff", 0);
}
