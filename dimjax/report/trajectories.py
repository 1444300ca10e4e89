"""Tracks drawn over frames: the tracks of a sequence in one picture, and an animation of one track.

A target is orange with round points, an interference blue with square ones. A gap, frames that the
track passes without a detection, is dashed.

    name = longest_track(tracks.points)
    draw_tracks(sequence, points, frame)        # all tracks of the sequence over one frame
    animate(sequence, points, name).webp        # bytes
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
from dimjax.drawing.data_uri import grey_uri

MAX_BYTES = 1_000_000  # of an animation; a third more as text in a page
MAX_FRAMES = 40  # of an animation
MAX_TRACKS = 50  # in a picture
SCALE = 4  # enlargement of an animation

_WINDOW_PX = 112  # height and width of the part of a frame that an animation shows
_RIM_PX = 12.0  # from the track to the border of the window
_FRAME_MS = 160
_TEXT_PX = 16
_MIN_RING_PX = 3.0


class Animation(NamedTuple):
    """A few enlarged frames of a track."""

    webp: bytes  # lossless: a lossy animation would lose a dim target
    still: Image.Image  # its last frame
    first: int  # frame of the sequence
    last: int
    step: int  # frames from one image to the next


def longest_track(points: pd.DataFrame) -> str | None:
    """Return the confirmed track with the most frames, one of a target if there is any.

    Args:
      points: Points of tracks, see dimjax.tracks.POINT_TYPES.
    """
    confirmed = points[points.confirmed]
    if confirmed.empty:
        return None
    tracks = confirmed.groupby("track").agg(
        category=("category", "first"),
        frames=("frame", "size"),
        ratio=("log_likelihood_ratio", "first"),
    )
    tracks = tracks.assign(is_target=tracks.category == CATEGORIES[0])
    by = ["is_target", "frames", "ratio"]
    return tracks.sort_values(by, ascending=False, kind="stable").index[0]


def draw_tracks(sequence: Sequence, points: pd.DataFrame, frame: int) -> Markup:
    """Draw the tracks of a sequence in all frames over one frame; numbered if confirmed.

    Args:
      sequence: Sequence of the frame.
      points: Points of the sequence's tracks; the MAX_TRACKS longest are drawn.
      frame: Number of the frame.
    """
    grey = sequence.frame(frame)
    height, width = grey.shape
    image = grey_uri(pictures.to_grey8(grey, *pictures.grey_range(grey)))
    drawn = points.track.value_counts().index[:MAX_TRACKS]
    lines = [_lines(points[points.track == name]) for name in drawn]
    confirmed = points[points.confirmed & points.track.isin(drawn)]
    numbers = [_number(track.iloc[-1], width) for _, track in confirmed.groupby("track")]
    return Markup(
        f'<svg class="tracks" viewBox="0 0 {width} {height}" role="img">'
        f'<image href="{image}" width="{width}" height="{height}"/>'
        f"{''.join(lines)}{''.join(numbers)}</svg>"
    )


def animate(sequence: Sequence, points: pd.DataFrame, name: str) -> Animation:
    """Animate up to MAX_FRAMES frames of a track, with the confirmed tracks near it.

    Of a track that is too long or goes too far for one window, the part with the most frames is
    shown; frames of gaps count twice.

    Args:
      sequence: Sequence of the track.
      points: Points of the sequence's tracks.
      name: Name of the track.
    """
    track = points[points.track == name].sort_values("frame")
    track = track.iloc[best_part(track[["x", "y"]].to_numpy(), track.detected.to_numpy())]
    points = points[points.confirmed]
    middle = (track[["x", "y"]].max() + track[["x", "y"]].min()) / 2
    frames = track.frame.tolist()
    windows, origin = [], (0, 0)
    for t in frames:
        window, origin = pictures.crop(sequence.frame(t), middle.x, middle.y, _WINDOW_PX)
        windows.append(window)
    limits = pictures.grey_range(np.stack(windows))
    images = [
        _draw_window(pictures.to_grey8(window, *limits), points, name, t, origin)
        for window, t in zip(windows, frames, strict=True)
    ]
    step, webp = 1, _encode(images, 1)
    while len(webp) > MAX_BYTES and step < len(images):
        step *= 2
        webp = _encode(images[::step], step)
    return Animation(webp, images[-1], frames[0], frames[-1], step)


def track_number(track: str) -> str:
    """Return a track's name without that of its sequence."""
    return track.rsplit("/", 1)[-1]


def _lines(track: pd.DataFrame) -> str:
    """Draw a track as markup: solid lines, dashed gaps, and a point at each detection."""
    at = [f"{row.x:.1f} {row.y:.1f}" for row in track.itertuples()]
    detected = track.detected.tolist()
    shapes, last = {"solid": "", "gap": "", "dots": ""}, ""
    for k in range(1, len(at)):
        style = "solid" if detected[k - 1] and detected[k] else "gap"
        shapes[style] += f"L{at[k]}" if style == last else f"M{at[k - 1]}L{at[k]}"
        last = style
    shapes["dots"] = "".join(f"M{at[k]}h0" for k in range(len(at)) if detected[k])
    drawn = [(style, shape) for style, shape in shapes.items() if shape]
    under = "".join(f'<path class="under {style}" d="{shape}"/>' for style, shape in drawn)
    over = "".join(f'<path class="{style}" d="{shape}"/>' for style, shape in drawn)
    state = "confirmed" if track.confirmed.iloc[0] else "unconfirmed"
    return f'<g class="{track.category.iloc[0]} {state}">{under}{over}</g>'


def _number(point, width: int) -> str:
    """Write the number of a track beside its last point."""
    size, left = width / 45, point.x > 0.94 * width
    x, anchor = point.x + (-0.6 * size if left else 0.6 * size), "end" if left else "start"
    y = max(point.y - 0.6 * size, size / 2)
    position = f'x="{x:.1f}" y="{y:.1f}" dy=".35em" font-size="{size:.1f}"'
    return f'<text {position} text-anchor="{anchor}">{escape(track_number(point.track))}</text>'


def best_part(xy: np.ndarray, detected: np.ndarray) -> slice:
    """Choose the part of a track [N, 2] to animate, which fits into one window."""
    best, part = 0, slice(0, 1)
    for start in range(len(xy)):
        following = xy[start : start + MAX_FRAMES]
        extent = np.maximum.accumulate(following) - np.minimum.accumulate(following)
        length = int((extent <= _WINDOW_PX - 2 * _RIM_PX).all(axis=1).sum())
        value = length + int((~detected[start : start + length]).sum())
        if value > best:
            best, part = value, slice(start, start + length)
    return part


def _draw_window(grey: np.ndarray, points: pd.DataFrame, name: str, t: int, origin) -> Image.Image:
    """Enlarge a window; draw the tracks up to frame t, and marks at their current points."""
    image = pictures.enlarge(grey, SCALE)
    draw = ImageDraw.Draw(image)
    points = points.assign(x=points.x - origin[0], y=points.y - origin[1])
    current = points[points.frame == t]
    for row in current.itertuples():
        _draw_trail(draw, points[(points.track == row.track) & (points.frame <= t)])
        if row.detected:
            box, number = (row.x, row.y, row.w, row.h), track_number(row.track)
            pictures.draw_mark(image, box, row.category, SCALE, number, _TEXT_PX)
        else:
            _draw_ring(draw, row)
    is_detected = current[current.track == name].detected.all()
    text = f"frame {t}" if is_detected else f"frame {t}, gap"
    pictures.draw_text(draw, (8, 6), text, _TEXT_PX)
    return image


def _draw_trail(draw: ImageDraw.ImageDraw, track: pd.DataFrame) -> None:
    """Draw a track up to the mark of its last point; in a gap, one dash for each frame."""
    xy, detected = track[["x", "y"]].to_numpy(), track.detected.to_numpy()
    margin = track[["w", "h"]].iloc[-1].to_numpy() / 2 + pictures.MARGIN_PX
    is_outside = (np.abs(xy - xy[-1]) >= margin).any(axis=1)
    for k in range(1, len(xy)):
        if is_outside[k]:
            a, b = SCALE * xy[k - 1], SCALE * xy[k]
            if not (detected[k - 1] and detected[k]):
                a, b = a + 0.25 * (b - a), b - 0.25 * (b - a)
            draw.line((*a, *b), pictures.COLOURS[track.category.iloc[0]], 2)


def _draw_ring(draw: ImageDraw.ImageDraw, row) -> None:
    """Draw a dashed ring round the point of a track in a gap, with a radius of three sigmas."""
    radius = SCALE * max(3 * row.sigma_px, _MIN_RING_PX + max(row.w, row.h) / 2)
    x, y = SCALE * row.x, SCALE * row.y
    box = (x - radius, y - radius, x + radius, y + radius)
    for start in range(0, 360, 45):
        draw.arc(box, start, start + 26, pictures.COLOURS[row.category], 3)


def _encode(images: list[Image.Image], step: int) -> bytes:
    """Encode images, one in step frames, as an animated WebP."""
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
