// The loss of the place's frame over the epochs.

import { find } from "./state.js";

/** Loss over the epochs, and the typical one. */
export function drawCurve(state) {
  const past = state.item.places[state.place].history;
  const figure = find("curve").parentElement;
  figure.classList.toggle("none", !past);
  find("loss").textContent = past ? "Loss of this frame's chips (line), of all (dots)" : "No loss history for this frame";
  const canvas = find("curve");
  const ratio = window.devicePixelRatio;
  const room = canvas.getBoundingClientRect();
  [canvas.width, canvas.height] = [room.width * ratio, room.height * ratio];
  if (!past || !room.width) return;
  plot(canvas.getContext("2d"), room.width, room.height, ratio, past);
}

function plot(context, width, height, ratio, { loss, typical }) {
  const style = getComputedStyle(document.body);
  const [ink, soft] = ["--soft", "--line"].map((name) => style.getPropertyValue(name));
  const [left, right, top, bottom] = [34, width - 6, 6, height - 16];
  const most = Math.max(...[...loss, ...typical].map(([, value]) => value), 1e-9);
  const last = Math.max(loss.at(-1)[0], 1);
  const place = ([epoch, value]) => [
    left + ((right - left) * epoch) / last,
    bottom - ((bottom - top) * value) / most,
  ];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.strokeStyle = soft;
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(left, bottom);
  context.lineTo(right, bottom);
  context.stroke();
  context.fillStyle = ink;
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillText(most.toPrecision(2), left - 4, top + 8);
  context.fillText("0", left - 4, bottom);
  context.fillText(`epoch ${last}`, right, bottom + 13);
  for (const [points, dash, colour] of [[typical, [1, 3], ink], [loss, [], style.getPropertyValue("--c1")]]) {
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = dash.length ? 1.5 : 2;
    context.beginPath();
    points.forEach((point, k) => context[k ? "lineTo" : "moveTo"](...place(point)));
    context.stroke();
  }
}
