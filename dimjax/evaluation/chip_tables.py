"""Labels and truths of chips as tables."""

import numpy as np
import pandas as pd

from dimjax.chips import examples
from dimjax.coordinates import frame_to_chip
from dimjax.data.labels import CATEGORIES


def chip_labels(data: examples.Examples) -> pd.DataFrame:
    """The labels of examples as a table in chip coordinates; frame is the example's index."""
    index, slot = np.nonzero(data.category >= 0)
    x, y, w, h = data.boxes[index, slot].astype(float).T
    category = np.array(CATEGORIES, object)[data.category[index, slot]]
    columns = {"sequence": "chips", "frame": index, "x": x, "y": y, "w": w, "h": h}
    return pd.DataFrame({**columns, "category": category})


def chip_truth(data: examples.Examples, truth: pd.DataFrame, chip_px: int) -> pd.DataFrame:
    """The truths whose centre lies in a chip, as a table like that of chip_labels."""
    x0, y0 = data.origin.T
    chips = {"sequence": data.sequence, "frame": data.frame, "chip": range(len(data))}
    pairs = truth.merge(pd.DataFrame({**chips, "x0": x0, "y0": y0}), on=["sequence", "frame"])
    box = ["x", "y", "w", "h"]
    pairs[box] = frame_to_chip(pairs[box].to_numpy(), pairs[["x0", "y0"]].to_numpy())
    inside = pairs[["x", "y"]].ge(0).all(axis=1) & pairs[["x", "y"]].lt(chip_px).all(axis=1)
    return pairs[inside].assign(sequence="chips", frame=pairs.chip)[list(truth.columns)]
