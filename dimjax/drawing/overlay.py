"""Overlays: full frames with their detections, as pictures and as a video.

draw_frame(sequence, 12, detections).save("frame12.png")
write_video("flight3.mp4", sequence, detections)
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from dimjax.data.sequences import Sequence
from dimjax.drawing import pictures
from dimjax.drawing.pictures import crop, draw_mark, draw_text, enlarge, grey_range, to_grey8

FRAMES_PER_SECOND = 10

_LONG_SIDE_PX = 1024  # approximate size of a picture
_LEAST_SIDE_PX = 32  # of an inset beside a low frame
_INSET_PX = 32  # height and width of the window in an inset
_INSETS = 3
_GAP = 16


def draw_frame(sequence: Sequence, t: int, detections: pd.DataFrame) -> Image.Image:
    """Draw a frame with its detections, the strongest three enlarged beside it, its name below.

    Args:
      sequence: Sequence of the frame.
      t: Number of the frame.
      detections: Detections of the sequence in any frames: x, y, w, h, category, score.
    """
    frame, detections = sequence.frame(t), _strongest_first(detections, t)
    image = _draw_detections(frame, detections, grey_range(frame))
    side = max((image.height - _GAP * (_INSETS - 1)) // _INSETS, _LEAST_SIDE_PX)
    caption_px = 2 * _text_px(image)
    page = _page(image, image.width + (_GAP + side if len(detections) else 0), caption_px)
    for k, row in enumerate(detections.head(_INSETS).itertuples()):
        inset = _inset(frame, row, side, f"{k + 1}  {row.category} {row.score:.2f}")
        page.paste(inset, (image.width + _GAP, k * (side + _GAP)))
    caption = f"{sequence.name}  frame {t}"
    draw_text(ImageDraw.Draw(page), (10, image.height + caption_px // 4), caption, _text_px(image))
    return page


def write_video(
    path: str | Path,
    sequence: Sequence,
    detections: pd.DataFrame,
    progress: Callable[[Iterable], Iterable] = iter,
) -> None:
    """Write all frames with their detections as an H.264 MP4 of FRAMES_PER_SECOND.

    All frames have one grey range: a passing cloud would make the video flicker otherwise.

    Args:
      path: File to write.
      sequence: Sequence to show.
      detections: Detections of the sequence: frame, x, y, w, h, category, score.
      progress: Wraps the frame numbers, e.g. a progress bar.
    """
    sample = np.unique(np.linspace(0, len(sequence) - 1, 8).astype(int))
    limits = grey_range(np.stack([sequence.frame(int(t)) for t in sample]))
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.pix_fmt = "yuv420p"
        for t in progress(range(len(sequence))):
            image = _draw_detections(sequence.frame(t), _strongest_first(detections, t), limits, 0)
            # H.264 with yuv420p needs an even width and height.
            image = image.crop((0, 0, *(size - size % 2 for size in image.size)))
            if t == 0:
                stream.width, stream.height = image.size
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())


def _strongest_first(detections: pd.DataFrame, t: int) -> pd.DataFrame:
    """Return the detections of frame t by falling score."""
    detections = detections[detections.frame == t]
    return detections.sort_values("score", ascending=False, kind="stable")


def _draw_detections(
    frame: np.ndarray, detections: pd.DataFrame, limits: tuple, numbered: int = _INSETS
) -> Image.Image:
    """Enlarge a frame and mark its detections; the first few get a number too."""
    scale = max(1, round(_LONG_SIDE_PX / max(frame.shape)))
    image = enlarge(to_grey8(frame, *limits), scale)
    for k, row in enumerate(detections.itertuples()):
        number = f"{k + 1}  " if k < numbered else ""
        text = f"{number}{row.category} {row.score:.2f}"
        box = (row.x, row.y, row.w, row.h)
        draw_mark(image, box, row.category, scale, text, _text_px(image))
    return image


def _text_px(image: Image.Image) -> int:
    return max(14, image.height // 36)


def _page(image: Image.Image, width: int, below_px: int = 0) -> Image.Image:
    """Return a page of a width with the image at its left and free space below."""
    page = Image.new("RGB", (width, image.height + below_px), pictures.BACKGROUND)
    page.paste(image, (0, 0))
    return page


def _inset(frame: np.ndarray, row, side: int, text: str) -> Image.Image:
    """Enlarge the window round a detection to side x side pixels."""
    window, (x0, y0) = crop(frame, row.x, row.y, _INSET_PX)
    scale = max(1, side // max(window.shape))
    image = enlarge(to_grey8(window, *grey_range(window)), scale)
    draw_mark(image, (row.x - x0, row.y - y0, row.w, row.h), row.category, scale)
    tile = _page(image, image.width).resize((side, side), Image.Resampling.NEAREST)
    colour = pictures.COLOURS[row.category]
    draw_text(ImageDraw.Draw(tile), (8, 6), text, max(14, side // 14), colour)
    return tile
