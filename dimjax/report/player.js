// The player: frames from the disk with truth, detections and tracks drawn over them.
"use strict";
(() => {
  const sequences = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const COLOURS = ["#ffa31a", "#56b4e9"]; // target, interference
  const ERROR = "#ff5a4f";
  const MARGIN_PX = 3; // from a box to its mark
  const AHEAD = 12; // frames that are loaded in advance
  const TRAIL = 40; // frames of a track that are drawn behind its point
  const LONG_SIDE_PX = 1280; // of the canvas
  let current = null;
  let scale = 1;
  let t = 0;
  let timer = 0;
  const images = new Map();

  function load(frame) {
    const path = `${current.folder}/${String(frame).padStart(5, "0")}.jpg`;
    if (!images.has(path)) {
      const image = new Image();
      image.onload = () => frame === t && draw();
      image.src = path;
      images.set(path, image);
      if (images.size > 4 * AHEAD) images.delete(images.keys().next().value);
    }
    return images.get(path);
  }

  const lastOf = (sequence) => sequence.first + sequence.count - 1;

  function open(index, frame) {
    current = sequences[index];
    images.clear();
    byId("sequence").value = index;
    scale = Math.max(1, Math.round(LONG_SIDE_PX / Math.max(current.width, current.height)));
    [byId("canvas").width, byId("canvas").height] = [current.width * scale, current.height * scale];
    [byId("slider").min, byId("slider").max] = [current.first, lastOf(current)];
    drawErrors();
    show(frame ?? current.first);
  }

  function show(frame) {
    t = Math.max(current.first, Math.min(lastOf(current), frame));
    byId("slider").value = t;
    const errors = errorsOf(t);
    const text = [`frame ${t}`, `${current.first} to ${lastOf(current)} of ${current.length} frames`];
    if (errors.misses) text.push(`${errors.misses} missed`);
    if (errors.false) text.push(`${errors.false} false`);
    byId("text").textContent = text.join(" \u00b7 ");
    history.replaceState(null, "", `#${encodeURIComponent(current.name)}/${t}`);
    draw();
    for (let k = 1; k <= AHEAD; k += 1) if (t + k <= lastOf(current)) load(t + k);
  }

  function errorsOf(frame) {
    const misses = current.truth.filter((row) => row[0] === frame && row[6] === "missed").length;
    const isFalse = (row) => row[0] === frame && row[7] === "false alarm";
    return { misses, false: current.detections.filter(isFalse).length };
  }

  function errorFrames() {
    const missed = current.truth.filter((row) => row[6] === "missed");
    const alarms = current.detections.filter((row) => row[7] === "false alarm");
    return [...new Set([...missed, ...alarms].map(([frame]) => frame))].sort((a, b) => a - b);
  }

  function drawErrors() {
    const canvas = byId("errors");
    [canvas.width, canvas.height] = [canvas.clientWidth, canvas.clientHeight];
    const context = canvas.getContext("2d");
    context.fillStyle = ERROR;
    const room = canvas.width - 16; // half a knob of the slider at each end
    for (const frame of errorFrames()) {
      context.fillRect(8 + (room * (frame - current.first)) / Math.max(1, current.count - 1) - 1, 2, 2, 8);
    }
  }

  function draw() {
    const canvas = byId("canvas");
    const context = canvas.getContext("2d");
    const image = load(t);
    context.imageSmoothingEnabled = false;
    if (image.complete && image.naturalWidth) context.drawImage(image, 0, 0, canvas.width, canvas.height);
    if (byId("tracks").checked) current.tracks.forEach((track) => drawTrack(context, track));
    if (byId("truth").checked) {
      for (const row of current.truth) if (row[0] === t) drawTruth(context, row);
    }
    if (byId("detections").checked) {
      for (const row of current.detections) if (row[0] === t) drawDetection(context, row);
    }
  }

  function stroke(context, colour, dash = []) {
    context.setLineDash([]);
    [context.strokeStyle, context.lineWidth] = ["rgba(0, 0, 0, .6)", 4];
    context.stroke();
    context.setLineDash(dash);
    [context.strokeStyle, context.lineWidth] = [colour, 2];
    context.stroke();
  }

  function edges([, x, y, w, h], margin) {
    const [a, b] = [w / 2 + margin, h / 2 + margin];
    return [x - a, y - b, x + a, y + b].map((value) => value * scale);
  }

  function drawTruth(context, row) {
    const [left, top, right, bottom] = edges(row, MARGIN_PX + 2);
    const arm = 0.3 * Math.min(right - left, bottom - top);
    context.beginPath();
    for (const [x, y, dx, dy] of [[left, top, 1, 1], [right, top, -1, 1], [right, bottom, -1, -1], [left, bottom, 1, -1]]) {
      context.moveTo(x + dx * arm, y);
      context.lineTo(x, y);
      context.lineTo(x, y + dy * arm);
    }
    stroke(context, row[6] === "missed" ? ERROR : COLOURS[row[5]], row[6] === "hidden" ? [3, 3] : []);
  }

  function drawDetection(context, row) {
    const [left, top, right, bottom] = edges(row, MARGIN_PX);
    const colour = row[7] === "false alarm" ? ERROR : COLOURS[row[5]];
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    stroke(context, colour);
    context.font = "16px system-ui, sans-serif";
    [context.lineWidth, context.strokeStyle, context.fillStyle] = [4, "rgba(0, 0, 0, .7)", colour];
    context.setLineDash([]);
    const text = row[6].toFixed(2);
    const x = right + 40 < context.canvas.width ? right + 5 : left - 40;
    context.strokeText(text, x, (top + bottom) / 2 + 5);
    context.fillText(text, x, (top + bottom) / 2 + 5);
  }

  function drawTrack(context, { category, points }) {
    if (!points.length || t < points[0][0] || t > points.at(-1)[0] + 3) return;
    const trail = points.filter(([frame]) => frame <= t && frame > t - TRAIL);
    context.beginPath();
    trail.forEach(([, x, y], k) => context[k ? "lineTo" : "moveTo"](x * scale, y * scale));
    stroke(context, COLOURS[category]);
    context.fillStyle = COLOURS[category];
    for (const [, x, y, detected] of trail) if (detected) context.fillRect(x * scale - 2, y * scale - 2, 4, 4);
  }

  function play(on) {
    clearInterval(timer);
    timer = 0;
    byId("play").textContent = on ? "Pause" : "Play";
    if (!on) return;
    if (t === lastOf(current)) show(current.first);
    timer = setInterval(() => (t === lastOf(current) ? play(false) : show(t + 1)), 1000 / Number(byId("speed").value));
  }

  function nextError() {
    const frames = errorFrames();
    const next = frames.find((frame) => frame > t) ?? frames[0];
    if (next !== undefined) show(next);
  }

  function toggle(id) {
    byId(id).checked = !byId(id).checked;
    draw();
  }

  const KEYS = {
    " ": () => play(!timer), ArrowLeft: () => show(t - 1), ArrowRight: () => show(t + 1),
    Home: () => show(current.first), End: () => show(lastOf(current)), e: nextError,
    t: () => toggle("truth"), d: () => toggle("detections"), k: () => toggle("tracks"),
  };

  function openHash() {
    const [name, frame] = location.hash.slice(1).split("/");
    const index = sequences.findIndex((sequence) => sequence.name === decodeURIComponent(name));
    if (index >= 0) open(index, Number(frame) || undefined);
    return index >= 0;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select") || !current) return;
    if (event.key === " " && event.target.matches("button")) return;
    const action = KEYS[event.key];
    if (!action) return;
    action();
    event.preventDefault();
  });
  byId("sequence").append(...sequences.map(({ name }, k) => new Option(name, k)));
  byId("sequence").addEventListener("change", () => {
    play(false);
    open(Number(byId("sequence").value));
    byId("sequence").blur();
  });
  byId("slider").addEventListener("input", () => show(Number(byId("slider").value)));
  for (const id of ["truth", "detections", "tracks"]) byId(id).addEventListener("change", draw);
  byId("speed").addEventListener("change", () => {
    if (timer) play(true);
    byId("speed").blur(); // else the keys would choose speeds
  });
  byId("play").addEventListener("click", () => play(!timer));
  byId("next").addEventListener("click", nextError);
  addEventListener("resize", () => current && drawErrors());
  addEventListener("hashchange", openHash);
  if (!sequences.length) byId("text").textContent = "There is no frame to show.";
  else if (!openHash()) open(0);
})();
