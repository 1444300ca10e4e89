// How the pictures are looked at: which view, blinking, contrast, marks.

import { VIEWS } from "./grey.js";
import { draw, drawView, GROUPS } from "./show.js";
import { say, state } from "./state.js";

const RATES = [1, 2, 3, 4, 6, 8, 12]; // pictures a second
const [LEAST, MOST] = [0.1, 20]; // contrast
const FARTHEST = 2; // brightness, in windows

let timer = 0;

/** Start or stop blinking, at the rate chosen. */
export function blink(on) {
  state.blinking = on;
  clearInterval(timer);
  if (on) timer = setInterval(() => turn(1), 1000 / RATES[state.rate]);
}

export function step(by) {
  blink(false);
  turn(by);
}

/** Show one view, and stay there. */
export function choose(k) {
  blink(false);
  state.view = k;
  if (!GROUPS[state.group].includes(k)) state.group = k < 4 ? "frames" : "differences";
  drawView();
}

export function nextGroup() {
  const names = Object.keys(GROUPS);
  state.group = names[(names.indexOf(state.group) + 1) % names.length];
  if (!GROUPS[state.group].includes(state.view)) [state.view] = GROUPS[state.group];
  say(`What blinks: ${GROUPS[state.group].map((k) => VIEWS[k]).join(", ")}.`);
  drawView();
}

export function speed(by) {
  state.rate = Math.max(0, Math.min(RATES.length - 1, state.rate + by));
  blink(state.blinking);
  say(`${RATES[state.rate]} pictures a second.`);
}

/** More contrast by a factor, more brightness by a share of the window. */
export function adjust(factor, brightness) {
  state.contrast = Math.max(LEAST, Math.min(MOST, state.contrast * factor));
  state.brightness = Math.max(-FARTHEST, Math.min(FARTHEST, state.brightness + brightness));
  draw();
}

export function reset() {
  Object.assign(state, { contrast: 1, brightness: 0 });
  draw();
}

export function toggle(name) {
  state[name] = !state[name];
  draw();
}

function turn(by) {
  const group = GROUPS[state.group];
  state.view = group[(group.indexOf(state.view) + by + group.length) % group.length];
  drawView();
}
