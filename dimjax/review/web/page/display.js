// Display settings: contrast, brightness, marks, and the part of the frame that is shown.

import { draw } from "./render.js";
import { state } from "./state.js";

const [MIN_CONTRAST, MAX_CONTRAST] = [0.1, 20];
const MAX_BRIGHTNESS = 2; // in windows of grey levels

/** Multiply the contrast by a factor and add to the brightness, in windows of grey levels. */
export function adjust(factor, brightness) {
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
  state.contrast = clamp(state.contrast * factor, MIN_CONTRAST, MAX_CONTRAST);
  state.brightness = clamp(state.brightness + brightness, -MAX_BRIGHTNESS, MAX_BRIGHTNESS);
  draw();
}

export function reset() {
  Object.assign(state, { contrast: 1, brightness: 0 });
  draw();
}

/** Toggle `marks` or `zoomed`. */
export function toggle(name) {
  state[name] = !state[name];
  draw();
}
