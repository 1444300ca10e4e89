"""Planted errors: known, of the four kinds, and taken back exactly."""

import numpy as np
import pandas as pd
import pytest

from dimjax.label_noise.planting import KIND_OF, apply, plant

FRAMES = np.random.default_rng(0).normal(1000, 30, (60, 96, 128)).astype(np.uint16)


def _labels(tracks: bool = True) -> pd.DataFrame:
    """Four objects in 60 frames, ids from 11."""
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
def test_what_is_planted_is_all_that_changes(tracks):
    labels = _labels(tracks)
    planted = _planted(labels)
    trained = apply(labels, planted)
    of_kind = {kind: rows.set_index("label") for kind, rows in planted.groupby("kind")}
    taken = of_kind["unlabelled_target"].index
    assert set(trained.index) == (set(labels.index) - set(taken)) | set(range(-12, 0))
    both = labels.drop(taken)
    now = trained.loc[both.index]
    moved = np.hypot(now.x - both.x, now.y - both.y)
    assert set(both.index[moved > 0]) == set(of_kind["wrong_position"].index)
    assert moved[moved > 0].between(0.9, 4.1).all()
    other = both.index[(now.category != both.category).to_numpy()]
    assert set(other) == set(of_kind["wrong_category"].index)
    assert (trained.loc[range(-12, 0)].source == "planted").all()
    assert (now.track == both.track).all() and (now.source == "person").all()


def test_errors_of_labels_without_a_track_are_single():
    planted = _planted(_labels(tracks=False))
    place = planted[planted.kind == "wrong_position"].sort_values(["x", "frame"])
    # Runs would share one displacement.
    assert place.label.nunique() == 12


def test_what_is_dim_is_overlooked():
    labels = _labels(tracks=False)
    snr = np.where(labels.x == 20.0, 1.0, 20.0)  # one of the four objects is dim
    planted = plant(labels, lambda name: FRAMES, 0.2, np.random.default_rng(0), snr)
    overlooked = planted[planted.kind == "unlabelled_target"]
    assert (overlooked.x == 20.0).mean() > 0.8
    evenly = _planted(labels)
    assert (evenly[evenly.kind == "unlabelled_target"].x == 20.0).mean() < 0.6


def test_a_record_of_nothing_leaves_the_labels_as_they_are():
    labels = _labels()
    nothing = _planted(labels).iloc[:0]
    pd.testing.assert_frame_equal(apply(labels, nothing), labels)


@pytest.mark.parametrize(("count", "share", "each"), [(240, 0.02, 7), (240, 0.2, 12), (10, 0.2, 0)])
def test_few_labels_are_not_spoiled_for_the_calibration(count, share, each):
    planted = _planted(_labels().head(count), share=share)
    assert planted.kind.value_counts().reindex(KIND_OF.values(), fill_value=0).eq(each).all()


def test_of_many_labels_ten_of_each_kind_are_spoiled_at_least():
    labels = pd.concat([_labels().assign(sequence=name) for name in "abcd"])
    labels.index = pd.RangeIndex(1, len(labels) + 1, name="label")
    assert _planted(labels, share=0.004).kind.value_counts().eq(10).all()
