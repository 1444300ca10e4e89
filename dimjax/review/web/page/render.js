// Rendering of the current item: all of it, or only the view.

import { drawCurve } from "./curve.js";
import { noEdits } from "./edits.js";
import { buildFilmstrip, drawFilmstrip, scrollToFrame } from "./filmstrip.js";
import { showLevel } from "./pointer.js";
import { byId, state } from "./state.js";
import { drawSurroundings } from "./surroundings.js";
import { nothingLeft, progressText } from "./text.js";
import { describe, drawChip, drawViews } from "./view.js";

let pendingFrame = 0;

/** Show the first item of the queue, at its first frame and without edits. */
export function showFirst() {
  state.item = state.queue[0] ?? null;
  Object.assign(state, { frameIndex: 0, cursor: null, edits: state.item && noEdits(state.item) });
  document.body.dataset.item = state.item?.id ?? "";
  document.body.dataset.state = state.item ? "ready" : "done";
  byId("empty").hidden = Boolean(state.item);
  byId(state.item ? "description" : "empty").append(byId("message"));
  if (!state.item) return;
  state.zoom = { factor: 1, dx: 0, dy: 0 };
  buildFilmstrip(state.item);
  scrollToFrame(0);
  draw();
}

/** Draw everything. */
export function draw() {
  const { item } = state;
  if (!item) return;
  const onLoad = () => {
    if (item === state.item) drawSoon();
  };
  const isComplete = drawChip(state, onLoad);
  drawViews(state);
  drawFilmstrip(state, onLoad);
  drawSurroundings(state, onLoad);
  drawCurve(state);
  describe(state);
  showLevel();
  if (isComplete && state.pressedAt !== null) measureLatency();
}

/** Draw everything once, before the next repaint of the screen. */
export function drawSoon() {
  pendingFrame ||= requestAnimationFrame(() => {
    pendingFrame = 0;
    draw();
  });
}

/** Draw only the chip: another view of the same clip. */
export function drawView() {
  document.body.dataset.view = state.view;
  if (!state.item) return;
  drawChip(state, drawSoon);
  drawViews(state);
  showLevel();
}

export function showProgress(progress) {
  byId("bar").max = Math.max(1, progress.open + progress.skipped + progress.decided);
  byId("bar").value = progress.decided;
  byId("progress-text").textContent = progressText(progress);
  state.open = progress.open;
  for (const id of ["accept-all", "leave-rest"]) byId(id).disabled = !progress.open;
}

/** Report that no item is left, and offer those that the filters hide; `reload` fetches them. */
export function showEmpty(progress, command, reload) {
  const [title, text, button] = byId("empty").children;
  const isFiltered = byId("kind").value || byId("sequence").value;
  const skipped = byId("skipped").checked ? 0 : progress.skipped;
  title.textContent = "No items left to decide";
  text.textContent = nothingLeft(progress, isFiltered, command);
  button.hidden = !(skipped || isFiltered);
  button.textContent = skipped ? `show the ${skipped} skipped items` : "show all kinds and sequences";
  button.onclick = () => {
    if (skipped) byId("skipped").checked = true;
    else byId("kind").value = byId("sequence").value = "";
    reload();
  };
}

/** Measure the time from the key press to the next item, for `performance.getEntriesByName`. */
function measureLatency() {
  const start = state.pressedAt;
  state.pressedAt = null;
  requestAnimationFrame(() => setTimeout(() => performance.measure("next item", { start })));
}
