"""Whether boxes of two corners end with their last pixel or behind it, by the spots at the labels.

last_pixels(evidence, layout)       # "the boxes seem to end with their last pixels, ..." or None
"""

import numpy as np
import pandas as pd

from dimjax.data.formats import FORMATS
from dimjax.data.label_readings import describe, offset
from dimjax.data.layouts import Layout

FEWEST = 20  # labels that can tell

_HALF = 0.5  # of a pixel: offset of the centre of a box without its last pixels
_TOLERANCE_PX = 0.15
_MAX_ERROR_PX = 0.05  # standard error of the median offset
_LARGEST_PX = 10.0  # diagonal of boxes whose centre is that of the spot


def last_pixels(evidence: pd.DataFrame, layout: Layout) -> str | None:
    """Return the note on boxes from pixel 0 that seem to end with their last pixels, or None.

    Args:
      evidence: Tables of dimjax.data.label_evidence.measure_sequence.
      layout: Layout that the labels were read with.
    """
    is_open = FORMATS[layout.label_format].is_inclusive and not layout.box_end
    if not is_open or layout.first_pixel != 0 or len(evidence) < FEWEST:
        return None
    centre, spread = offset(evidence)
    error = spread / np.sqrt(len(evidence))
    is_large = np.hypot(evidence.w, evidence.h).median() > _LARGEST_PX
    if (
        is_large
        or error > _MAX_ERROR_PX
        or np.abs(np.subtract(centre, _HALF)).max() > _TOLERANCE_PX
    ):
        return None
    text = f"the boxes seem to end with their last pixels: {describe(evidence)}"
    return f"{text}; data.layout.box_end=inclusive says so"
