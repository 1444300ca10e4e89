// Animation of the clip's views: which view is shown, and which ones blink.

import { VIEW_GROUPS, VIEWS } from "./grey.js";
import { drawView } from "./render.js";
import { showMessage, state } from "./state.js";

const RATES = [1, 2, 3, 4, 6, 8, 12]; // views per second

let timer = 0;

/** Start or stop blinking. */
export function blink(on) {
  state.blinking = on;
  clearInterval(timer);
  if (on) timer = setInterval(() => advance(1), 1000 / RATES[state.rate]);
}

/** Stop blinking and show the next or previous view of the group. */
export function step(by) {
  blink(false);
  advance(by);
}

/** Stop blinking and show one view. */
export function showView(k) {
  blink(false);
  state.view = k;
  if (!VIEW_GROUPS[state.group].includes(k)) state.group = k < 4 ? "frames" : "differences";
  drawView();
}

export function nextGroup() {
  const names = Object.keys(VIEW_GROUPS);
  state.group = names[(names.indexOf(state.group) + 1) % names.length];
  const group = VIEW_GROUPS[state.group];
  if (!group.includes(state.view)) [state.view] = group;
  showMessage(`Blinking: ${group.map((k) => VIEWS[k]).join(", ")}.`);
  drawView();
}

export function changeRate(by) {
  state.rate = Math.max(0, Math.min(RATES.length - 1, state.rate + by));
  blink(state.blinking);
  showMessage(`${RATES[state.rate]} views per second.`);
}

function advance(by) {
  const group = VIEW_GROUPS[state.group];
  state.view = group[(group.indexOf(state.view) + by + group.length) % group.length];
  drawView();
}
