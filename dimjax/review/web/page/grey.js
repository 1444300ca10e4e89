// Raw grey levels made visible: windows of grey levels, and images without smoothing.

export const VIEWS = ["F1", "F2", "F3", "F4", "F1\u2212F2", "F1\u2212F3", "F1\u2212F4"];

/** The views that blink together. */
export const VIEW_GROUPS = {
  frames: [0, 1, 2, 3], differences: [4, 5, 6], all: [0, 1, 2, 3, 4, 5, 6],
};

const [BLACK_QUANTILE, WHITE_QUANTILE] = [0.005, 0.998];
const SAMPLES = 20000; // enough for these quantiles
const DIFFERENCE_SIGMAS = 8; // of one frame's noise: the level that is white in a difference
const SIGMAS_PER_MAD = 1.4826;

/** Return black and white of grey levels, apart from a few extreme pixels. */
export function windowOf(levels) {
  const stride = Math.max(1, Math.floor(levels.length / SAMPLES));
  const sorted = levels.filter((_, k) => k % stride === 0).sort();
  const quantile = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const black = quantile(BLACK_QUANTILE);
  return { black, white: Math.max(quantile(WHITE_QUANTILE), black + 1) };
}

/** Split a clip F1..F4 [4, h, w] into its seven views, each with levels and a window. */
export function viewsOf(levels, width, height) {
  const size = width * height;
  const frames = [0, 1, 2, 3].map((k) => levels.subarray(k * size, (k + 1) * size));
  const window = windowOf(levels);
  const differences = frames.slice(1).map((frame) => Int32Array.from(frame, (f, k) => frames[0][k] - f));
  const symmetric = differenceWindow(differences[0]);
  return [
    ...frames.map((values) => ({ values, width, height, window })),
    ...differences.map((values) => ({ values, width, height, window: symmetric })),
  ];
}

/** Return black and white of the differences of two frames. */
export function differenceWindow(difference) {
  const limit = DIFFERENCE_SIGMAS * noiseSigma(difference);
  return { black: -limit, white: limit };
}

/** Return the noise sigma of one frame from a difference of two; robust to a target in it. */
function noiseSigma(difference) {
  const sorted = Int32Array.from(difference).sort();
  const median = sorted[sorted.length >> 1];
  const deviations = sorted.map((value) => Math.abs(value - median)).sort();
  return Math.max((SIGMAS_PER_MAD * deviations[deviations.length >> 1]) / Math.SQRT2, 1);
}

/** Apply contrast (neutral: 1) and brightness (neutral: 0; in windows) to a window. */
export function adjusted({ black, white }, contrast, brightness) {
  const middle = (black + white) / 2 - brightness * (white - black);
  const half = (white - black) / 2 / contrast;
  return { black: middle - half, white: middle + half };
}

/** Return a canvas with one pixel per value. */
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
