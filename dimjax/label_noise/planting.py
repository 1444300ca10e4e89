"""Errors planted into labels before a training, to calibrate the search for errors.

The errors are those of the careless annotator: four kinds, in runs of a few frames. They are never
shown to a reviewer and never enter the ledger.

    planted = plant(labels, frames_of, share=0.02, rng=np.random.default_rng(0))
    trained = apply(labels, planted)            # index: the labels' ids, negative for false labels
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.data.csv_files import read_own_table
from dimjax.data.labels import COLUMNS
from dimjax.label_noise.annotator import ErrorRates, annotate

PLANTED_COLUMNS = ("kind", "label", *COLUMNS)
KIND_OF = {
    "unlabelled": "unlabelled_target",
    "position": "wrong_position",
    "category": "wrong_category",
    "background": "labelled_background",
}

_MIN_PER_KIND = 10  # errors, unless they would exceed _MAX_SHARE
_MAX_SHARE = 0.03  # of the labels for each kind: the network is trained with these errors
_FALSE_PX = 3.0  # width and height of false labels


def plant(
    labels: pd.DataFrame,
    frames_of: Callable[[str], np.ndarray],
    share: float,
    rng: np.random.Generator,
    snr: np.ndarray | float = 1.0,
) -> pd.DataFrame:
    """Choose the errors to plant.

    Args:
      labels: Label table; its index holds the labels' ids.
      frames_of: Returns the frames [T, H, W] of a sequence by its name.
      share: Number of errors as a share of all labels, a quarter for each kind. At least 10 errors
        of each kind are planted, or 3 % of the labels if that is less.
      rng: Source of all random choices.
      snr: [N] contrast of each label, above 0: people overlook dim targets.

    Returns:
      Table with PLANTED_COLUMNS, a row for each error: its kind as in dimjax.suspects, label (the
      label's id, negative for a false label), and the label that is trained on, or for an
      unlabelled target the label that is removed.

    Raises:
      InputError: The share is too large, or there is too little clutter for the false labels.
    """
    rate = max(share / 4, min(_MIN_PER_KIND / max(len(labels), 1), _MAX_SHARE))
    # A label without a track name forms a track of its own: its error touches no other label.
    single = pd.Series([f"alone {k}" for k in range(len(labels))], labels.index, dtype="str")
    named = labels.assign(track=labels.track.where(labels.track != "", single))
    truth = named.assign(snr=snr, visible=1.0)
    _, errors = annotate(truth, frames_of, ErrorRates(*[rate] * 4), rng)
    errors = errors.merge(_ids(labels), "left")
    false = errors.kind == "background"
    errors.loc[false, "label"] = -np.arange(1, false.sum() + 1)
    errors = errors.astype({"label": "int64"})
    before = labels.reindex(errors.label).reset_index(drop=True)
    defaults = {"w": _FALSE_PX, "h": _FALSE_PX, "track": "", "source": "planted"}
    columns = {name: before[name].fillna(value) for name, value in defaults.items()}
    planted = errors.assign(kind=errors.kind.map(KIND_OF), **columns)
    return planted[list(PLANTED_COLUMNS)]


def read(path: Path) -> pd.DataFrame:
    """Read the planted errors of a round."""
    texts = ("kind", "sequence", "category", "track", "source")
    numbers = {"label": "int64", "frame": "int64", **dict.fromkeys("xywh", "float64")}
    return read_own_table(path, texts, list(numbers)).astype(numbers)


def apply(labels: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """Plant errors into labels; the result is ordered by sequence and frame."""
    of_kind = {kind: planted[planted.kind == kind].set_index("label") for kind in KIND_OF.values()}
    labels = labels.drop(of_kind["unlabelled_target"].index).copy()
    for kind, columns in (("wrong_position", ["x", "y"]), ("wrong_category", ["category"])):
        changed = of_kind[kind]
        labels.loc[changed.index, columns] = changed[columns]
    labels = pd.concat([labels, of_kind["labelled_background"][list(COLUMNS)]])
    labels.index.name = "label"
    return labels.sort_values(["sequence", "frame"], kind="stable")


def _ids(labels: pd.DataFrame) -> pd.DataFrame:
    """Ids of the labels, by the true values of an error record."""
    names = {"x": "true_x", "y": "true_y", "category": "true_category"}
    ids = labels.reset_index(names="label")[["label", "sequence", "frame", *names]]
    return ids.rename(columns=names)
