import numpy as np
import pandas as pd
import pytest

from dimjax.data.scr import measure_scr, scr
from dimjax.data.sequences import as_sequence


def _frame() -> np.ndarray:
    """A checkerboard of 90 and 110, mean 100 and sigma 10, and a target of 150."""
    rows, columns = np.indices((40, 60))
    frame = np.where((rows + columns) % 2, 110, 90).astype(np.uint16)
    frame[10, 41] = 150
    return frame


def test_scr_worked_by_hand():
    # The box contains the nine pixels around row 10, column 41.
    assert scr(_frame(), 41.5, 10.5, 3, 3) == pytest.approx(5.0, rel=0.02)


def test_a_dark_target_has_the_same_scr():
    frame = _frame()
    frame[10, 41] = 50
    assert scr(frame, 41.5, 10.5, 3, 3) == pytest.approx(5.0, rel=0.02)


def test_a_box_beyond_the_frame_is_clipped():
    assert np.isfinite(scr(_frame(), 0.2, 39.8, 5, 5))


def test_a_flat_background_has_quantisation_noise():
    frame = np.full((20, 20), 7, np.uint8)
    frame[4, 5] = 8
    assert scr(frame, 5.5, 4.5, 1, 1) == pytest.approx(np.sqrt(12))


def test_each_label_is_measured_in_its_own_frame():
    frames = np.stack([np.full((40, 60), 100, np.uint16), _frame()])
    labels = pd.DataFrame(
        {"sequence": "a", "frame": [1, 0], "x": 41.5, "y": 10.5, "w": 3.0, "h": 3.0}, index=[7, 3]
    )
    measured = measure_scr(labels, lambda name: as_sequence(frames, name))
    assert measured[7] == pytest.approx(5.0, rel=0.02) and measured[3] == 0.0
