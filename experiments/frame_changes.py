"""Frames changed as cameras, players and codecs change them, with the truths that they show."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.scale import measure_scale
from dimjax.data.sequences import Sequence, as_sequence

HEIGHT, WIDTH = 256, 320  # of the middle part of the frames, pixels
NAME = "changed"
_HZ = (3, 3, 4, 3)  # times that the frames of a 9 Hz camera are shown at 30 frames per second


class Changed(NamedTuple):
    """Changed frames, and the frames and pixels of the scene that they show."""

    frames: np.ndarray  # [N, H, W] uint8 or uint16
    shown: np.ndarray  # [N] number of the frame before the change; -1 for none
    rows: int = 0  # rows that were added above
    crf: int | None = None  # quality of an H.264 video of these frames, as of ffmpeg


def changes() -> dict[str, Callable[[np.ndarray], Changed]]:
    """Return the name of each change, and the function of raw frames [T, H, W] that makes it."""
    still = {
        "none": lambda it: it,
        "five dead columns": lambda it: _dead_columns(it, it.shape[2] // 5),
        "five columns that keep their first levels": _frozen_columns,
        "one dead column in five": lambda it: _dead_columns(it, 5),
        "12 bit in the upper part of 16": lambda it: (it >> 2) << 4,
        "drift by 7 levels per frame": lambda it: it + _column(7 * np.arange(len(it))),
        "round field of view, 0 outside": _round_field,
        "darker half of the levels clipped to 0": lambda it: np.maximum(it - np.median(it), 0),
    }
    for factor, offset in ((1, 0), (65, 0), (257, 0), (64, 1), (20, 1)):
        name = f"levels divided by 32, then times {factor} plus {offset}"
        still[name] = lambda it, a=factor, b=offset: it // 32 * a + b
    table = {name: lambda it, f=function: _as_changed(f(it)) for name, function in still.items()}
    table["black rows, 50 %"] = _letterbox
    table |= {f"each frame {name}": lambda it, r=r: _repeat(it, r) for name, r in _REPEATS.items()}
    table["one uniform frame"] = lambda it: _replace(it, [np.median(it)])
    table["one black frame"] = lambda it: _replace(it, [0])
    table["one white frame"] = lambda it: _replace(it, [65535])
    table["three frames of a noisy shutter"] = lambda it: _replace(it, _shutter(it))
    for crf in (10, 18, 23):
        name = f"8 bit, H.264, crf {crf}"
        table[name] = lambda it, c=crf: _as_changed(_to_8_bit(it))._replace(crf=c)
        for times, r in _REPEATS.items():
            if times != "twice":
                table[f"{name}, {times}"] = lambda it, c=crf, r=r: _repeat(_to_8_bit(it), r, c)
    return table


# Name -> times that the frames are shown, again and again.
_REPEATS = {"twice": (2,), "three times": (3,), "of 9 Hz in 30 per second": _HZ}
_REPEATS |= {"once, one in five twice": (1, 1, 1, 2)}


def _column(values: np.ndarray) -> np.ndarray:
    return values[:, None, None]


def _as_changed(frames: np.ndarray) -> Changed:
    dtype = frames.dtype if frames.dtype == np.uint8 else np.uint16
    return Changed(frames.astype(dtype), np.arange(len(frames)))


def _dead_columns(frames: np.ndarray, every: int) -> np.ndarray:
    return np.where(np.arange(frames.shape[2]) % every == every // 2, 7, frames)


def _frozen_columns(frames: np.ndarray) -> np.ndarray:
    every = frames.shape[2] // 5
    return np.where(np.arange(frames.shape[2]) % every == every // 2, frames[:1], frames)


def _round_field(frames: np.ndarray) -> np.ndarray:
    _, height, width = frames.shape
    y, x = np.ogrid[:height, :width]
    distance = np.hypot(x + 0.5 - width / 2, y + 0.5 - height / 2)
    return np.where(distance < 0.56 * height, frames, 0)


def _letterbox(frames: np.ndarray) -> Changed:
    """Add black rows above and below, half of the new frame."""
    rows = frames.shape[1] // 2
    changed = _as_changed(np.pad(frames, [(0, 0), (rows, rows), (0, 0)]))
    return changed._replace(rows=rows)


def _repeat(frames: np.ndarray, times: tuple[int, ...], crf: int | None = None) -> Changed:
    shown = np.repeat(np.arange(len(frames)), np.resize(times, len(frames)))
    return Changed(_as_changed(frames).frames[shown], shown, crf=crf)


def _replace(frames: np.ndarray, others) -> Changed:
    """Replace frames in the middle by others, [H, W] or a level each."""
    changed = _as_changed(frames.copy())
    first = len(frames) // 2
    for k, other in enumerate(others):
        changed.frames[first + k] = other
        changed.shown[first + k] = -1
    return changed


def _shutter(frames: np.ndarray) -> np.ndarray:
    """Three frames of a closed shutter, with the noise of the sequence."""
    level, sigma = measure_scale(as_sequence(_as_changed(frames).frames))
    rng = np.random.default_rng(0)
    return np.clip(rng.normal(level, sigma, (3, *frames.shape[1:])).round(), 0, 65535)


def _to_8_bit(frames: np.ndarray) -> np.ndarray:
    low, high = np.percentile(frames, [0.1, 99.9])  # as cameras stretch the contrast
    return np.clip((frames - low) * (255 / (high - low)), 0, 255).round().astype(np.uint8)


def middle(sequence: Sequence, truth: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Cut the middle of all frames, of even size; return it and the truths inside it."""
    _, height, width = sequence.shape
    h, w = min(HEIGHT, height) // 2 * 2, min(WIDTH, width) // 2 * 2
    top, left = (height - h) // 2, (width - w) // 2
    frames = np.stack([sequence.frame(t) for t in range(len(sequence))])
    truth = truth.assign(x=truth.x - left, y=truth.y - top, sequence=NAME)
    inside = truth.x.between(0, w, inclusive="left") & truth.y.between(0, h, inclusive="left")
    return frames[:, top : top + h, left : left + w].astype(np.int64), truth[inside]


def truth_of(changed: Changed, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the truths of changed frames: those of the frames that they show."""
    places = pd.DataFrame({"frame": changed.shown, "now": np.arange(len(changed.shown))})
    table = truth.merge(places, on="frame")
    return table.assign(frame=table.now, y=table.y + changed.rows).drop(columns="now")
