"""Errors planted into labels before a training, so that a search for errors can be calibrated.

In come the labels as they are; out comes a table of what is changed, and the labels with it. The
errors are those of the careless annotator: the four kinds, in runs of a few frames. They are never
shown to a reviewer and never reach the ledger.

    planted = plant(labels, frames_of, share=0.02, rng=np.random.default_rng(0))
    trained = apply(labels, planted)            # index: the labels' ids, negative for false labels
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.data.labels import COLUMNS
from dimjax.sky import ErrorRates, annotate

PLANTED_COLUMNS = ("kind", "label", *COLUMNS)
KIND_OF = {
    "unlabelled": "unlabelled_target",
    "position": "wrong_position",
    "category": "wrong_category",
    "background": "labelled_background",
}

_LEAST = 10  # errors of each kind, if that is
_MOST = 0.03  # of the labels or less: the network is trained with them
_FALSE_PX = 3.0  # width and height of false labels


def plant(
    labels: pd.DataFrame,
    frames_of: Callable[[str], np.ndarray],
    share: float,
    rng: np.random.Generator,
    snr: np.ndarray | float = 1.0,
) -> pd.DataFrame:
    """Choose the errors.

    Args:
      labels: Label table; its index holds the labels' ids.
      frames_of: Gives the frames [T, H, W] of a sequence by its name.
      share: Of all labels; a quarter to each kind. 10 of each kind at least, unless that were
        more than 3 % of the labels.
      rng: Source of all choices.
      snr: [N] how far each label stands out, above 0: people overlook what is dim.

    Returns:
      Table with PLANTED_COLUMNS, a row for each error: kind as suspects name it, label (its id,
      negative for a false label), and the label as it is trained on, or for an unlabelled target
      the label that is taken away.

    Raises:
      InputError: The share is too large, or there is too little clutter for so many errors.
    """
    rate = max(share / 4, min(_LEAST / max(len(labels), 1), _MOST))
    # A label without a track stands alone: an error of it touches no other.
    alone = pd.Series([f"alone {k}" for k in range(len(labels))], labels.index, dtype="str")
    named = labels.assign(track=labels.track.where(labels.track != "", alone))
    seen = named.assign(snr=snr, visible=1.0)
    _, errors = annotate(seen, frames_of, ErrorRates(*[rate] * 4), rng)
    place = ["sequence", "frame", "true_x", "true_y", "true_category"]
    own = labels.reset_index(names="label")[["label", "sequence", "frame", "x", "y", "category"]]
    own = own.set_axis(["label", *place], axis=1)
    errors = errors.merge(own, "left", on=place)
    false = errors.kind == "background"
    errors.loc[false, "label"] = -np.arange(1, false.sum() + 1)
    errors = errors.astype({"label": "int64"})
    before = labels.reindex(errors.label).reset_index(drop=True)
    filled = {"w": _FALSE_PX, "h": _FALSE_PX, "track": "", "source": "planted"}
    columns = {name: before[name].fillna(value) for name, value in filled.items()}
    planted = errors.assign(kind=errors.kind.map(KIND_OF), **columns)
    return planted[list(PLANTED_COLUMNS)]


def read(path: Path) -> pd.DataFrame:
    """What was planted, from the file that a round keeps."""
    texts = {name: "str" for name in ("kind", "sequence", "category", "track", "source")}
    return pd.read_csv(path, dtype=texts, keep_default_na=False)


def apply(labels: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """The labels with the planted errors, ordered by sequence and frame."""
    of_kind = {kind: planted[planted.kind == kind].set_index("label") for kind in KIND_OF.values()}
    labels = labels.drop(of_kind["unlabelled_target"].index).copy()
    for kind, columns in (("wrong_position", ["x", "y"]), ("wrong_category", ["category"])):
        changed = of_kind[kind]
        labels.loc[changed.index, columns] = changed[columns]
    labels = pd.concat([labels, of_kind["labelled_background"][list(COLUMNS)]])
    labels.index.name = "label"
    return labels.sort_values(["sequence", "frame"], kind="stable")
