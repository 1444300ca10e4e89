// The chip, enlarged, with its marks; its seven views; the item in words.

import { boxes, extra, suggested } from "./edits.js";
import { adjusted, clipOf, imageOf, VIEWS } from "./grey.js";
import { COLOURS, fitted, MARGIN_PX, Pen, spot } from "./marks.js";
import { path } from "./server.js";
import { find } from "./state.js";
import * as words from "./text.js";

const FAINT = 0.5;

/** The seven views of the current place as images, or null until their levels are there. */
function imagesOf(state, arrived) {
  const { item, place } = state;
  const levels = state.pictures.get(path(item, place, "chip"), arrived);
  if (!levels) return null;
  const key = `${item.id}/${place}`;
  if (state.clip?.key !== key) {
    const [, , width, height] = item.places[place].chip;
    state.clip = { key, views: clipOf(levels, width, height), images: null };
  }
  const seen = `${state.contrast} ${state.brightness}`;
  if (state.clip.seen !== seen) {
    state.clip.windows = state.clip.views.map((v) => adjusted(v.window, state.contrast, state.brightness));
    state.clip.images = state.clip.views.map((view, k) => imageOf(view, state.clip.windows[k]));
    state.clip.seen = seen;
  }
  return state.clip;
}

export function drawChip(state, arrived) {
  const canvas = find("chip-canvas");
  const { item, place, view } = state;
  const [x0, y0, width, height] = item.places[place].chip;
  const scale = fitted(canvas, width, height, true);
  const context = canvas.getContext("2d");
  const clip = imagesOf(state, arrived);
  Object.assign(canvas.dataset, { x0, y0, scale: scale / window.devicePixelRatio, loaded: Boolean(clip) });
  context.globalAlpha = 1;
  if (!clip) {
    context.clearRect(0, 0, canvas.width, canvas.height);
    return false;
  }
  context.imageSmoothingEnabled = false;
  context.drawImage(clip.images[view], 0, 0, canvas.width, canvas.height);
  const pen = new Pen(context, scale, x0, y0, 1.6 * window.devicePixelRatio + 0.06 * scale);
  if (state.marks) drawMarks(pen, state, view >= 1 && view <= 3 ? FAINT : 1);
  drawCaption(state, clip);
  return true;
}

/** All marks of the current place; in F2 to F4 what they mark has moved on, so they are faint. */
function drawMarks(pen, state, strength) {
  const { item, place: k, edits } = state;
  const place = item.places[k];
  const { context } = pen;
  context.globalAlpha = 0.55 * strength;
  for (const other of place.others) pen.square(other, COLOURS.other, MARGIN_PX.other);
  context.globalAlpha = strength * (edits.places[k].out ? 0.4 : 1);
  const box = suggested(place);
  const own = boxes(item, edits)[k];
  if (place.label) {
    pen.corners(place.label, COLOURS.label, MARGIN_PX.label);
    pen.words(place.label, place.label.category, COLOURS.label, MARGIN_PX.words, -1);
  }
  if (box?.removed) pen.cross(place.label ?? place, COLOURS.fix, MARGIN_PX.fix);
  else if (box) pen.circle(box, COLOURS.fix, MARGIN_PX.fix);
  else if (!place.label) pen.square(spot(place), COLOURS.fix, MARGIN_PX.fix);
  if (!own) pen.words(box ?? place.label ?? spot(place), meaning(place, box), COLOURS.fix, MARGIN_PX.words, 1);
  for (const mine of [own, extra(item, edits, k)]) {
    if (!mine) continue;
    pen.diamond(mine, COLOURS.own, MARGIN_PX.own);
    pen.words(mine, mine.category, COLOURS.own, MARGIN_PX.words, 1);
  }
  context.globalAlpha = 1;
  if (state.cursor) pen.crosshair(state.cursor.at, COLOURS.own);
}

/** What a suggestion is, in a word. */
function meaning(place, box) {
  if (!box) return place.label ? "as it is" : "background";
  if (box.removed) return "delete";
  return box.category === place.label?.category ? "move here" : box.category;
}

function drawCaption(state, clip) {
  const { item, place, view } = state;
  const frame = (k) => item.places[place].clip[k];
  const frames = view < 4 ? `frame ${frame(view)}` : `frame ${frame(0)} \u2212 ${frame(view - 3)}`;
  const { black, white } = clip.windows[view];
  const window_ = `black ${Math.round(black)}, white ${Math.round(white)}`;
  find("shown").textContent = [VIEWS[view], frames, window_].join(" \u00b7 ");
}

/** The small pictures of all views, to choose from. */
export function buildViews(parent, choose) {
  VIEWS.forEach((name, k) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = `${name}: key ${k + 1}`;
    button.append(document.createElement("canvas"), document.createElement("span"));
    button.lastChild.textContent = name;
    button.addEventListener("click", () => {
      choose(k);
      button.blur();
    });
    parent.append(button);
  });
}

export function drawViews(state, blinks) {
  const buttons = find("views").children;
  VIEWS.forEach((_, k) => {
    buttons[k].classList.toggle("current", k === state.view);
    buttons[k].classList.toggle("blinks", blinks.includes(k));
    const image = state.clip?.images?.[k];
    const canvas = buttons[k].firstChild;
    if (!image || canvas.drawn === image) return;
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    canvas.drawn = image;
  });
}

/** The words beside the pictures, and which buttons make sense. */
export function describe(state) {
  const { item, place: k, edits } = state;
  find("where").textContent = words.where(item, k);
  find("question").textContent = words.question(item);
  find("probability").textContent = `probability ${Math.round(100 * item.probability)} %`;
  find("reason").textContent = item.reason;
  find("suggestion").textContent = words.suggestion(item, k);
  const made = words.edits(item, edits, k, boxes(item, edits)[k]);
  find("yours").textContent = made;
  const labelled = item.places.some((place) => place.label);
  for (const [id, useful] of [
    ["remove", labelled], ["takeOut", item.places.length > 1], ["decide", made !== ""],
    ["discard", made !== "" || edits.places.some((p) => p.out)], ["undo", state.decisions.length > 0],
  ]) {
    find(`do-${id}`).disabled = !useful;
  }
  find("do-takeOut").lastChild.textContent = edits.places[k].out ? "frame in" : "frame out";
}
