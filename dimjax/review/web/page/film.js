// The film strip: a small chip for each place of the item, with its marks.

import { boxes, suggested } from "./edits.js";
import { adjusted, imageOf, rangeOf } from "./grey.js";
import { COLOURS, MARGIN_PX, Pen, spot } from "./marks.js";
import { path } from "./server.js";
import { find } from "./state.js";

/** A small chip for each place of the item; which was clicked is told by placeOfClick. */
export function buildFilm(item) {
  const buttons = item.places.map((place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(document.createElement("canvas"), document.createElement("span"));
    button.lastChild.textContent = place.frame;
    return button;
  });
  find("film").replaceChildren(...buttons);
}

export function placeOfClick(event) {
  const button = event.target.closest("button");
  button?.blur(); // else the space bar would press it again
  return [...find("film").children].indexOf(button);
}

/** Bring a place's chip into sight. */
export function scrollTo(k) {
  find("film").children[k].scrollIntoView({ block: "nearest", inline: "center" });
}

export function drawFilm(state, arrived) {
  const { item, edits } = state;
  const film = find("film");
  const size = item.strip_px ** 2;
  const levels = state.pictures.get(path(item, 0, "strip"), arrived);
  const side = Math.round(film.querySelector("canvas").clientWidth * window.devicePixelRatio);
  const own = boxes(item, edits);
  item.places.forEach((place, k) => {
    const button = film.children[k];
    const { out, key } = edits.places[k];
    button.classList.toggle("current", k === state.place);
    button.classList.toggle("out", out);
    button.classList.toggle("key", Boolean(key));
    const words_ = [`frame ${place.frame}`, out && "taken out", key && "key frame"];
    button.setAttribute("aria-label", words_.filter(Boolean).join(", "));
    if (!levels) return;
    const drawn = JSON.stringify([side, state.contrast, state.brightness, state.marks && own[k], state.marks]);
    if (button.drawn === drawn) return;
    drawThumb(button.firstChild, side, state, k, own[k], levels.subarray(k * size, (k + 1) * size));
    button.drawn = drawn;
  });
}

function drawThumb(canvas, side, state, k, own, values) {
  const { item } = state;
  const place = item.places[k];
  const size = item.strip_px;
  [canvas.width, canvas.height] = [side, side];
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  const grey = adjusted(rangeOf(values), state.contrast, state.brightness);
  context.drawImage(imageOf({ values, width: size, height: size }, grey), 0, 0, side, side);
  if (!state.marks) return;
  const pen = new Pen(context, side / size, ...place.strip, window.devicePixelRatio);
  const box = suggested(place);
  if (own) pen.diamond(own, COLOURS.own, MARGIN_PX.own);
  else if (box?.removed) pen.cross(place.label ?? place, COLOURS.fix, MARGIN_PX.fix);
  else if (box) pen.circle(box, COLOURS.fix, MARGIN_PX.fix);
  else if (!place.label) pen.square(spot(place), COLOURS.fix, MARGIN_PX.fix);
  if (place.label) pen.corners(place.label, COLOURS.label, MARGIN_PX.label);
}
