"""Crops: hits, misses and false alarms, each with what the network saw of it.

In come the truths and detections of the sequences that were searched; out come choices of them
and, for each, its four frames and three differences as SVG that enlarges without smoothing.

    chosen = choose(truth, found, thresholds, match_px=3.0)
    chosen["miss"]                               # table: sequence, frame, x, y, score, snr
    draw(sequence, row, marks, stride=1)
"""

import base64
import io

import numpy as np
import pandas as pd
from markupsafe import Markup
from PIL import Image

from dimjax.data.sequences import Sequence, measure_scale
from dimjax.drawing import pictures
from dimjax.drawing.pictures import crop
from dimjax.evaluation.figures import LEAST_VISIBLE, outcome_of

KINDS = ("hit", "miss", "false alarm")
CROP_PX = 32

_EACH = 6  # crops of a kind
_PLACE_PX = 16.0  # false alarms of one place this large are one cause, shown once
_GAP_PX = 2
_NEAR_PX = 10.0
_COLUMNS = ["sequence", "frame", "x", "y", "score", "snr"]


def choose(
    truth: pd.DataFrame, found: pd.DataFrame, thresholds: dict[str, float], match_px: float
) -> dict[str, pd.DataFrame]:
    """A few hits and misses over the range of the SNR, and the strongest false alarms, of targets.

    Args:
      truth: Label table of the sequences searched; snr and visible are used where they are there.
      found: All detections.
      thresholds: Category -> score from which on a detection is accepted.
      match_px: A detection nearer to a truth than this is a hit.

    Returns:
      For each of KINDS a table with sequence, frame, x, y, score, snr, spread over sequences.
      The score of a miss is that of the detection too weak to be accepted, NaN without one.
    """
    outcome, truths, own = outcome_of(truth, found, "target", match_px)
    own = own.assign(snr=np.nan)
    accepted = outcome.score >= thresholds["target"]
    alarms = own.iloc[outcome.detection[accepted & ~outcome.hit]]
    truths = truths.assign(score=np.nan, snr=truths.get("snr", np.nan))
    scores = truths.score.to_numpy(copy=True)
    scores[outcome.truth[outcome.hit]] = outcome.score[outcome.hit]
    truths = truths.assign(score=scores)
    if "visible" in truths:
        truths = truths[truths.visible >= LEAST_VISIBLE]
    is_hit = truths.score >= thresholds["target"]
    return {
        "hit": _over_range(truths[is_hit])[_COLUMNS],
        "miss": _over_range(truths[~is_hit])[_COLUMNS],
        "false alarm": _strongest(alarms)[_COLUMNS],
    }


def draw(sequence: Sequence, row, marks: list[tuple], stride: int) -> dict:
    """F1..F4 and F1-F2, F1-F3, F1-F4 of a place side by side, with marks.

    Args:
      sequence: Of the row.
      row: Has frame, x and y.
      marks: Kind ("truth", "detection" or "asked"), category, x, y, w, h of all there is in the
        frame.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.

    Returns:
      svg; low and high, the grey levels shown black and white; most, the difference in grey
      levels shown white; sigma, the noise of one frame in grey levels.
    """
    clip, (x0, y0) = crop(sequence.clip(row.frame, stride), row.x, row.y, CROP_PX)
    sigma = measure_scale(sequence).noise_sigma
    tiles = pictures.tiles(clip, sigma)
    height, width = clip.shape[1:]
    marked = Markup("").join(_mark(*mark, x0, y0, width, height) for mark in marks)
    parts = []
    for k, tile in enumerate(tiles.images.values()):
        parts.append(
            f'<svg x="{_shift(k, width)}" width="{width}" height="{height}">'
            f'<image href="{png(tile)}" width="{width}" height="{height}"/>'
            f"{'' if 1 <= k <= 3 else marked}</svg>"  # in F2..F4 the target is elsewhere
        )
    view = f"0 0 {_shift(7, width) - _GAP_PX} {height}"
    svg = Markup(f'<svg class="crops" viewBox="{view}" role="img">{"".join(parts)}</svg>')
    return {"svg": svg, "low": tiles.low, "high": tiles.high, "most": tiles.most, "sigma": sigma}


def marks(kind: str, table: pd.DataFrame) -> list[tuple]:
    """Marks of one kind for draw; the table has category, x, y, w, h."""
    return [(kind, it.category, it.x, it.y, it.w, it.h) for it in table.itertuples()]


def nearest(row, truth: pd.DataFrame) -> str:
    """What there is near a place of a frame, in words; truth is that of the frame."""
    distance = np.hypot(truth.x - row.x, truth.y - row.y).to_numpy()
    if not len(distance) or distance.min() > _NEAR_PX:
        return f"no truth within {_NEAR_PX:g} px"
    k = int(distance.argmin())
    return f"{truth.category.iloc[k]} {distance[k]:.1f} px away"


def heads() -> Markup:
    """Names of the columns, over crops of full size."""
    texts = []
    for k, name in enumerate(("F1", "F2", "F3", "F4", "F1 - F2", "F1 - F3", "F1 - F4")):
        shift = _shift(k, CROP_PX) + CROP_PX / 2
        texts.append(f'<text x="{shift}" y="4" text-anchor="middle">{name}</text>')
    view = f"0 0 {_shift(7, CROP_PX) - _GAP_PX} 5.5"
    return Markup(f'<svg class="heads" viewBox="{view}">{"".join(texts)}</svg>')


def _shift(k: int, width: int) -> int:
    """Where tile k begins; frames and differences stand a little apart."""
    return k * (width + _GAP_PX) + (_GAP_PX if k >= 4 else 0)


def _over_range(truths: pd.DataFrame) -> pd.DataFrame:
    """By rising SNR one of each sixth, from the sequence that was taken from least."""
    ordered = truths.sort_values(["snr", "sequence", "frame"], kind="stable")
    taken, chosen = dict.fromkeys(ordered.sequence, 0), []
    for part in np.array_split(np.arange(len(ordered)), _EACH):
        if len(part):
            names = ordered.sequence.iloc[part].tolist()
            best = min(range(len(part)), key=lambda k: (taken[names[k]], abs(k - len(part) // 2)))
            taken[names[best]] += 1
            chosen.append(part[best])
    return ordered.iloc[chosen]


def _strongest(alarms: pd.DataFrame) -> pd.DataFrame:
    """By falling score, one of a place, of all sequences alike."""
    ordered = alarms.sort_values("score", ascending=False, kind="stable")
    places = (ordered[["x", "y"]] // _PLACE_PX).assign(sequence=ordered.sequence)
    ordered = ordered[~places.duplicated()]
    turn = ordered.groupby("sequence").cumcount()
    first = ordered.assign(turn=turn).sort_values("turn", kind="stable").head(_EACH)
    return first.sort_values("score", ascending=False, kind="stable")


def _mark(
    kind: str, category: str, x, y, w, h, x0: int, y0: int, width: int, height: int
) -> Markup:
    """Ticks towards a truth, a box round a detection, a ring round what is asked about.

    Nothing for what lies outside.
    """
    x, y = x - x0, y - y0
    if not (0 <= x < width and 0 <= y < height):
        return Markup("")
    half = max(w, h) / 2 + 2.5
    if kind == "detection":
        path = f"M{x - half:.2f} {y - half:.2f}h{2 * half:.2f}v{2 * half:.2f}h{-2 * half:.2f}z"
    elif kind == "asked":
        r = half + 4.0
        path = f"M{x - r:.2f} {y:.2f}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"
    else:
        near, far = half - 1.0, half + 3.0
        path = "".join(
            f"M{x + near * dx:.2f} {y + near * dy:.2f}L{x + far * dx:.2f} {y + far * dy:.2f}"
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
        )
    return Markup(f'<path class="{kind} {category}" d="{path}"/>')


def png(grey: np.ndarray) -> str:
    """A grey image [H, W] uint8 as a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
