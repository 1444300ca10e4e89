"""Tracks drawn over frames: a picture of a sequence's tracks, and a film of one of them.

In come raw frames and the points of tracks; out come SVG markup and an animated WebP image. A
target is orange with round points, an interference blue with square ones; a gap, where the track
goes on without a detection, is dashed.

    name = longest(tracks.points)               # the track to show
    picture(sequence, points, frame)            # all tracks of the sequence over one frame
    film(sequence, points, name).animation      # bytes
"""

import io
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from PIL import Image, ImageDraw

from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import Sequence
from dimjax.drawing import pictures
from dimjax.report.crops import png

MOST_BYTES = 1_000_000  # of a film; as text in a page a third more
MOST_FRAMES = 40  # of a film
MOST_DRAWN = 50  # tracks in a picture
SCALE = 4  # by which a film is enlarged

_WINDOW_PX = 112  # height and width of what a film shows
_RIM_PX = 12.0  # from the track to the window's border
_FRAME_MS = 160
_TEXT_PX = 16
_LEAST_RING_PX = 3.0


class Film(NamedTuple):
    """A few frames of a track, enlarged."""

    animation: bytes  # WebP without loss: a dim target would not survive a lossy one
    still: Image.Image  # its last frame
    first: int  # frame of the sequence
    last: int
    step: int  # frames from one image to the next


def longest(points: pd.DataFrame) -> str | None:
    """The confirmed track over the most frames, one of a target if there is any.

    Args:
      points: See dimjax.tracks.POINT_TYPES.
    """
    sure = points[points.confirmed]
    if sure.empty:
        return None
    own = sure.groupby("track").agg(
        category=("category", "first"), frames=("frame", "size"), evidence=("evidence", "first")
    )
    own = own.assign(is_target=own.category == CATEGORIES[0])
    by = ["is_target", "frames", "evidence"]
    return own.sort_values(by, ascending=False, kind="stable").index[0]


def picture(sequence: Sequence, points: pd.DataFrame, frame: int) -> Markup:
    """A frame, and over it the tracks of its sequence in all frames; numbered if confirmed.

    Args:
      sequence: Of the frame.
      points: Of the sequence's tracks; the MOST_DRAWN longest are drawn.
      frame: Number of the frame.
    """
    grey = sequence.frame(frame)
    height, width = grey.shape
    image = png(pictures.grey8(grey, *pictures.grey_range(grey)))
    drawn = points.track.value_counts().index[:MOST_DRAWN]
    lines = [_lines(points[points.track == name]) for name in drawn]
    confirmed = points[points.confirmed & points.track.isin(drawn)]
    names = [_name(own.iloc[-1], width) for _, own in confirmed.groupby("track")]
    return Markup(
        f'<svg class="paths" viewBox="0 0 {width} {height}" role="img">'
        f'<image href="{image}" width="{width}" height="{height}"/>'
        f"{''.join(lines)}{''.join(names)}</svg>"
    )


def film(sequence: Sequence, points: pd.DataFrame, name: str) -> Film:
    """Up to MOST_FRAMES frames of a track and the confirmed ones near it, as they come.

    Of a track that is too long or goes too far for one window, the part with most frames, those
    of gaps twice counted, is shown.
    """
    track = points[points.track == name].sort_values("frame")
    track = track.iloc[_part(track[["x", "y"]].to_numpy(), track.detected.to_numpy())]
    points = points[points.confirmed]
    middle = (track[["x", "y"]].max() + track[["x", "y"]].min()) / 2
    frames = track.frame.tolist()
    windows, origin = [], (0, 0)
    for t in frames:
        window, origin = pictures.crop(sequence.frame(t), middle.x, middle.y, _WINDOW_PX)
        windows.append(window)
    limits = pictures.grey_range(np.stack(windows))
    images = [
        _drawn(pictures.grey8(window, *limits), points, name, t, origin)
        for window, t in zip(windows, frames, strict=True)
    ]
    step, animation = 1, _animated(images, 1)
    while len(animation) > MOST_BYTES and step < len(images):
        step *= 2
        animation = _animated(images[::step], step)
    return Film(animation, images[-1], frames[0], frames[-1], step)


def number_of(track: str) -> str:
    """A track's name without that of its sequence."""
    return track.rsplit("/", 1)[-1]


def _lines(own: pd.DataFrame) -> str:
    """A track as markup: what was detected, gaps, and a point at each detection."""
    at = [f"{row.x:.1f} {row.y:.1f}" for row in own.itertuples()]
    seen = own.detected.tolist()
    shapes, last = {"solid": "", "gap": "", "dots": ""}, ""
    for k in range(1, len(at)):
        style = "solid" if seen[k - 1] and seen[k] else "gap"
        shapes[style] += f"L{at[k]}" if style == last else f"M{at[k - 1]}L{at[k]}"
        last = style
    shapes["dots"] = "".join(f"M{at[k]}h0" for k in range(len(at)) if seen[k])
    drawn = [(style, shape) for style, shape in shapes.items() if shape]
    under = "".join(f'<path class="under {style}" d="{shape}"/>' for style, shape in drawn)
    over = "".join(f'<path class="{style}" d="{shape}"/>' for style, shape in drawn)
    sure = "sure" if own.confirmed.iloc[0] else "doubtful"
    return f'<g class="{own.category.iloc[0]} {sure}">{under}{over}</g>'


def _name(point, width: int) -> str:
    """The number of a track beside its last point."""
    size, left = width / 45, point.x > 0.94 * width
    x, anchor = point.x + (-0.6 * size if left else 0.6 * size), "end" if left else "start"
    y = max(point.y - 0.6 * size, size / 2)
    place = f'x="{x:.1f}" y="{y:.1f}" dy=".35em" font-size="{size:.1f}"'
    return f'<text {place} text-anchor="{anchor}">{escape(number_of(point.track))}</text>'


def _part(xy: np.ndarray, detected: np.ndarray) -> slice:
    """The part of a track that a film shows: it fits into one window."""
    best, part = 0, slice(0, 1)
    for start in range(len(xy)):
        some = xy[start : start + MOST_FRAMES]
        extent = np.maximum.accumulate(some) - np.minimum.accumulate(some)
        length = int((extent <= _WINDOW_PX - 2 * _RIM_PX).all(axis=1).sum())
        worth = length + int((~detected[start : start + length]).sum())
        if worth > best:
            best, part = worth, slice(start, start + length)
    return part


def _drawn(grey: np.ndarray, points: pd.DataFrame, name: str, t: int, origin) -> Image.Image:
    """A window enlarged, with the tracks so far and marks where they are now."""
    image = pictures.enlarged(grey, SCALE)
    draw = ImageDraw.Draw(image)
    points = points.assign(x=points.x - origin[0], y=points.y - origin[1])
    alive = points[points.frame == t]
    for row in alive.itertuples():
        _trail(draw, points[(points.track == row.track) & (points.frame <= t)])
        if row.detected:
            box, number = (row.x, row.y, row.w, row.h), number_of(row.track)
            pictures.mark(image, box, row.category, SCALE, number, _TEXT_PX)
        else:
            _ring(draw, row)
    seen = alive[alive.track == name].detected.all()
    text = f"frame {t}" if seen else f"frame {t}, gap"
    pictures.labelled(draw, (8, 6), text, _TEXT_PX)
    return image


def _trail(draw: ImageDraw.ImageDraw, own: pd.DataFrame) -> None:
    """Where a track was, up to the mark of where it is; through a gap, a dash a frame."""
    xy, seen = own[["x", "y"]].to_numpy(), own.detected.to_numpy()
    margin = own[["w", "h"]].iloc[-1].to_numpy() / 2 + pictures.MARGIN_PX
    outside = (np.abs(xy - xy[-1]) >= margin).any(axis=1)
    for k in range(1, len(xy)):
        if outside[k]:
            a, b = SCALE * xy[k - 1], SCALE * xy[k]
            if not (seen[k - 1] and seen[k]):
                a, b = a + 0.25 * (b - a), b - 0.25 * (b - a)
            draw.line((*a, *b), pictures.COLOURS[own.category.iloc[0]], 2)


def _ring(draw: ImageDraw.ImageDraw, row) -> None:
    """A dashed ring round the place where a track passes a gap, three sigmas wide."""
    radius = SCALE * max(3 * row.sigma_px, _LEAST_RING_PX + max(row.w, row.h) / 2)
    x, y = SCALE * row.x, SCALE * row.y
    box = (x - radius, y - radius, x + radius, y + radius)
    for start in range(0, 360, 45):
        draw.arc(box, start, start + 26, pictures.COLOURS[row.category], 3)


def _animated(images: list[Image.Image], step: int) -> bytes:
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=_FRAME_MS * step,
        loop=0,
        lossless=True,
        method=2,
    )
    return buffer.getvalue()
