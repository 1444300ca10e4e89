"""Planted errors: their number and kinds, and that nothing else changes."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from dimjax.label_noise.planting import KIND_OF, apply, plant

FRAMES = np.random.default_rng(0).normal(1000, 30, (60, 96, 128)).astype(np.uint16)


def _labels(tracks: bool = True) -> pd.DataFrame:
    """Labels of four objects in 60 frames, with ids from 11."""
    rows = [
        ("a", t, 20.0 + 25 * k, 15.0 + t, 3.0, 3.0, "target", f"t{k}" if tracks else "", "person")
        for t in range(60)
        for k in range(4)
    ]
    columns = ["sequence", "frame", "x", "y", "w", "h", "category", "track", "source"]
    return pd.DataFrame(rows, columns=columns, index=pd.RangeIndex(11, 251, name="label"))


def _planted(labels, seed=0, share=0.2):
    return plant(labels, lambda name: FRAMES, share, np.random.default_rng(seed))


def test_each_kind_gets_its_quarter():
    planted = _planted(_labels())
    kinds = ["labelled_background", "unlabelled_target", "wrong_category", "wrong_position"]
    assert planted.kind.value_counts().to_dict() == dict.fromkeys(kinds, 12)
    assert planted.label.is_unique
    pd.testing.assert_frame_equal(planted, _planted(_labels()))
    assert not planted.equals(_planted(_labels(), seed=1))


@pytest.mark.parametrize("tracks", [True, False])
def test_only_planted_labels_change(tracks):
    labels = _labels(tracks)
    planted = _planted(labels)
    trained = apply(labels, planted)
    of_kind = {kind: rows.set_index("label") for kind, rows in planted.groupby("kind")}
    removed = of_kind["unlabelled_target"].index
    assert set(trained.index) == (set(labels.index) - set(removed)) | set(range(-12, 0))
    before = labels.drop(removed)
    now = trained.loc[before.index]
    moved = np.hypot(now.x - before.x, now.y - before.y)
    assert set(before.index[moved > 0]) == set(of_kind["wrong_position"].index)
    assert moved[moved > 0].between(0.9, 4.1).all()
    swapped = before.index[(now.category != before.category).to_numpy()]
    assert set(swapped) == set(of_kind["wrong_category"].index)
    assert (trained.loc[range(-12, 0)].source == "planted").all()
    assert (now.track == before.track).all() and (now.source == "person").all()


def test_labels_without_a_track_get_single_errors():
    planted = _planted(_labels(tracks=False))
    rows = planted[planted.kind == "wrong_position"]
    moved = rows.set_index("label")[["x", "y"]] - _labels().loc[rows.label, ["x", "y"]]
    # A run shares one displacement.
    assert not moved.round(3).duplicated().any() and len(moved) == 12


def test_dim_targets_are_overlooked():
    labels = _labels(tracks=False)
    snr = np.where(labels.x == 20.0, 1.0, 20.0)  # one of the four objects is dim
    planted = plant(labels, lambda name: FRAMES, 0.2, np.random.default_rng(0), snr)
    overlooked = planted[planted.kind == "unlabelled_target"]
    assert (overlooked.x == 20.0).mean() > 0.8
    evenly = _planted(labels)
    assert (evenly[evenly.kind == "unlabelled_target"].x == 20.0).mean() < 0.6


def test_without_planted_errors_the_labels_stay():
    labels = _labels()
    nothing = _planted(labels).iloc[:0]
    pd.testing.assert_frame_equal(apply(labels, nothing), labels)


@pytest.mark.parametrize(("count", "share", "each"), [(240, 0.02, 7), (240, 0.2, 12), (10, 0.2, 0)])
def test_the_share_of_planted_errors_is_limited(count, share, each):
    planted = _planted(_labels().head(count), share=share)
    assert planted.kind.value_counts().reindex(KIND_OF.values(), fill_value=0).eq(each).all()


def test_at_least_ten_errors_of_each_kind_are_planted():
    labels = pd.concat([_labels().assign(sequence=name) for name in "abcd"])
    labels.index = pd.RangeIndex(1, len(labels) + 1, name="label")
    assert _planted(labels, share=0.004).kind.value_counts().eq(10).all()


def test_label_noise_does_not_load_jax():
    code = "import sys, dimjax.label_noise.planting; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
