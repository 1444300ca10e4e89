// Marks on grey images. Each type has its own shape and colour, a dark rim that makes it visible on
// any grey, and a margin that keeps it off the box that it encloses.

import { suggestedBox } from "./edits.js";

export const COLOURS = { label: "#ffa31a", fix: "#56b4e9", edited: "#f5e63d", other: "#d0d0d0" };

/** Margins from a box to its mark, in pixels of the frame. */
export const MARGINS_PX = { label: 2.5, fix: 3.5, edited: 3, other: 2.5, text: 4 };

const RIM = "rgba(0, 0, 0, 0.75)";
const CORNERS = [[-1, -1], [1, -1], [1, 1], [-1, 1]];

/** Draws in frame coordinates: `scale` canvas pixels per pixel, origin (x0, y0), `line` wide. */
export class Pen {
  constructor(context, scale, x0, y0, line) {
    Object.assign(this, { context, scale, x0, y0, line });
  }

  /** Convert a point of the frame to canvas coordinates. */
  at(x, y) {
    return [(x - this.x0) * this.scale, (y - this.y0) * this.scale];
  }

  /** Draw the corners of a square around a box. */
  corners(box, colour, margin) {
    const { x, y, halfWidth, halfHeight } = this.#enclose(box, margin);
    const arm = 0.45 * Math.min(halfWidth, halfHeight);
    const path = new Path2D();
    for (const [sx, sy] of CORNERS) {
      path.moveTo(x + sx * (halfWidth - arm), y + sy * halfHeight);
      path.lineTo(x + sx * halfWidth, y + sy * halfHeight);
      path.lineTo(x + sx * halfWidth, y + sy * (halfHeight - arm));
    }
    this.stroke(path, colour);
  }

  circle(box, colour, margin) {
    const { x, y, halfWidth, halfHeight } = this.#enclose(box, margin);
    const path = new Path2D();
    path.arc(x, y, Math.max(halfWidth, halfHeight), 0, 2 * Math.PI);
    this.stroke(path, colour);
  }

  /** Draw four strokes towards a box, as if to cross it out. */
  cross(box, colour, margin) {
    const { x, y, halfWidth, halfHeight } = this.#enclose(box, margin);
    const path = new Path2D();
    for (const [sx, sy] of CORNERS) {
      path.moveTo(x + sx * halfWidth * 0.5, y + sy * halfHeight * 0.5);
      path.lineTo(x + sx * halfWidth * 1.15, y + sy * halfHeight * 1.15);
    }
    this.stroke(path, colour);
  }

  /** Draw a diamond around a box, and the outline of the box itself. */
  diamond(box, colour, margin) {
    const { x, y, halfWidth, halfHeight } = this.#enclose(box, margin);
    const reach = 1.3 * Math.max(halfWidth, halfHeight);
    const path = new Path2D();
    path.moveTo(x, y - reach);
    for (const [sx, sy] of [[1, 0], [0, 1], [-1, 0]]) path.lineTo(x + sx * reach, y + sy * reach);
    path.closePath();
    this.stroke(path, colour);
    const [left, top] = this.at(box.x - box.w / 2, box.y - box.h / 2);
    const outline = new Path2D();
    outline.rect(left, top, box.w * this.scale, box.h * this.scale);
    this.stroke(outline, colour, 0.5);
  }

  /** Mark the suggestion for a frame, or its location if it has neither suggestion nor label. */
  suggestion(frame) {
    const suggested = suggestedBox(frame);
    if (suggested?.removed) this.cross(frame.label ?? frame, COLOURS.fix, MARGINS_PX.fix);
    else if (suggested) this.circle(suggested, COLOURS.fix, MARGINS_PX.fix);
    else if (!frame.label) this.square(locationBox(frame), COLOURS.fix, MARGINS_PX.fix);
  }

  square(box, colour, margin) {
    const { x, y, halfWidth, halfHeight } = this.#enclose(box, margin);
    const path = new Path2D();
    path.rect(x - halfWidth, y - halfHeight, 2 * halfWidth, 2 * halfHeight);
    this.stroke(path, colour, 0.6);
  }

  /** Draw a line through points, with a dot at each. */
  track(points, colour) {
    const [line, dots] = [new Path2D(), new Path2D()];
    points.forEach((point, k) => {
      const [x, y] = this.at(point.x, point.y);
      if (k) line.lineTo(x, y);
      else line.moveTo(x, y);
      dots.rect(x - this.line, y - this.line, 2 * this.line, 2 * this.line);
    });
    this.stroke(line, colour, 0.6);
    this.context.fillStyle = colour;
    this.context.fill(dots);
  }

  /** Draw lines across the whole canvas, with a gap around the point itself. */
  crosshair({ x, y }, colour) {
    const [cx, cy] = this.at(x, y);
    const { width, height } = this.context.canvas;
    const gap = 5 * this.scale;
    const path = new Path2D();
    for (const [fromX, fromY, toX, toY] of [
      [0, cy, cx - gap, cy], [cx + gap, cy, width, cy],
      [cx, 0, cx, cy - gap], [cx, cy + gap, cx, height],
    ]) {
      path.moveTo(fromX, fromY);
      path.lineTo(toX, toY);
    }
    this.stroke(path, colour, 0.5);
  }

  /** Write text above (side -1) or below (1) a box, inside the canvas. */
  text(box, text, colour, margin, side) {
    const { context, line } = this;
    const { x, y, halfWidth, halfHeight } = this.#enclose(box, margin);
    const size = 6.5 * line;
    context.font = `600 ${size}px system-ui, sans-serif`;
    const textWidth = context.measureText(text).width;
    const { width, height } = context.canvas;
    const left = Math.max(line, Math.min(width - textWidth - line, x - halfWidth));
    const above = Math.max(1.1 * size, y - halfHeight - size * 0.45);
    const below = Math.min(height - 0.4 * size, y + halfHeight + 1.15 * size);
    context.lineJoin = "round";
    context.lineWidth = 2 * line;
    context.strokeStyle = RIM;
    context.fillStyle = colour;
    context.strokeText(text, left, side < 0 ? above : below);
    context.fillText(text, left, side < 0 ? above : below);
  }

  /** Stroke a path with a rim; `share` scales the line width. */
  stroke(path, colour, share = 1) {
    const { context, line } = this;
    context.lineWidth = share * line + line;
    context.strokeStyle = RIM;
    context.stroke(path);
    context.lineWidth = share * line;
    context.strokeStyle = colour;
    context.stroke(path);
  }

  /** Return centre and half size of a box with a margin, in canvas pixels. */
  #enclose({ x, y, w, h }, margin) {
    const [cx, cy] = this.at(x, y);
    const half = (size) => (size / 2 + margin) * this.scale;
    return { x: cx, y: cy, halfWidth: half(w), halfHeight: half(h) };
  }
}

/** Return the box that marks a location without label and suggestion. */
export function locationBox({ x, y }) {
  return { x, y, w: 4, h: 4 };
}

/** Fit a canvas into its parent at the screen's resolution; return its scale. */
export function fitCanvas(canvas, width, height, isInteger) {
  const ratio = window.devicePixelRatio;
  const room = canvas.parentElement.getBoundingClientRect();
  let scale = Math.min((room.width * ratio) / width, (room.height * ratio) / height);
  if (isInteger && scale > 1) scale = Math.floor(scale);
  const [w, h] = [Math.floor(width * scale), Math.floor(height * scale)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  [canvas.style.width, canvas.style.height] = [`${w / ratio}px`, `${h / ratio}px`];
  return scale;
}
