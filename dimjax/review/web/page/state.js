// The state of the page: one object, changed by the actions and drawn by render.js.

import { LevelCache } from "./server.js";

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;

export const state = {
  queue: [], // items leased to this reviewer, the current one first
  item: null, frameIndex: 0, edits: null, cursor: null, // the current item and its frame
  view: 0, group: "frames", blinking: !reducedMotion, rate: 3, // of the clip's seven views
  contrast: 1, brightness: 0, marks: true, zoomed: false,
  zoom: { factor: 1, dx: 0, dy: 0 }, // of the chip, round a point relative to the item's
  decisions: [], // ids of this reviewer's decisions that can be undone, the newest last
  open: 0, // items of the selection that are not decided yet
  busy: false, // a decision is being sent
  pressedAt: null, // time of the key press that led to the current item
  levels: new LevelCache(),
  clip: null, surroundings: null, // images made from the levels of the current frame, with a key
};

export const byId = (id) => document.getElementById(id);

/** Show a message to the reviewer; the kind "problem" stands out. */
export function showMessage(text, kind = "") {
  byId("message").textContent = text;
  byId("message").className = kind;
}
