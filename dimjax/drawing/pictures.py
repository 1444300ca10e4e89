"""Frames as grey images: stretched, cropped, enlarged without smoothing, and marked.

A mark surrounds what it marks and never covers it. Colour and shape show the category: an orange
box for a target, the corners of a blue box for an interference. Readers of all colour visions can
tell them apart.

    low, high = grey_range(frame)
    image = enlarge(to_grey8(frame, low, high), scale=2)
    draw_mark(image, box=(120.5, 80.0, 3.0, 3.0), category="target", scale=2, text="0.93")
    window, (x0, y0) = crop(frames, x=120.5, y=80.0, size_px=32)
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLOURS = {"target": "#ffa31a", "interference": "#56b4e9"}
BACKGROUND = "#16181c"
FOREGROUND = "#e8e8e8"
MARGIN_PX = 3.0  # from a box to its mark

_LINE_PX = 3  # of an enlarged image
_PERCENTILES = (0.5, 99.8)
_DIFFERENCE_SIGMAS = 8.0  # difference shown in white, in noise sigmas of one frame


class Tiles(NamedTuple):
    """The four frames and three differences of a clip as grey images."""

    images: dict[str, np.ndarray]  # "F1" ... "F4", "F1 - F2" ...: [h, w] uint8
    low: float  # grey level of the frames that is black
    high: float  # and white
    max_difference: float  # difference in grey levels that is white; its negative is black


def grey_range(frames: np.ndarray) -> tuple[float, float]:
    """Choose the grey levels to show as black and white; a few stuck pixels do not matter."""
    low, high = np.percentile(frames, _PERCENTILES)
    return float(low), float(max(high, low + 1.0))


def to_grey8(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Convert values to uint8, low to black and high to white."""
    shares = (np.asarray(values, np.float32) - low) / (high - low)
    return (shares.clip(0, 1) * 255).round().astype(np.uint8)


def clip_tiles(clip: np.ndarray, noise_sigma: float) -> Tiles:
    """Convert a clip and its differences to grey images.

    Args:
      clip: Frames F1..F4 [4, h, w]; they share one grey range.
      noise_sigma: Noise of one frame in grey levels; a difference of 0, see Eq. (1), is mid-grey,
        8 sigmas are white.
    """
    low, high = grey_range(clip)
    limit = _DIFFERENCE_SIGMAS * noise_sigma
    images = {f"F{k + 1}": to_grey8(clip[k], low, high) for k in range(4)}
    for k in range(1, 4):
        images[f"F1 - F{k + 1}"] = to_grey8(clip[0].astype(np.int32) - clip[k], -limit, limit)
    return Tiles(images, low, high, limit)


def crop(
    frames: np.ndarray, x: float, y: float, size_px: int
) -> tuple[np.ndarray, tuple[int, int]]:
    """Cut a square window round a point; at the rim of the frame it is moved inwards.

    Args:
      frames: [..., H, W].
      x: Centre of the window, frame coordinates.
      y: Centre of the window.
      size_px: Height and width of the window; it is smaller if the frame is.

    Returns:
      The window [..., h, w], a view, and its origin x0, y0 in the frame.
    """
    origin = []
    for centre, limit in ((x, frames.shape[-1]), (y, frames.shape[-2])):
        low = int(np.floor(centre)) - size_px // 2
        origin.append(max(0, min(low, limit - size_px)))
    x0, y0 = origin
    return frames[..., y0 : y0 + size_px, x0 : x0 + size_px], (x0, y0)


def enlarge(grey: np.ndarray, scale: int) -> Image.Image:
    """Convert grey levels [H, W] uint8 to a colour image of scale x scale pixels for each pixel."""
    large = grey.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(large).convert("RGB")


def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the typeface of all pictures at a height in pixels."""
    return ImageFont.load_default(size)


def draw_mark(
    image: Image.Image,
    box: Sequence[float],
    category: str,
    scale: int,
    text: str = "",
    text_px: int = 18,
    margin_px: float = MARGIN_PX,
) -> None:
    """Draw the mark of a box into an enlarged image.

    Args:
      image: Image from enlarge; changed in place.
      box: x, y, w, h in pixels of the image before it was enlarged.
      category: Category of the box.
      scale: Enlargement of the image.
      text: Text beside the mark.
      text_px: Height of the text.
      margin_px: Distance from the box to its mark, in pixels before the enlargement.
    """
    x, y, w, h = (float(value) for value in box)
    across, down = w / 2 + margin_px, h / 2 + margin_px
    edges = [round(scale * edge) for edge in (x - across, y - down, x + across, y + down)]
    draw, line = ImageDraw.Draw(image), _LINE_PX if scale > 1 else 1
    outline = _rectangle if category == "target" else _corners
    # The line runs outside the edges: even a mark without margin covers no pixel of its box.
    outline(draw, _grow(edges, line + 1), "black", line + 1)
    outline(draw, _grow(edges, line), COLOURS[category], line)
    if text:
        _write_beside(draw, image.size, _grow(edges, line), text, COLOURS[category], font(text_px))


def draw_text(
    draw: ImageDraw.ImageDraw, position: tuple, text: str, size: int, colour: str = FOREGROUND
) -> None:
    """Write text with a dark outline, readable on any grey."""
    outline = max(1, size // 10)
    draw.text(position, text, colour, font(size), stroke_width=outline, stroke_fill="black")


def _grow(edges: list[int], line: int) -> tuple[int, int, int, int]:
    """Return the first and last pixel, across and down, of a frame of a line's width."""
    left, top, right, bottom = edges
    return left - line, top - line, right + line - 1, bottom + line - 1


def _rectangle(draw, box: tuple, colour: str, line: int) -> None:
    draw.rectangle(box, outline=colour, width=line)


def _corners(draw, box: tuple, colour: str, line: int) -> None:
    left, top, right, bottom = box
    length = max(line, round(0.3 * min(right - left, bottom - top)))
    across, down = ((left, left + length), (right - length, right)), (top, bottom - line + 1)
    for (x0, x1), y in itertools.product(across, down):
        draw.rectangle((x0, y, x1, y + line - 1), fill=colour)
    across, down = (left, right - line + 1), ((top, top + length), (bottom - length, bottom))
    for x, (y0, y1) in itertools.product(across, down):
        draw.rectangle((x, y0, x + line - 1, y1), fill=colour)


def _write_beside(draw, size, box: tuple, text: str, colour: str, typeface) -> None:
    """Write right of a mark, or left of it at the right rim of the image."""
    left, top, right, bottom = box
    width = draw.textlength(text, typeface)
    x = right + 5 if right + 5 + width < size[0] else left - 5 - width
    y = min(max((top + bottom) / 2, typeface.size), size[1] - typeface.size)
    draw.text((x, y), text, colour, typeface, anchor="lm", stroke_width=2, stroke_fill="black")
