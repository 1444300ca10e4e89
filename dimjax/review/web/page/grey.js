// Raw grey levels made visible: windows of grey levels, and images without smoothing.

export const VIEWS = ["F1", "F2", "F3", "F4", "F1\u2212F2", "F1\u2212F3", "F1\u2212F4"];

const [DARK, BRIGHT] = [0.005, 0.998]; // shares of the pixels below black and white
const SAMPLES = 20000; // enough to measure a window by
const DIFFERENCE_SIGMAS = 8; // of one frame's noise: what is white in a difference
const SIGMAS_PER_MAD = 1.4826;

/** Black and white of grey levels, without the few extreme pixels. */
export function rangeOf(levels) {
  const every = Math.max(1, Math.floor(levels.length / SAMPLES));
  const sorted = levels.filter((_, k) => k % every === 0).sort();
  const share = (part) => sorted[Math.round(part * (sorted.length - 1))];
  const black = share(DARK);
  return { black, white: Math.max(share(BRIGHT), black + 1) };
}

/** A clip F1..F4 [4, h, w] as its seven views, each with levels and a window of its own. */
export function clipOf(levels, width, height) {
  const size = width * height;
  const frames = [0, 1, 2, 3].map((k) => levels.subarray(k * size, (k + 1) * size));
  const window = rangeOf(levels);
  const differences = frames.slice(1).map((frame) => Int32Array.from(frame, (f, k) => frames[0][k] - f));
  const most = DIFFERENCE_SIGMAS * sigmaOf(differences[0]);
  const round = { black: -most, white: most };
  return [
    ...frames.map((values) => ({ values, width, height, window })),
    ...differences.map((values) => ({ values, width, height, window: round })),
  ];
}

/** Noise of one frame, from the difference of two: the target in it does not count. */
function sigmaOf(difference) {
  const sorted = Int32Array.from(difference).sort();
  const middle = sorted[sorted.length >> 1];
  const away = sorted.map((value) => Math.abs(value - middle)).sort();
  return Math.max((SIGMAS_PER_MAD * away[away.length >> 1]) / Math.SQRT2, 1);
}

/** A window with the reviewer's contrast (1: as it is) and brightness (0; in windows). */
export function adjusted({ black, white }, contrast, brightness) {
  const middle = (black + white) / 2 - brightness * (white - black);
  const half = (white - black) / 2 / contrast;
  return { black: middle - half, white: middle + half };
}

/** A canvas with one pixel for each value. */
export function imageOf({ values, width, height }, { black, white }) {
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const gain = 255 / (white - black);
  for (let k = 0; k < pixels.length; k += 1) {
    const grey = Math.max(0, Math.min(255, Math.round((values[k] - black) * gain)));
    pixels[k] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
