// Showing the current item: all of it, or what has changed.

import { drawFrame } from "./surroundings.js";
import { drawCurve } from "./curve.js";
import { fresh } from "./edits.js";
import { buildFilm, drawFilm } from "./film.js";
import { find, state } from "./state.js";
import * as view from "./view.js";
import * as words from "./text.js";

/** The views that blink together. */
export const GROUPS = { frames: [0, 1, 2, 3], differences: [4, 5, 6], all: [0, 1, 2, 3, 4, 5, 6] };

let soon = 0;

/** Show the first item of the queue, from its first place and without edits. */
export function show() {
  state.item = state.queue[0] ?? null;
  Object.assign(state, { place: 0, cursor: null, edits: state.item && fresh(state.item) });
  document.body.dataset.item = state.item?.id ?? "";
  document.body.dataset.state = state.item ? "ready" : "done";
  find("empty").hidden = Boolean(state.item);
  if (!state.item) return;
  buildFilm(state.item);
  draw();
}

/** Draw everything. */
export function draw() {
  const { item } = state;
  if (!item) return;
  const arrived = () => {
    if (item === state.item) drawSoon();
  };
  document.body.dataset.place = state.place;
  const complete = view.drawChip(state, arrived);
  view.drawViews(state, GROUPS[state.group]);
  drawFilm(state, arrived);
  drawFrame(state, arrived);
  drawCurve(state);
  view.describe(state);
  if (complete && state.pressed !== null) measure();
}

/** Draw everything with the next picture of the screen, once. */
export function drawSoon() {
  soon ||= requestAnimationFrame(() => {
    soon = 0;
    draw();
  });
}

/** Draw the chip alone: another view of the same clip. */
export function drawView() {
  document.body.dataset.view = state.view;
  if (!state.item) return;
  view.drawChip(state, drawSoon);
  view.drawViews(state, GROUPS[state.group]);
}

export function showProgress(progress) {
  find("bar").max = Math.max(1, progress.open + progress.skipped + progress.decided);
  find("bar").value = progress.decided;
  find("pace").textContent = words.pace(progress);
}

/** Say that nothing is left, and offer what the filters hide; look() is called to see it. */
export function showEmpty(progress, workdir, look) {
  const [title, text, button] = find("empty").children;
  const filtered = find("kind").value || find("sequence").value;
  const skipped = progress.skipped && !find("skipped").checked;
  title.textContent = "Nothing is left to decide";
  text.textContent = words.nothingLeft(progress, filtered, workdir);
  button.hidden = !(skipped || filtered);
  button.textContent = skipped ? `look at the ${progress.skipped} skipped` : "look at all kinds and sequences";
  button.onclick = () => {
    if (skipped) find("skipped").checked = true;
    else find("kind").value = find("sequence").value = "";
    look();
  };
}

/** How long it took from the key to the next item, for `performance.getEntriesByName`. */
function measure() {
  const start = state.pressed;
  state.pressed = null;
  requestAnimationFrame(() => setTimeout(() => performance.measure("next item", { start })));
}
