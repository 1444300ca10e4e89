"""The careless annotator: rates, runs and positions of its errors."""

import functools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dimjax.data.labels import COLUMNS as LABEL_COLUMNS
from dimjax.errors import InputError
from dimjax.label_noise import ErrorRates, annotate

COLUMNS = list(LABEL_COLUMNS)
FRAMES, HEIGHT, WIDTH = 30, 96, 128
NONE = ErrorRates(0.0, 0.0, 0.0, 0.0)
RATES = ErrorRates(unlabelled=0.08, position=0.06, category=0.05, background=0.04)


def make_truth():
    """Twenty targets, dim and bright, and ten flickering pixels in each of two sequences."""
    rng = np.random.default_rng(0)
    tables = []
    for sequence in ("a", "b"):
        for kind, category, count in (("target", "target", 20), ("flicker", "interference", 10)):
            for index in range(count):
                start, speed = rng.uniform((10, 10), (80, 60)), rng.uniform(0, 1, 2)
                path = start + np.arange(FRAMES)[:, None] * speed
                table = pd.DataFrame({"frame": np.arange(FRAMES), "x": path[:, 0]})
                table = table.assign(y=path[:, 1], track=f"{kind}-{index}", category=category)
                tables.append(table.assign(sequence=sequence, snr=3.0 if index % 2 else 12.0))
    truth = pd.concat(tables, ignore_index=True)
    truth = truth.assign(w=3.0, h=3.0, source="simulator", visible=1.0).round(4)
    truth.loc[truth.frame == 7, "visible"] = 0.4
    return truth.astype({"frame": np.int64})[[*COLUMNS, "snr", "visible"]]


@functools.cache
def frames_of(name):
    """Noise with one bright dot away from all objects, which moves to the right."""
    frames = np.random.default_rng(ord(name)).normal(1000, 5, (FRAMES, HEIGHT, WIDTH))
    for t in range(FRAMES):
        frames[t, 91, 20 + t] += 500
    return frames.astype(np.uint16)


TRUTH = make_truth()
VISIBLE = TRUTH[TRUTH.visible >= 0.5]
KEY = ["sequence", "frame", "track"]


def carelessly(rates=RATES, seed=0, truth=TRUTH):
    return annotate(truth, frames_of, rates, np.random.default_rng(seed))


def test_without_errors_the_labels_are_the_visible_truth():
    labels, errors = carelessly(NONE)
    expected = VISIBLE[COLUMNS].assign(source="annotator").sort_values(KEY, ignore_index=True)
    pd.testing.assert_frame_equal(labels, expected)
    assert len(errors) == 0


def test_the_same_generator_makes_the_same_errors():
    for first, second in zip(carelessly(), carelessly(), strict=True):
        pd.testing.assert_frame_equal(first, second)


@settings(max_examples=10, deadline=None)
@given(*(st.floats(0, 0.2) for _ in range(3)), st.integers(0, 99))
def test_each_kind_of_error_has_its_rate(unlabelled, position, category, seed):
    _, errors = carelessly(ErrorRates(unlabelled, position, category, 0.0), seed)
    counts = errors.kind.value_counts()
    for kind, rate in (("unlabelled", unlabelled), ("position", position), ("category", category)):
        assert counts.get(kind, 0) == round(rate * len(VISIBLE))


def test_all_errors_can_be_undone_from_the_record():
    labels, errors = carelessly()
    assert (errors.kind == "background").sum() == round(0.04 * len(VISIBLE))
    labels = labels.merge(errors[[*KEY, "kind", "true_x", "true_y", "true_category"]], "left", KEY)
    labels = labels[labels.kind != "background"]
    for name in ("x", "y", "category"):
        labels[name] = labels[name].where(labels.kind.isna(), labels[f"true_{name}"])
    missed = errors[errors.kind == "unlabelled"].merge(VISIBLE[[*KEY, "w", "h"]], on=KEY)
    repaired = pd.concat([labels, missed.assign(source="annotator")])[COLUMNS]
    expected = VISIBLE[COLUMNS].assign(source="annotator")
    pd.testing.assert_frame_equal(
        repaired.sort_values(KEY, ignore_index=True), expected.sort_values(KEY, ignore_index=True)
    )


def test_dim_targets_are_overlooked_more_often():
    _, errors = carelessly(NONE._replace(unlabelled=0.15))
    missed = errors.merge(VISIBLE, on=KEY)
    assert (missed.category_x == "target").all()
    assert (missed.snr == 3).sum() > 4 * (missed.snr == 12).sum()


def test_errors_run_over_consecutive_frames_of_one_track():
    _, errors = carelessly(NONE._replace(position=0.05))
    errors = errors.sort_values(["sequence", "track", "frame"])
    new = (errors.groupby(["sequence", "track"]).frame.diff() != 1).cumsum()
    assert errors.groupby(new).size().median() >= 3


def test_wrong_positions_are_one_to_four_pixels_off_and_inside_the_frame():
    edge = TRUTH.assign(x=TRUTH.x.where(TRUTH.track != "target-0", 127.9))
    labels, errors = carelessly(NONE._replace(position=0.5), truth=edge)
    distance = np.hypot(errors.x - errors.true_x, errors.y - errors.true_y)
    assert distance.between(0.999, 4.001).all()
    assert labels.x.between(0, WIDTH, "left").all() and labels.y.between(0, HEIGHT, "left").all()


def test_false_labels_follow_bright_clutter_away_from_objects():
    labels, errors = carelessly(NONE._replace(background=0.1))
    false = errors[errors.kind == "background"]
    assert len(labels) == len(VISIBLE) + len(false) and false.true_x.isna().all()
    on_dot = (abs(false.x - 20.5 - false.frame) < 1) & (abs(false.y - 91.5) < 1)
    assert on_dot.sum() >= 3
    pairs = false.merge(TRUTH, on=["sequence", "frame"])
    assert np.hypot(pairs.x_x - pairs.x_y, pairs.y_x - pairs.y_y).min() >= 6
    brightness = [frames_of(r.sequence)[r.frame, int(r.y), int(r.x)] for r in false.itertuples()]
    assert np.median(brightness) > 1005


def test_false_labels_have_new_tracks():
    _, errors = carelessly(NONE._replace(background=0.1))
    assert not set(zip(errors.sequence, errors.track, strict=True)) & set(
        zip(TRUTH.sequence, TRUTH.track, strict=True)
    )


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        (NONE._replace(position=1.5), "error rate `position`: must be between 0 and 1; found 1.5"),
        (NONE._replace(unlabelled=0.9), "must leave out no more than the 1160 labelled targets"),
        (ErrorRates(0.5, 0.4, 0.4, 0.0), r"unlabelled \+ position \+ category must be at most 1"),
        (NONE._replace(background=1.0), "error rate `background`: needs clutter for 1740 false"),
    ],
)
def test_impossible_rates_are_reported(rates, message):
    crowded = TRUTH
    if rates.background:
        grid = np.mgrid[3:HEIGHT:6, 3:WIDTH:6].reshape(2, -1)
        cells = pd.DataFrame({"x": grid[1], "y": grid[0]}).merge(
            TRUTH[["sequence", "frame"]].drop_duplicates(), "cross"
        )
        crowded = pd.concat([TRUTH, cells.assign(visible=0.0, track="", category="target")])
    with pytest.raises(InputError, match=message):
        carelessly(rates, truth=crowded)
