"""False labels: on the brightest clutter, which they follow over a few frames.

table = false_labels(truth, frames_of, quota, rng)
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import ndimage

from dimjax.errors import InputError

RUN_FRAMES = (3, 7)  # shortest run of one error, and one more than the longest

_BOX_PX = 3.0
_APART_PX = 6.0  # smallest distance of a false label from objects and other false labels
_BRIGHTEST = 30  # a label is put on one of this many brightest clutter points of a frame
_WINDOW_PX = 24  # half side of the window in which clutter is followed
_MAX_FAILURES = 100  # draws in a row without a free location


def false_labels(
    truth: pd.DataFrame,
    frames_of: Callable[[str], np.ndarray],
    quota: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Label clutter: `quota` rows with the columns of a label table.

    Args:
      truth: Truth table; no false label lies near one of its rows, hidden ones included.
      frames_of: Returns the frames [T, H, W] of a sequence by its name.
      quota: Number of rows.
      rng: Source of all random choices.

    Raises:
      InputError: The frames have too little clutter for the quota.
    """
    taken = {key: table[["x", "y"]].values for key, table in truth.groupby(["sequence", "frame"])}
    names, numbers = truth.sequence.unique(), _next_numbers(truth)
    rows, failures = [], 0
    while len(rows) < quota:
        name = names[rng.integers(len(names))]
        longest = min(quota - len(rows), int(rng.integers(*RUN_FRAMES)))
        run = _false_run(name, frames_of(name), taken, longest, rng)
        failures = 0 if run else failures + 1
        if failures == _MAX_FAILURES:
            raise InputError(
                "error rate `background`",
                f"needs clutter for {quota} false labels",
                f"room for {len(rows)}",
                "Lower the rate or simulate larger frames.",
            )
        # People mostly take clutter for a target, and give the track a usual name.
        category, kind = ("target", "target") if rng.random() < 0.8 else ("interference", "glint")
        track = f"{kind}-{numbers[name]}"
        numbers[name] += 1
        rows += [(*label, category, track) for label in run]
    table = pd.DataFrame(rows, columns=["sequence", "frame", "x", "y", "category", "track"])
    table = table.assign(w=_BOX_PX, h=_BOX_PX, source="annotator")
    return table.astype(truth.dtypes[table.columns])


def _false_run(name: str, frames: np.ndarray, taken: dict, longest: int, rng) -> list[tuple]:
    """Draw a false label that follows clutter: sequence, frame, x, y in each of a few frames.

    `taken` is updated in place.
    """
    first = int(rng.integers(len(frames)))
    points = _clutter(frames[first])
    points = points[_far_from(points, taken.get((name, first)))][:_BRIGHTEST]
    run = []
    if len(points):
        centre = points[rng.integers(len(points))]
        for frame in range(first, min(first + longest, len(frames))):
            centre = _follow(frames[frame], centre) if run else centre
            others = taken.get((name, frame), np.empty((0, 2)))
            if not _far_from(centre[None], others)[0]:
                break
            taken[name, frame] = np.vstack([others, centre])
            run.append((name, frame, *centre))
    return run


def _clutter(frame: np.ndarray) -> np.ndarray:
    """Centres [N, 2] = x, y of the local maxima of a difference of Gaussians, brightest first."""
    response = _difference_of_gaussians(frame)
    peaks = (response == ndimage.maximum_filter(response, 9)) & (response > 0)
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-response[rows, columns], kind="stable")
    return np.stack([columns, rows], axis=-1)[order] + 0.5


def _follow(frame: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Position of the clutter at `centre` one frame later: the best response within 2 pixels."""
    column, row = centre.astype(int)
    top, left = max(row - _WINDOW_PX, 0), max(column - _WINDOW_PX, 0)
    window = frame[top : row + _WINDOW_PX + 1, left : column + _WINDOW_PX + 1]
    response = _difference_of_gaussians(window)
    rows, columns = np.ogrid[: window.shape[0], : window.shape[1]]
    near = (abs(rows - (row - top)) <= 2) & (abs(columns - (column - left)) <= 2)
    best = np.unravel_index(np.where(near, response, -np.inf).argmax(), window.shape)
    return np.array([best[1] + left, best[0] + top]) + 0.5


def _difference_of_gaussians(image: np.ndarray) -> np.ndarray:
    image = image.astype(np.float32)
    return ndimage.gaussian_filter(image, 1.0) - ndimage.gaussian_filter(image, 3.0)


def _far_from(points: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """Whether each point is at least _APART_PX away from all others."""
    if others is None or len(others) == 0:
        return np.ones(len(points), bool)
    distance = np.linalg.norm(points[:, None] - others, axis=-1)
    return distance.min(axis=1) >= _APART_PX


def _next_numbers(truth: pd.DataFrame) -> dict[str, int]:
    """For each sequence, a number above those in its track names."""
    number = truth.track.str.extract(r"(\d+)$", expand=False).fillna("0").astype(int)
    return (number.groupby(truth.sequence).max() + 1).to_dict()
