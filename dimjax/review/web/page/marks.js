// Marks on grey pictures: each sort has a shape and a colour of its own, with a dark rim so that
// it shows on any grey, and none covers the box that it stands round.

export const COLOURS = { label: "#ffa31a", fix: "#56b4e9", own: "#f5e63d", other: "#d0d0d0" };

/** From a box to its mark, in pixels of the frame. */
export const MARGIN_PX = { label: 2.5, fix: 3.5, own: 3, other: 2.5, words: 4 };

const RIM = "rgba(0, 0, 0, 0.75)";

/** Draws in frame coordinates: `scale` canvas pixels a frame pixel, origin (x0, y0), `line` wide. */
export class Pen {
  constructor(context, scale, x0, y0, line) {
    Object.assign(this, { context, scale, x0, y0, line });
  }

  at(x, y) {
    return [(x - this.x0) * this.scale, (y - this.y0) * this.scale];
  }

  /** The corners of a square round a box. */
  corners(box, colour, margin) {
    const { x, y, across, down } = this.#round(box, margin);
    const arm = 0.45 * Math.min(across, down);
    const path = new Path2D();
    for (const [sx, sy] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
      path.moveTo(x + sx * (across - arm), y + sy * down);
      path.lineTo(x + sx * across, y + sy * down);
      path.lineTo(x + sx * across, y + sy * (down - arm));
    }
    this.stroke(path, colour);
  }

  circle(box, colour, margin) {
    const { x, y, across, down } = this.#round(box, margin);
    const path = new Path2D();
    path.arc(x, y, Math.max(across, down), 0, 2 * Math.PI);
    this.stroke(path, colour);
  }

  /** Four strokes towards a box, as if to cross it out. */
  cross(box, colour, margin) {
    const { x, y, across, down } = this.#round(box, margin);
    const path = new Path2D();
    for (const [sx, sy] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
      path.moveTo(x + sx * across * 0.5, y + sy * down * 0.5);
      path.lineTo(x + sx * across * 1.15, y + sy * down * 1.15);
    }
    this.stroke(path, colour);
  }

  /** A diamond, and in it the outline of the box itself. */
  diamond(box, colour, margin) {
    const { x, y, across, down } = this.#round(box, margin);
    const far = 1.3 * Math.max(across, down);
    const path = new Path2D();
    path.moveTo(x, y - far);
    for (const [sx, sy] of [[1, 0], [0, 1], [-1, 0]]) path.lineTo(x + sx * far, y + sy * far);
    path.closePath();
    this.stroke(path, colour);
    const [left, top] = this.at(box.x - box.w / 2, box.y - box.h / 2);
    const outline = new Path2D();
    outline.rect(left, top, box.w * this.scale, box.h * this.scale);
    this.stroke(outline, colour, 0.5);
  }

  square(box, colour, margin) {
    const { x, y, across, down } = this.#round(box, margin);
    const path = new Path2D();
    path.rect(x - across, y - down, 2 * across, 2 * down);
    this.stroke(path, colour, 0.6);
  }

  /** A line through places, with a dot at each. */
  track(places, colour) {
    const [line, dots] = [new Path2D(), new Path2D()];
    places.forEach((place, k) => {
      const [x, y] = this.at(place.x, place.y);
      if (k) line.lineTo(x, y);
      else line.moveTo(x, y);
      dots.rect(x - this.line, y - this.line, 2 * this.line, 2 * this.line);
    });
    this.stroke(line, colour, 0.6);
    this.context.fillStyle = colour;
    this.context.fill(dots);
  }

  /** Lines across the whole canvas that leave the place itself free. */
  crosshair({ x, y }, colour) {
    const [cx, cy] = this.at(x, y);
    const { width, height } = this.context.canvas;
    const gap = 5 * this.scale;
    const path = new Path2D();
    for (const [fx, fy, tx, ty] of [
      [0, cy, cx - gap, cy], [cx + gap, cy, width, cy],
      [cx, 0, cx, cy - gap], [cx, cy + gap, cx, height],
    ]) {
      path.moveTo(fx, fy);
      path.lineTo(tx, ty);
    }
    this.stroke(path, colour, 0.5);
  }

  /** Words above (-1) or below (1) a box, kept on the canvas. */
  words(box, text, colour, margin, side) {
    const { context, line } = this;
    const { x, y, across, down } = this.#round(box, margin);
    const size = 6.5 * line;
    context.font = `600 ${size}px system-ui, sans-serif`;
    const wide = context.measureText(text).width;
    const { width, height } = context.canvas;
    const left = Math.max(line, Math.min(width - wide - line, x - across));
    const above = Math.max(1.1 * size, y - down - size * 0.45);
    const below = Math.min(height - 0.4 * size, y + down + 1.15 * size);
    context.lineJoin = "round";
    context.lineWidth = 2 * line;
    context.strokeStyle = RIM;
    context.fillStyle = colour;
    context.strokeText(text, left, side < 0 ? above : below);
    context.fillText(text, left, side < 0 ? above : below);
  }

  stroke(path, colour, share = 1) {
    const { context, line } = this;
    context.lineWidth = share * line + line;
    context.strokeStyle = RIM;
    context.stroke(path);
    context.lineWidth = share * line;
    context.strokeStyle = colour;
    context.stroke(path);
  }

  #round({ x, y, w, h }, margin) {
    const [cx, cy] = this.at(x, y);
    const half = (size) => (size / 2 + margin) * this.scale;
    return { x: cx, y: cy, across: half(w), down: half(h) };
  }
}

/** The box that is drawn where there is neither label nor suggestion. */
export function spot({ x, y }) {
  return { x, y, w: 4, h: 4 };
}

/** Make a canvas as sharp as the screen and as large as its box allows; the scale, or 0. */
export function fitted(canvas, width, height, whole) {
  const ratio = window.devicePixelRatio;
  const room = canvas.parentElement.getBoundingClientRect();
  let scale = Math.min((room.width * ratio) / width, (room.height * ratio) / height);
  if (whole && scale > 1) scale = Math.floor(scale);
  const [w, h] = [Math.floor(width * scale), Math.floor(height * scale)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  [canvas.style.width, canvas.style.height] = [`${w / ratio}px`, `${h / ratio}px`];
  return scale;
}
