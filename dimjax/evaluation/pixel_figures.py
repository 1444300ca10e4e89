"""Pd and Fa in pixels, as other codes of the field count them, from boxes drawn as masks.

    pixel_figures(truth, detections, {"flight3": (120, 512, 640)})[0]["basicirstd"]["fa"]

Targets and detections are drawn as squares or boxes. Touching pixels (8 neighbours) form a blob.

- basicirstd: in raster order, each target takes the first free blob whose centre is nearer than
  3 px. Fa counts the pixels of the blobs that were not taken.
- dnanet: the same, but Fa leaves out blobs of the same area as one in the frame that was taken.
- dtum: a target is detected if a pixel lies within 1 px of one of its pixels. Fa counts the pixels
  farther than 4 px from all targets, both along the rows and columns.

Pd is the share of the true blobs that are detected, Fa the share of all pixels that are false. The
rules are those of XinyiYing/BasicIRSTD at 95650c3 (metrics.py), of DNANet in
YeRen123455/Infrared-Small-Target-Detection at e837b08 (model/metric.py) and of
TinaLRJ/Multi-frame-infrared-small-target-detection-DTUM at 1b8c310 (ShootingRules.py). DTUM's
neighbourhoods vanish at the top and left rim of a frame; here they are cut.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from dimjax.data.label_writing import box_pixels
from dimjax.evaluation.slices import must_be_found

MASKS = {"1 px": 1, "3x3 px": 3, "box": None}  # width and height of a drawn target; None: its own
_MATCH_PX = 3.0
_HIT_PX = 1.0
_CLEAR_PX = 4.0
_FRAME_GAP = 16  # pixels between frames that lie side by side: more than _CLEAR_PX


class Blobs(NamedTuple):
    """Groups of touching pixels in the masks of many frames, in raster order."""

    pixels: np.ndarray  # [N, 3] int: number of the frame, y, x
    blob: np.ndarray  # [N] number of the pixel's blob
    frame: np.ndarray  # [B] number of the frame
    centre: np.ndarray  # [B, 2] mean y, x of the pixels
    area: np.ndarray  # [B] pixels


def pixel_figures(
    truth: pd.DataFrame, detections: pd.DataFrame, shapes: Mapping[str, tuple[int, int, int]]
) -> list[dict]:
    """Compute Pd and Fa of the targets by three rules, for each way to draw masks.

    Args:
      truth: Label table. Truths with visible < MIN_VISIBLE are not drawn: a mask has no optional
        targets, so a detection of one of them is false.
      detections: Accepted detections, with columns sequence, frame, x, y, w, h, category.
      shapes: Sequence -> frames, height, width.

    Returns:
      For each of MASKS: mask, its name; truths, the number of blobs; and for each of RULES pd, None
      without truths, and fa.
    """
    truth = truth[(truth.category == "target") & must_be_found(truth)]
    detections = detections[detections.category == "target"]
    total = sum(frames * height * width for frames, height, width in shapes.values())
    rows = []
    for mask, size in MASKS.items():
        truths, counts = _count(truth, detections, shapes, size)
        figures = {
            rule: {"pd": int(hits) / truths if truths else None, "fa": int(false) / total}
            for rule, (hits, false) in zip(RULES, counts, strict=True)
        }
        rows.append({"mask": mask, "truths": truths, **figures})
    return rows


def connect(pixels: np.ndarray) -> Blobs:
    """Group touching pixels of the same frame.

    Args:
      pixels: [N, 3] int: number of the frame, y, x; in any order.
    """
    pixels = np.unique(pixels.reshape(-1, 3), axis=0)
    pairs = _tree(pixels).query_pairs(1, p=np.inf, output_type="ndarray")
    joined = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(pixels), len(pixels)))
    blob = connected_components(joined, directed=False)[1] if len(pixels) else np.zeros(0, int)
    _, first, blob = np.unique(blob, return_index=True, return_inverse=True)
    blob = np.argsort(np.argsort(first))[blob]  # by the first pixel in raster order
    area = np.bincount(blob)
    sums = [np.bincount(blob, pixels[:, k]) for k in (1, 2)]
    centre = np.stack(sums, axis=1) / area[:, None]
    return Blobs(pixels, blob, pixels[np.sort(first), 0], centre, area)


def count_basicirstd(truth: Blobs, detected: Blobs) -> tuple[int, int]:
    """Return the number of detected targets and of false pixels as BasicIRSTD counts them."""
    taken = _match(truth, detected)
    return int(taken.sum()), int(detected.area[~taken].sum())


def count_dnanet(truth: Blobs, detected: Blobs) -> tuple[int, int]:
    """Return the number of detected targets and of false pixels as DNANet counts them."""
    taken = _match(truth, detected)
    sizes = pd.MultiIndex.from_arrays([detected.frame, detected.area])
    return int(taken.sum()), int(detected.area[~sizes.isin(sizes[taken])].sum())


def count_dtum(truth: Blobs, detected: Blobs) -> tuple[int, int]:
    """Return the number of detected targets and of false pixels as DTUM counts them."""
    if not len(detected.area) or not len(truth.area):
        return 0, len(detected.pixels)
    distance, _ = _tree(truth.pixels).query(_apart(detected.pixels), p=np.inf)
    nearest, _ = _tree(detected.pixels).query(_apart(truth.pixels), p=np.inf)
    hits = np.unique(truth.blob[nearest <= _HIT_PX])
    return len(hits), int(np.count_nonzero(distance > _CLEAR_PX))


RULES = {"basicirstd": count_basicirstd, "dnanet": count_dnanet, "dtum": count_dtum}


def _count(truth, detections, shapes: Mapping, size: int | None) -> tuple[int, np.ndarray]:
    """Number of true blobs, and detected targets and false pixels by rule [R, 2]."""
    truths, counts = 0, np.zeros((len(RULES), 2), int)
    for sequence, shape in shapes.items():
        tables = (table[table.sequence == sequence] for table in (truth, detections))
        blobs = [connect(_draw(table, shape, size)) for table in tables]
        counts += [rule(*blobs) for rule in RULES.values()]
        truths += len(blobs[0].area)
    return truths, counts


def _draw(table: pd.DataFrame, shape: tuple[int, int, int], size: int | None) -> np.ndarray:
    """Pixels [N, 3] of the objects of one sequence, each a square of a size or its box."""
    pixels = [np.zeros((0, 3), int)]
    for row in table.itertuples():
        rows, columns = (
            box_pixels(centre, own) if size is None else _square(centre, size)
            for centre, own in ((row.y, row.h), (row.x, row.w))
        )
        grid = np.mgrid[row.frame : row.frame + 1, rows, columns].reshape(3, -1).T
        pixels.append(grid[((grid >= 0) & (grid < shape)).all(axis=1)])
    return np.concatenate(pixels)


def _square(centre: float, size: int) -> slice:
    middle = int(np.floor(centre))
    return slice(middle - size // 2, middle + size // 2 + 1)


def _apart(pixels: np.ndarray) -> np.ndarray:
    """Pixels as points: those of different frames are farther apart than any distance in use."""
    return pixels * (_FRAME_GAP, 1, 1)


def _tree(pixels: np.ndarray) -> cKDTree:
    return cKDTree(_apart(pixels))


def _match(truth: Blobs, detected: Blobs) -> np.ndarray:
    """Whether each detected blob [B] is the first free one near a target, in raster order."""
    taken = np.zeros(len(detected.area), bool)
    starts = np.searchsorted(detected.frame, (truth.frame, truth.frame + 1))
    for centre, low, high in zip(truth.centre, *starts, strict=True):
        distance = np.hypot(*(detected.centre[low:high] - centre).T)
        near = np.flatnonzero((distance < _MATCH_PX) & ~taken[low:high])
        taken[low + near[:1]] = True
    return taken
