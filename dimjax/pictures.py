"""Pictures: frames made visible, enlarged without smoothing, and marked.

In come raw frames and boxes in frame coordinates; out come Pillow images. A mark surrounds what
it marks and never covers it. Colour and form tell the category: a target has an orange box, an
interference the corners of a blue one, which readers of all colour visions can tell apart.

    low, high = grey_range(frame)
    image = enlarged(grey8(frame, low, high), scale=2)
    mark(image, box=(120.5, 80.0, 3.0, 3.0), category="target", scale=2, text="0.93")
    window, (x0, y0) = crop(frames, x=120.5, y=80.0, size_px=32)
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLOURS = {"target": "#ffa31a", "interference": "#56b4e9"}
BACKGROUND = "#16181c"
FOREGROUND = "#e8e8e8"

_MARGIN_PX = 3.0  # from a box to its mark
_PERCENTILES = (0.5, 99.8)


def grey_range(frames: np.ndarray) -> tuple[float, float]:
    """Grey levels to show as black and white: a few stuck pixels do not count."""
    low, high = np.percentile(frames, _PERCENTILES)
    return float(low), float(max(high, low + 1.0))


def grey8(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as uint8, low black and high white."""
    shares = (np.asarray(values, np.float32) - low) / (high - low)
    return (shares.clip(0, 1) * 255).round().astype(np.uint8)


def crop(
    frames: np.ndarray, x: float, y: float, size_px: int
) -> tuple[np.ndarray, tuple[int, int]]:
    """A square window round a place, moved inwards at the rim of the frame.

    Args:
      frames: [..., H, W].
      x: Of the centre, frame coordinates.
      y: Of the centre.
      size_px: Height and width of the window; smaller where the frame is.

    Returns:
      The window [..., h, w], a view, and its origin x0, y0 in the frame.
    """
    origin = []
    for centre, limit in ((x, frames.shape[-1]), (y, frames.shape[-2])):
        low = int(np.floor(centre)) - size_px // 2
        origin.append(max(0, min(low, limit - size_px)))
    x0, y0 = origin
    return frames[..., y0 : y0 + size_px, x0 : x0 + size_px], (x0, y0)


def enlarged(grey: np.ndarray, scale: int) -> Image.Image:
    """A colour image of grey levels [H, W] uint8, each pixel as scale x scale pixels."""
    large = grey.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(large).convert("RGB")


def font(size: int) -> ImageFont.FreeTypeFont:
    """The typeface of all pictures, at a height in pixels."""
    return ImageFont.load_default(size)


def mark(
    image: Image.Image,
    box: Sequence[float],
    category: str,
    scale: int,
    text: str = "",
    text_px: int = 18,
) -> None:
    """Draw the mark of a box into an enlarged image.

    Args:
      image: From enlarged; changed in place.
      box: x, y, w, h in pixels of the image before it was enlarged.
      category: Of the box.
      scale: The image's enlargement.
      text: Is written beside the mark.
      text_px: Height of the text.
    """
    x, y, w, h = (scale * float(value) for value in box)
    half = max(w, h) / 2 + _MARGIN_PX * scale
    left, top, right, bottom = x - half, y - half, x + half, y + half
    draw = ImageDraw.Draw(image)
    colour, width = COLOURS[category], max(1, round(scale * 0.75))
    if category == "target":
        draw.rectangle((left, top, right, bottom), outline=colour, width=width)
    else:
        _corners(draw, (left, top, right, bottom), colour, width)
    if text:
        _beside(draw, image.size, (left, top, right, bottom), text, colour, font(text_px))


def labelled(draw: ImageDraw.ImageDraw, place: tuple, text: str, size: int, colour=FOREGROUND):
    """Write text with a dark rim, readable on any grey."""
    draw.text(place, text, colour, font(size), stroke_width=max(1, size // 10), stroke_fill="black")


def _corners(draw, box: tuple, colour: str, width: int) -> None:
    left, top, right, bottom = box
    length = (right - left) / 3.5
    for x, inwards in ((left, length), (right, -length)):
        for y, downwards in ((top, length), (bottom, -length)):
            draw.line([(x + inwards, y), (x, y), (x, y + downwards)], colour, width)


def _beside(draw, size, box: tuple, text: str, colour: str, typeface) -> None:
    """Right of the mark, or left of it at the right rim of the image."""
    left, top, right, bottom = box
    width = draw.textlength(text, typeface)
    x = right + 5 if right + 5 + width < size[0] else left - 5 - width
    y = min(max((top + bottom) / 2, typeface.size), size[1] - typeface.size)
    draw.text((x, y), text, colour, typeface, anchor="lm", stroke_width=2, stroke_fill="black")
