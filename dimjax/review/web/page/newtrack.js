// A new track: clicked in whole frames of a sequence, then reviewed as an item like any other.
//
// A dialog shows the frames one by one. The server interpolates between the clicks, places the
// labels on the signal of the frames, and makes an item, which the page shows next.

import { differenceWindow, imageOf, windowOf } from "./grey.js";
import { COLOURS, fitCanvas, Pen } from "./marks.js";
import { putFirst, whileBusy } from "./queue.js";
import { LevelCache } from "./server.js";
import { persist, post } from "./session.js";
import { byId, showMessage } from "./state.js";

const LARGE_STEP = 10; // frames
const AHEAD = 12; // frames loaded in advance, in each direction
const BOX_PX = 6; // of the marks

const levels = new LevelCache();
const clicks = new Map(); // frame -> point of the frame
let sequences = []; // all of them, with shape, binning and number of labels
let sequence = null; // one of them, with its number
let frame = 0;
let image = null; // of the frame, with a key

/** Connect the button and the dialog. */
export function buildNewTrack() {
  levels.onError = (error) => say(error.message);
  byId("new-track-button").addEventListener("click", open);
  byId("new-sequence").addEventListener("change", (event) => {
    event.target.blur();
    begin(Number(event.target.value));
  });
  byId("new-slider").addEventListener("input", (event) => show(Number(event.target.value)));
  byId("new-difference").addEventListener("change", draw);
  byId("new-canvas").addEventListener("click", click);
  byId("new-remove").addEventListener("click", remove);
  byId("new-make").addEventListener("click", make);
  byId("new-cancel").addEventListener("click", () => byId("new-track").close());
  document.addEventListener("keydown", onKeyDown);
  new ResizeObserver(draw).observe(byId("new-track"));
}

async function open() {
  try {
    ({ sequences } = await persist(() => post("/list_sequences")));
  } catch (error) {
    showMessage(error.message, "problem");
    return;
  }
  const options = sequences.map(({ name, labels }, k) => new Option(`${name}: ${labels || "no"} labels`, k));
  byId("new-sequence").replaceChildren(...options);
  byId("new-track").showModal();
  if (clicks.size) show(frame); // the dialog was closed with clicks in it
  else begin(sequence?.number ?? Math.max(0, sequences.findIndex(({ labels }) => !labels)));
}

/** Begin with a sequence, without clicks. */
function begin(number) {
  sequence = { ...sequences[number], number };
  byId("new-slider").max = sequence.shape[0] - 1;
  clicks.clear();
  say("");
  show(0);
}

function show(number) {
  frame = Math.max(0, Math.min(sequence.shape[0] - 1, number));
  byId("new-sequence").value = sequence.number;
  byId("new-slider").value = frame;
  const isNear = (t) => Math.abs(t - frame) <= AHEAD;
  for (let t = frame; t <= frame + AHEAD && t < sequence.shape[0]; t += 1) levels.get(path(t));
  levels.keep((one) => {
    const [, , number_, t] = one.split("/");
    return Number(number_) === sequence.number && isNear(Number(t));
  });
  draw();
}

const path = (t) => `/sequences/${sequence.number}/${t}/frame`;

/** Draw the frame, or its difference from the next one, with the clicks and the path between them. */
function draw() {
  if (!sequence || !byId("new-track").open) return;
  const [, height, width] = sequence.shape;
  const canvas = byId("new-canvas");
  const scale = fitCanvas(canvas, width, height, false);
  const shown = currentImage();
  Object.assign(canvas.dataset, { scale: scale / window.devicePixelRatio, loaded: Boolean(shown) });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const pixel = sequence.binning * scale;
  if (shown) context.drawImage(shown, 0, 0, shown.width * pixel, shown.height * pixel);
  drawClicks(new Pen(context, scale, 0, 0, 1.5 * window.devicePixelRatio));
  describe();
}

/** Return the image of the frame or of its difference; null until the levels are loaded. */
function currentImage() {
  const { shape: [length, ...size], binning, number } = sequence;
  const [height, width] = size.map((pixels) => Math.floor(pixels / binning));
  const isDifference = byId("new-difference").checked && length > 1;
  const frames = isDifference ? [frame, frame + 1 < length ? frame + 1 : frame - 1] : [frame];
  const key = `${number}/${frames}`;
  if (image?.key === key) return image.canvas;
  const [values, other] = frames.map((t) => levels.get(path(t), draw));
  if (!values || (isDifference && !other)) return null;
  const shown = isDifference ? Int32Array.from(values, (value, k) => value - other[k]) : values;
  const grey = isDifference ? differenceWindow(shown) : windowOf(shown);
  image = { key, canvas: imageOf({ values: shown, width, height }, grey) };
  return image.canvas;
}

function drawClicks(pen) {
  const box = (point) => ({ ...point, w: BOX_PX, h: BOX_PX });
  const points = [...clicks].sort(([a], [b]) => a - b);
  if (points.length > 1) pen.track(points.map(([, point]) => point), COLOURS.edited);
  const now = clicks.get(frame);
  if (now) pen.diamond(box(now), COLOURS.edited, 2);
  else if (pathAt(frame)) pen.circle(box(pathAt(frame)), COLOURS.fix, 2);
}

/** Return the point between the clicks before and after a frame; null outside. */
function pathAt(t) {
  const times = [...clicks.keys()].sort((a, b) => a - b);
  const [before, after] = [times.findLast((one) => one <= t), times.find((one) => one >= t)];
  if (before === undefined || after === undefined) return null;
  const share = after > before ? (t - before) / (after - before) : 0;
  const [a, b] = [clicks.get(before), clicks.get(after)];
  return { x: a.x + share * (b.x - a.x), y: a.y + share * (b.y - a.y) };
}

function describe() {
  const times = [...clicks.keys()].sort((a, b) => a - b);
  byId("new-frame").textContent = `frame ${frame} of ${sequence.shape[0] - 1}`;
  byId("new-clicks").textContent = times.length ? `clicked in frames ${times.join(", ")}` : "";
  byId("new-remove").disabled = !clicks.has(frame);
  byId("new-make").disabled = !times.length;
}

function click(event) {
  const scale = Number(byId("new-canvas").dataset.scale);
  const [, height, width] = sequence.shape;
  const clamp = (value, size) => Math.max(0, Math.min(size - 0.01, value));
  clicks.set(frame, { x: clamp(event.offsetX / scale, width), y: clamp(event.offsetY / scale, height) });
  draw();
}

function remove() {
  clicks.delete(frame);
  draw();
}

/** Send the clicks; the page shows the item that the server makes of them. */
function make() {
  if (!clicks.size) return;
  const values = { sequence: sequence.name, clicks: [...clicks].map(([t, { x, y }]) => [t, x, y]) };
  say("The labels are placed on the signal of the frames\u2026");
  whileBusy(async () => {
    try {
      const { item } = await persist(() => post("/new_track", values));
      byId("new-track").close();
      clicks.clear();
      putFirst(item);
      showMessage("The new track is an item: a adds its labels, k drops it, a click moves it.");
    } catch (error) {
      say(error.message);
    }
  });
}

const KEYS = {
  ArrowLeft: (step) => show(frame - step), ArrowRight: (step) => show(frame + step),
  Home: () => show(0), End: () => show(Infinity), Delete: remove, Enter: make,
  d: () => {
    byId("new-difference").checked = !byId("new-difference").checked;
    draw();
  },
};

function onKeyDown(event) {
  const { key, target, shiftKey } = event;
  if (!byId("new-track").open || !(key in KEYS)) return;
  if (target.matches("select") || (key === "Enter" && target.matches("button"))) return;
  KEYS[key](shiftKey ? LARGE_STEP : 1);
  event.preventDefault();
}

function say(text) {
  byId("new-message").textContent = text;
}
