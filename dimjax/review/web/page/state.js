// What the page knows: one state, changed by the actions and drawn by view.js.

import { Pictures } from "./server.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

export const state = {
  queue: [], // items in this reviewer's hands, the current one first
  item: null, place: 0, edits: null, cursor: null, // the current one
  view: 0, group: "frames", blinking: !calm, rate: 3, // of the clip's seven views
  contrast: 1, brightness: 0, marks: true, near: false,
  decisions: [], // of this reviewer, which can be undone, the newest last
  busy: false, // a decision is on its way
  pressed: null, // when the key was pressed that brought the current item
  pictures: new Pictures(),
};

export const find = (id) => document.getElementById(id);

/** Tell the reviewer something; "problem" stands out. */
export function say(text, kind = "") {
  find("message").textContent = text;
  find("message").className = kind;
}
