"""Detection in sequences with motion evidence: the same as window by window."""

import evidence_chips
import jax
import numpy as np
import pandas as pd
import pytest
from evidence_chips import LENGTH
from random_networks import random_detector

from dimjax.data.scale import measure_scale
from dimjax.data.sequences import as_sequence
from dimjax.detection import inference
from dimjax.detection.inference import detect_in_sequence
from dimjax.errors import InputError
from dimjax.motion import EvidenceConfig, window_evidence, window_of

SETTINGS = EvidenceConfig(frames=4, stride=2, speed_px=2.0, box_px=15, reference="last")
NUMBERS = ["x", "y", "w", "h", "score"]


@pytest.fixture(scope="module")
def detector():
    return random_detector(input="single+evidence", evidence=SETTINGS._asdict())


@pytest.fixture(scope="module")
def sequence():
    return as_sequence(evidence_chips.moving_target(), "moving")


@pytest.fixture(autouse=True)
def three_frames_per_call(monkeypatch):
    monkeypatch.setattr(inference, "PIXELS_PER_CALL", 3 * 40 * 57)


@pytest.fixture
def table(detector, sequence):
    return detect_in_sequence(detector, sequence)


def test_each_frame_has_the_detections_of_its_own_window(detector, sequence, table):
    scale = np.array([measure_scale(sequence)], np.float32)
    assert sorted(table.frame.unique()) == list(range(LENGTH))
    for t, rows in table.groupby("frame"):
        window = window_of(t, LENGTH, SETTINGS)
        frames = np.stack([sequence.frame(k) for k in window.frames])[None]
        evidence = window_evidence(frames, scale[:, 0], scale[:, 1], window, SETTINGS)
        clip = sequence.clip(t, 1)[None]
        detections = jax.device_get(detector.detect(detector.variables, clip, scale, evidence))
        boxes, score = detections.boxes[0], detections.score[0]
        inside = (
            (score >= 0.01) & (boxes[:, 0] < 57) & (boxes[:, 1] < 40) & (boxes[:, :2] >= 0).all(1)
        )
        expected = np.column_stack([boxes, score])[inside]
        np.testing.assert_allclose(rows[NUMBERS], expected, rtol=1e-3, atol=1e-3)


def test_some_frames_have_the_rows_of_all_frames(detector, sequence, table):
    chosen = [0, 3, 7, 8]  # a call of three and a padded one
    some = detect_in_sequence(detector, sequence, chosen)
    expected = table[table.frame.isin(chosen)].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, expected)
    assert some.frame.value_counts()[8] < len(some)


def test_no_frames_have_no_rows(detector, sequence):
    assert detect_in_sequence(detector, sequence, []).empty


def test_a_sequence_shorter_than_the_window_is_refused(detector):
    short = as_sequence(evidence_chips.moving_target(length=7), "short")
    rule = "sequence short: evidence of 4 frames, stride 2, needs 8 frames or more; found 7"
    with pytest.raises(InputError, match=rule):
        detect_in_sequence(detector, short)
