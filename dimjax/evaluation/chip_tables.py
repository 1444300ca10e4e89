"""Tables of the labels and truths in chips, in chip coordinates."""

import numpy as np
import pandas as pd

from dimjax.chips import examples
from dimjax.chips.cutting import lies_in_chip
from dimjax.coordinates import frame_to_chip
from dimjax.data.labels import CATEGORIES


def chip_labels(data: examples.Examples) -> pd.DataFrame:
    """Tabulate the labels of examples in chip coordinates; frame is the example's index."""
    index, slot = np.nonzero(data.category >= 0)
    x, y, w, h = data.boxes[index, slot].astype(float).T
    category = np.array(CATEGORIES, object)[data.category[index, slot]]
    columns = {"sequence": "chips", "frame": index, "x": x, "y": y, "w": w, "h": h}
    return pd.DataFrame({**columns, "category": category})


def chip_truth(data: examples.Examples, truth: pd.DataFrame, chip_px: int) -> pd.DataFrame:
    """Tabulate the truths whose centre lies in a chip, as chip_labels does labels.

    Args:
      data: Examples.
      truth: Truth table in frame coordinates.
      chip_px: Height and width of a chip, pixels.
    """
    x0, y0 = data.origin.T
    chips = {"sequence": data.sequence, "frame": data.frame, "chip": range(len(data))}
    pairs = truth.merge(pd.DataFrame({**chips, "x0": x0, "y0": y0}), on=["sequence", "frame"])
    box = ["x", "y", "w", "h"]
    pairs[box] = frame_to_chip(pairs[box].to_numpy(), pairs[["x0", "y0"]].to_numpy())
    inside = lies_in_chip(pairs[box].to_numpy(), 0, 0, chip_px)
    return pairs[inside].assign(sequence="chips", frame=pairs.chip)[list(truth.columns)]
