// The enlarged chip with its marks, the selection of its seven views, and the text beside it.

import { addedLabel, editedBoxes, suggestedBox } from "./edits.js";
import { adjusted, imageOf, VIEW_GROUPS, VIEWS, viewsOf } from "./grey.js";
import { COLOURS, fitCanvas, locationBox, MARGINS_PX, Pen } from "./marks.js";
import { levelsPath } from "./server.js";
import { byId } from "./state.js";
import * as text from "./text.js";

const FAINT = 0.5;

/** Return the clip of the current frame with its images, or null until its levels are loaded. */
function currentClip(state, onLoad) {
  const { item, frameIndex } = state;
  const levels = state.levels.get(levelsPath(item, frameIndex, "chip"), onLoad);
  if (!levels) return null;
  const key = `${item.id}/${frameIndex}`;
  if (state.clip?.key !== key) {
    const [, , width, height] = item.frames[frameIndex].chip;
    state.clip = { key, views: viewsOf(levels, width, height), images: null };
  }
  const { clip } = state;
  const settings = `${state.contrast} ${state.brightness}`;
  if (clip.settings !== settings) {
    clip.windows = clip.views.map((view) => adjusted(view.window, state.contrast, state.brightness));
    clip.images = clip.views.map((view, k) => imageOf(view, clip.windows[k]));
    clip.settings = settings;
  }
  return clip;
}

/** Return the part of the chip that is shown, whole pixels of the frame. */
export function shownPart({ item, frameIndex, zoom }) {
  const frame = item.frames[frameIndex];
  const [x0, y0, width, height] = frame.chip;
  const axis = (low, size, centre) => {
    const length = Math.max(1, Math.round(size / zoom.factor));
    return [Math.max(low, Math.min(low + size - length, Math.round(centre - length / 2))), length];
  };
  const [x, w] = axis(x0, width, frame.x + zoom.dx);
  const [y, h] = axis(y0, height, frame.y + zoom.dy);
  return { x, y, w, h };
}

/** Draw the chip; return whether its levels are loaded. */
export function drawChip(state, onLoad) {
  const canvas = byId("chip-canvas");
  const { item, frameIndex, view } = state;
  const [chipX, chipY] = item.frames[frameIndex].chip;
  const { x: x0, y: y0, w: width, h: height } = shownPart(state);
  const scale = fitCanvas(canvas, width, height, true);
  const context = canvas.getContext("2d");
  const clip = currentClip(state, onLoad);
  Object.assign(canvas.dataset, { x0, y0, scale: scale / window.devicePixelRatio, loaded: Boolean(clip) });
  context.globalAlpha = 1;
  if (!clip) {
    context.clearRect(0, 0, canvas.width, canvas.height);
    return false;
  }
  context.imageSmoothingEnabled = false;
  const part = [x0 - chipX, y0 - chipY, width, height];
  context.drawImage(clip.images[view], ...part, 0, 0, canvas.width, canvas.height);
  const pen = new Pen(context, scale, x0, y0, 1.6 * window.devicePixelRatio + 0.06 * scale);
  if (state.marks) drawMarks(pen, state, view >= 1 && view <= 3 ? FAINT : 1);
  drawCaption(state, clip);
  return true;
}

/** Draw the marks of the current frame; faint in F2 to F4, where the objects have moved on. */
function drawMarks(pen, state, strength) {
  const { item, frameIndex: k, edits } = state;
  const frame = item.frames[k];
  const { context } = pen;
  context.globalAlpha = 0.55 * strength;
  for (const other of frame.others) pen.square(other, COLOURS.other, MARGINS_PX.other);
  context.globalAlpha = strength * (edits.frames[k].excluded ? 0.4 : 1);
  const suggested = suggestedBox(frame);
  const edited = editedBoxes(item, edits)[k];
  if (frame.label) {
    pen.corners(frame.label, COLOURS.label, MARGINS_PX.label);
    pen.text(frame.label, frame.label.category, COLOURS.label, MARGINS_PX.text, -1);
  }
  pen.suggestion(frame);
  if (!edited) {
    const box = suggested ?? frame.label ?? locationBox(frame);
    pen.text(box, shortSuggestion(frame, suggested), COLOURS.fix, MARGINS_PX.text, 1);
  }
  for (const box of [edited, addedLabel(item, edits, k)].filter(Boolean)) {
    pen.diamond(box, COLOURS.edited, MARGINS_PX.edited);
    pen.text(box, box.category, COLOURS.edited, MARGINS_PX.text, 1);
  }
  context.globalAlpha = 1;
  if (state.cursor) pen.crosshair(state.cursor.at, COLOURS.edited);
}

function shortSuggestion(frame, suggested) {
  if (!suggested) return frame.label ? "unchanged" : "background";
  if (suggested.removed) return "delete";
  return suggested.category === frame.label?.category ? "move here" : suggested.category;
}

function drawCaption(state, clip) {
  const { item, frameIndex, view } = state;
  const times = item.frames[frameIndex].clip;
  const frames = view < 4 ? `frame ${times[view]}` : `frame ${times[0]} \u2212 ${times[view - 3]}`;
  const { black, white } = clip.windows[view];
  const range = `black ${Math.round(black)}, white ${Math.round(white)}`;
  byId("caption-text").textContent = [VIEWS[view], frames, range].join(" \u00b7 ");
}

/** Create a button for each view, which calls select(k). */
export function buildViews(parent, select) {
  VIEWS.forEach((name, k) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = `${name}: key ${k + 1}`;
    button.append(document.createElement("canvas"), document.createElement("span"));
    button.lastChild.textContent = name;
    button.addEventListener("click", () => {
      select(k);
      button.blur();
    });
    parent.append(button);
  });
}

export function drawViews(state) {
  const buttons = byId("views").children;
  VIEWS.forEach((_, k) => {
    buttons[k].classList.toggle("current", k === state.view);
    buttons[k].classList.toggle("blinks", VIEW_GROUPS[state.group].includes(k));
    const image = state.clip?.images?.[k];
    const canvas = buttons[k].firstChild;
    if (!image || canvas.drawn === image) return;
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    canvas.drawn = image;
  });
}

/** Write the text about the item, and enable the buttons that apply. */
export function describe(state) {
  const { item, frameIndex: k, edits } = state;
  byId("location").textContent = text.location(item, k);
  byId("question").textContent = text.question(item);
  byId("probability").textContent = `probability ${Math.round(100 * item.probability)} %`;
  byId("reason").textContent = item.reason;
  byId("suggestion").textContent = text.suggestion(item, k);
  const editsText = text.describeEdits(item, edits, k, editedBoxes(item, edits)[k]);
  byId("edited").textContent = editsText;
  const isEdited = editsText !== "";
  for (const [id, applies] of [
    ["delete", item.frames.some((frame) => frame.label)], ["exclude", item.frames.length > 1],
    ["decide", isEdited], ["undo", state.decisions.length > 0],
    ["discard", isEdited || edits.frames.some((frame) => frame.excluded)],
  ]) {
    byId(`do-${id}`).disabled = !applies;
  }
  byId("do-exclude").lastChild.textContent = edits.frames[k].excluded ? "include" : "exclude";
}
