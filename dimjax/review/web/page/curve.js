// The loss of the current frame over the epochs.

import { byId } from "./state.js";

/** Plot the loss over the epochs, and the typical loss. */
export function drawCurve(state) {
  const { history } = state.item.frames[state.frameIndex];
  const canvas = byId("curve");
  canvas.parentElement.classList.toggle("empty", !history);
  byId("curve-title").textContent = history ? "Loss of this frame's chips (line), of all chips (dots)" : "No loss history: no chip of this frame was trained on";
  const ratio = window.devicePixelRatio;
  const room = canvas.getBoundingClientRect();
  [canvas.width, canvas.height] = [room.width * ratio, room.height * ratio];
  if (!history || !room.width) return;
  plot(canvas.getContext("2d"), room.width, room.height, ratio, history);
}

function plot(context, width, height, ratio, { loss, typical }) {
  const style = getComputedStyle(document.body);
  const [textColour, axisColour, lineColour] = ["--soft", "--line", "--c1"].map((name) => style.getPropertyValue(name));
  const [left, right, top, bottom] = [34, width - 6, 6, height - 16];
  const maxLoss = Math.max(...[...loss, ...typical].map(([, value]) => value), 1e-9);
  const lastEpoch = Math.max(loss.at(-1)[0], 1);
  const toCanvas = ([epoch, value]) => [
    left + ((right - left) * epoch) / lastEpoch,
    bottom - ((bottom - top) * value) / maxLoss,
  ];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.strokeStyle = axisColour;
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(left, bottom);
  context.lineTo(right, bottom);
  context.stroke();
  context.fillStyle = textColour;
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillText(maxLoss.toPrecision(2), left - 4, top + 8);
  context.fillText("0", left - 4, bottom);
  context.fillText(`epoch ${loss.at(-1)[0] + 1}`, right, bottom + 13);
  for (const [points, dash, colour] of [[typical, [1, 3], textColour], [loss, [], lineColour]]) {
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = dash.length ? 1.5 : 2;
    context.beginPath();
    points.forEach((point, k) => context[k ? "lineTo" : "moveTo"](...toCanvas(point)));
    context.stroke();
  }
}
