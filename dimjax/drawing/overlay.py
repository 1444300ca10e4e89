"""Overlays: full frames with what was found in them, as pictures and as a video.

In come a sequence and its table of detections; out come Pillow images and an MP4 file.

    picture(sequence, 12, detections).save("frame12.png")
    explained(sequence, 12, detections, stride=1).save("found.png")     # with F1..F4, differences
    write_video("flight3.mp4", sequence, detections)
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from dimjax.data.sequences import Sequence, measure_scale
from dimjax.drawing import pictures
from dimjax.drawing.pictures import crop, enlarged, grey8, grey_range, labelled, mark

FRAMES_PER_SECOND = 10

_LONG_SIDE_PX = 1024  # of a picture, about
_ZOOM_PX = 32  # height and width of what an inset shows
_ZOOMS = 3
_GAP = 16


def picture(sequence: Sequence, t: int, detections: pd.DataFrame) -> Image.Image:
    """A frame with its detections, and beside it the strongest three enlarged.

    Args:
      sequence: Of the frame.
      t: Number of the frame.
      detections: Of the sequence, any frames: x, y, w, h, category, score.
    """
    frame, own = sequence.frame(t), _strongest_first(detections, t)
    image = _marked(frame, own, grey_range(frame))
    side = (image.height - _GAP * (_ZOOMS - 1)) // _ZOOMS
    page = _page(image, image.width + (_GAP + side if len(own) else 0))
    for k, row in enumerate(own.head(_ZOOMS).itertuples()):
        inset = _inset(frame, row, side, f"{k + 1}  {row.category} {row.score:.2f}")
        page.paste(inset, (image.width + _GAP, k * (side + _GAP)))
    labelled(ImageDraw.Draw(page), (10, 8), f"{sequence.name}  frame {t}", _text_px(image))
    return page


def explained(
    sequence: Sequence, t: int, detections: pd.DataFrame, stride: int, rank: int = 0
) -> Image.Image:
    """A frame with its detections, and one of them as the network sees it.

    Beside the frame stand F1..F4 and the differences F1-F2, F1-F3, F1-F4 of the detection of a
    rank (0 the strongest), cut at the same place of all frames.
    """
    own = _strongest_first(detections, t)
    frame = sequence.frame(t)
    image = _marked(frame, own, grey_range(frame))
    side = (image.height - 3 * _GAP) // 4
    page = _page(image, image.width + 2 * (_GAP + side))
    row = own.iloc[rank]
    clip, (x0, y0) = crop(sequence.clip(t, stride), row.x, row.y, _ZOOM_PX)
    tiles = pictures.tiles(clip, measure_scale(sequence).noise_sigma).images
    left, right = image.width + _GAP, image.width + 2 * _GAP + side
    for k, (name, grey) in enumerate(tiles.items()):
        tile = enlarged(grey, 1).resize((side, side), Image.Resampling.NEAREST)
        place = (left, k * (side + _GAP)) if k < 4 else (right, (k - 3) * (side + _GAP))
        labelled(ImageDraw.Draw(tile), (8, 6), name, _text_px(image))
        page.paste(tile, place)
    _explain(page, row, f"{rank + 1}  {row.category}", (right, 0), side, _text_px(image))
    return page


def write_video(
    path: str | Path,
    sequence: Sequence,
    detections: pd.DataFrame,
    progress: Callable[[Iterable], Iterable] = iter,
) -> None:
    """Write all frames with their detections as an H.264 MP4 of FRAMES_PER_SECOND.

    All frames are shown with one grey range, or a passing cloud would make the video flicker.

    Args:
      path: File to write.
      sequence: To show.
      detections: Of the sequence: frame, x, y, w, h, category, score.
      progress: Wraps the frame numbers, e.g. a progress bar.
    """
    spread = np.unique(np.linspace(0, len(sequence) - 1, 8).astype(int))
    limits = grey_range(np.stack([sequence.frame(int(t)) for t in spread]))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.pix_fmt = "yuv420p"
        for t in progress(range(len(sequence))):
            image = _marked(sequence.frame(t), _strongest_first(detections, t), limits, 0)
            image = image.crop((0, 0, *(size - size % 2 for size in image.size)))  # as H.264 wants
            if t == 0:
                stream.width, stream.height = image.size
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())


def _strongest_first(detections: pd.DataFrame, t: int) -> pd.DataFrame:
    own = detections[detections.frame == t]
    return own.sort_values("score", ascending=False, kind="stable")


def _marked(
    frame: np.ndarray, own: pd.DataFrame, limits: tuple, numbered: int = _ZOOMS
) -> Image.Image:
    scale = max(1, round(_LONG_SIDE_PX / max(frame.shape)))
    image = enlarged(grey8(frame, *limits), scale)
    for k, row in enumerate(own.itertuples()):
        number = f"{k + 1}  " if k < numbered else ""
        text = f"{number}{row.category} {row.score:.2f}"
        box = (row.x, row.y, row.w, row.h)
        mark(image, box, row.category, scale, text, _text_px(image))
    return image


def _text_px(image: Image.Image) -> int:
    return max(14, image.height // 36)


def _page(image: Image.Image, width: int) -> Image.Image:
    page = Image.new("RGB", (width, image.height), pictures.BACKGROUND)
    page.paste(image, (0, 0))
    return page


def _inset(frame: np.ndarray, row, side: int, text: str) -> Image.Image:
    window, (x0, y0) = crop(frame, row.x, row.y, _ZOOM_PX)
    scale = max(1, side // max(window.shape))
    image = enlarged(grey8(window, *grey_range(window)), scale)
    mark(image, (row.x - x0, row.y - y0, row.w, row.h), row.category, scale)
    tile = _page(image, image.width).resize((side, side), Image.Resampling.NEAREST)
    labelled(
        ImageDraw.Draw(tile), (8, 6), text, max(14, side // 14), pictures.COLOURS[row.category]
    )
    return tile


def _explain(page: Image.Image, row, name: str, place: tuple, side: int, text_px: int) -> None:
    """What stands beside F1: the detection that is shown."""
    draw = ImageDraw.Draw(page)
    lines = [name, f"score {row.score:.2f}", f"x {row.x:.1f} px", f"y {row.y:.1f} px"]
    for k, line in enumerate(lines):
        colour = pictures.COLOURS[row.category] if k == 0 else pictures.FOREGROUND
        y = place[1] + side // 2 + (k - 1.5) * 1.5 * text_px
        draw.text((place[0] + 8, y), line, colour, pictures.font(text_px), anchor="lm")
