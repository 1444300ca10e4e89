// The timeline of a track: a slider, and playing along it.

import { blink, showView } from "./animation.js";
import { goToFrame } from "./editing.js";
import { byId, state } from "./state.js";

const FRAMES_PER_SECOND = 10;

let timer = 0;

/** Start or stop playing; from the last frame it begins anew. */
export function play(on) {
  clearInterval(timer);
  timer = 0;
  byId("play").lastChild.textContent = on ? "stop" : "play";
  if (!on || !state.item) return;
  if (state.blinking) blink(false);
  showView(0);
  if (state.frameIndex === lastIndex()) goToFrame(0);
  const { item } = state;
  timer = setInterval(() => {
    if (item !== state.item || state.frameIndex === lastIndex()) play(false);
    // A frame that is still loading is waited for.
    else if (byId("chip-canvas").dataset.loaded === "true") goToFrame(state.frameIndex + 1);
  }, 1000 / FRAMES_PER_SECOND);
}

export const isPlaying = () => timer !== 0;

export const lastIndex = () => state.item.frames.length - 1;

/** Connect the slider and the button. */
export function buildTimeline() {
  const slider = byId("slider");
  slider.addEventListener("input", () => goToFrame(Number(slider.value)));
  slider.addEventListener("change", () => slider.blur()); // else the arrow keys would move it too
  byId("play").addEventListener("click", () => {
    play(!isPlaying());
    byId("play").blur();
  });
}
