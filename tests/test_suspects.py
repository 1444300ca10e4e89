"""Suspects: measures worked out by hand, ranks, calibration, and the items they become."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax import ledger
from dimjax.data.labels import COLUMNS
from dimjax.ledger import Change
from dimjax.stages import refine
from dimjax.suspects import (
    known,
    link_labels,
    look,
    measure,
    propose,
    rank,
    seen_in,
    to_items,
    worst_kind,
)
from dimjax.suspects.frame_evidence import _left_of_noise
from dimjax.suspects.fusion import calibrated, cut_off, tail_features
from dimjax.suspects.measures import dynamics
from dimjax.tracks import Tracks, link

LOSSES = ("location", "confidence", "category", "total")


def _labels(*rows) -> pd.DataFrame:
    """Labels 1, 2, ... of sequence "a" from (frame, x, y, category, track)."""
    table = pd.DataFrame(rows, columns=["frame", "x", "y", "category", "track"])
    table = table.assign(sequence="a", w=3.0, h=3.0, source="person")[list(COLUMNS)]
    return table.set_index(pd.RangeIndex(1, len(rows) + 1, name="label"))


def _points(*rows) -> pd.DataFrame:
    """Points of track "a/0" from (frame, x, y, detected)."""
    table = pd.DataFrame(rows, columns=["frame", "x", "y", "detected"])
    same = {"sequence": "a", "track": "a/0", "category": "target", "w": 3.0, "h": 3.0}
    same |= {"sigma_px": 0.5, "target_share": 1.0, "confirmed": True}
    return table.assign(**same, score=0.9 * table.detected, evidence=20.0)


def _history(epochs: int, values: dict[int, tuple]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Losses and answers of one chip for each label row: (dx, dy, target, interference)."""
    losses, answers = [], []
    for epoch in range(epochs):
        for row, (dx, dy, target, interference) in values.items():
            place = {"id": f"chip-{row}", "sequence": "a", "frame": row}
            parts = dict(zip(LOSSES, (0.5, 0.25, 0.125, float(epoch)), strict=True))
            stray = {"stray_score": 0.5, "stray_x": 40.0, "stray_y": 30.0}
            losses.append({"epoch": epoch, **place, **parts, **stray})
            said = {"confidence": 1.0, "target": target, "interference": interference}
            where = {"epoch": epoch, "example": row, "label": row}
            answers.append({**where, **said, "dx": dx, "dy": dy})
    return pd.DataFrame(losses), pd.DataFrame(answers)


def _detections(*rows) -> pd.DataFrame:
    """Detections of sequence "a" from (frame, x, y, category, score, track)."""
    table = pd.DataFrame(rows, columns=["frame", "x", "y", "category", "score", "track"])
    return table.assign(sequence="a", w=3.0, h=3.0)


def test_measures_of_a_label_by_hand():
    labels = _labels((0, 10.0, 10.0, "target", "t"), (1, 12.0, 10.0, "interference", "t"))
    losses, answers = _history(10, {0: (3.0, 4.0, 2.0, -1.0), 1: (0.0, 0.0, 2.0, -1.0)})
    found = _detections((0, 13.0, 14.0, "interference", 0.8, ""))
    images = pd.DataFrame({"image_px": [0.0, 0.0], "image_difference": [2.0, 1.0]}, labels.index)
    points = _points((0, 13.0, 14.0, True), (1, 19.0, 14.0, False))
    paths = Tracks(
        labels.assign(track="l"), points.assign(track="l", x=[10.0, 12.0], y=[10.0, 10.5]), ()
    )
    table = measure(labels, losses, answers, Tracks(found, points, ()), paths, images)
    first, second = table.loc[1], table.loc[2]
    assert first.offset_px == 5.0 and first.offset_sigmas == pytest.approx(25.0)  # floor 0.2
    assert (first.category_margin, second.category_margin) == (3.0, -3.0)
    assert (first.location_loss, first.category_loss, first.last_loss) == (0.5, 0.125, 9.0)
    assert first.epochs == 8  # two of ten are the warm-up
    assert first.detection_px == 5.0 * 0.8 and first.detection_other == 0.8
    assert (first.track_px, first.track_sigmas, first.track_hits) == (5.0, 10.0, 1.0)
    assert second.detection_score == 0 and np.isnan(second.detection_px)
    assert np.isnan(second.track_px) and second.track_hits == 0
    # Both labels are of one path: each other label of it is of the other category.
    assert (first.path_other, second.path_other) == (1.0, 1.0)
    assert (first.path_px, second.path_px) == (0.0, 0.5)
    assert (first.path_margin, second.path_margin) == (3.0, -3.0)
    assert first.path_difference == pytest.approx(1.5 * np.sqrt(2))
    assert (first.path_labels, first.path_speed) == (2.0, np.hypot(2, 0.5))
    assert np.isnan(second.path_labels)  # interference is short-lived by its nature


def test_a_label_in_two_chips_has_their_mean_and_one_in_none_has_nothing():
    losses, answers = _history(5, {0: (2.0, 0.0, 1.0, 0.0), 1: (4.0, 0.0, 3.0, 0.0)})
    losses.loc[losses.id == "chip-1", "total"] = 10.0
    answers["label"] = 1
    table = dynamics(losses, answers, np.array([True, True, True]))
    assert table.loc[[0, 2]].isna().all(axis=None)
    assert table.loc[1, ["offset_px", "category_margin", "epochs"]].tolist() == [3.0, 2.0, 4.0]
    assert table.last_loss[1] == (4.0 + 10.0) / 2
    assert table.offset_sigmas[1] == pytest.approx(3.0 / 1.2)  # sigma of 2 and 4, floor 0.2


def test_labels_are_linked_whatever_their_tracks_are_called():
    rows = [(t, 10.0 + 3 * t, 20.0, "target", f"t{t}") for t in range(8) if t not in (3, 4)]
    labels = _labels(*rows)
    paths = link_labels(labels)
    assert paths.detections.index.equals(labels.index)
    assert paths.detections.track.nunique() == 1 and (paths.detections.track != "").all()
    gaps = paths.points[~paths.points.detected]
    assert gaps.frame.tolist() == [3, 4] and gaps.x.tolist() == pytest.approx([19, 22], abs=0.3)


def test_proposals_are_what_no_label_is_near():
    rows = [(t, 10.0 + 3 * t, 10.0, "target", "") for t in range(8) if t != 4]
    labels = _labels(*rows)
    losses, _ = _history(4, {0: (0, 0, 0, 0), 1: (0, 0, 0, 0)})
    points = _points((0, 12.0, 10.0, True), (1, 40.5, 30.0, True), (2, 60.0, 30.0, False))
    found = _detections(
        (0, 12.0, 10.0, "target", 0.9, "a/0"),
        (1, 80.0, 50.0, "target", 0.6, ""),
        (1, 90.0, 50.0, "interference", 0.6, ""),
        (1, 95.0, 50.0, "target", 0.01, ""),
    )
    outside = _points((5, 30.0, 70.0, False))
    tracks = Tracks(found, pd.concat([points, outside], ignore_index=True), ())
    shapes = {"a": (8, 64, 100)}
    table = propose(labels, losses, tracks, link_labels(labels), shapes, apart_px=6.0)
    assert table.frame.tolist() == [1, 2, 1, 4]
    assert table.x.tolist() == pytest.approx([40.5, 60.0, 80.0, 22.0], abs=0.3)
    assert table.labelled_share.tolist() == [1 / 4, 1 / 4, 0.0, 7 / 8]
    assert table.track_hits.tolist() == [2, 2, 0, 7]
    assert table.gap.tolist() == [0.0, 0.0, 0.0, 7 / 8]
    assert table.stray.isna().tolist() == [False, True, True, True] and table.stray[0] == 0.5


def test_labels_that_end_inside_the_frame_are_followed_on():
    rows = [(t, 10.0 + 10 * t, 20.0, "target", "") for t in range(3, 8)]
    rows += [(t, 50.0, 50.0, "target", "") for t in range(3, 6)]  # may be an error's run itself
    labels = _labels(*rows)
    losses, _ = _history(1, {0: (0, 0, 0, 0)})
    none = link(_detections())
    table = propose(labels, losses, none, link_labels(labels), {"a": (20, 64, 95)}, apart_px=6.0)
    table = table.sort_values("frame", ignore_index=True)
    assert table.frame.tolist() == [0, 1, 2, 8]  # at frame 9 it has left on the right
    assert table.x.tolist() == pytest.approx([10, 20, 30, 90], abs=0.5)
    assert table.gap.tolist() == [5 / 8, 5 / 7, 5 / 6, 5 / 6]
    assert set(table.track) == {"a/0 labels"} and (table.score == 0).all()


def test_what_is_dim_in_each_frame_stands_out_along_its_track():
    table = pd.DataFrame({"track": ["t", "", "t", "t", "t"]})
    images = pd.DataFrame({"image_snr": [2.7, 5.7, 3.7, 2.7, 3.7]})
    seen = seen_in(table, images)
    assert seen.image_snr.tolist() == images.image_snr.tolist()
    assert seen.track_snr.tolist() == pytest.approx([3.0, 4.0, 3.0, 3.0, 3.0])  # 1.5 * sqrt(4)


def test_the_tail_of_ranks():
    table = pd.DataFrame({"bad": [1.0, 3.0, 2.0, np.nan], "good": [1.0, 3.0, 2.0, 2.0]})
    features = tail_features(table, {"bad": 1, "good": -1})
    expected = -np.log(np.array([2.5, 0.5, 1.5]) / 3)
    np.testing.assert_allclose(features[:, 0], [*expected, 1.0])
    np.testing.assert_allclose(features[:, 1], -np.log(np.array([0.5, 3.5, 2, 2]) / 4))


def _planted_mixture(seed: int, errors: int = 100, planted: int = 40, right: int = 2000):
    """Features of which the first tells errors, the second nothing; planted and real errors."""
    rng = np.random.default_rng(seed)
    bad = np.arange(errors + planted + right) < errors + planted
    told = np.where(bad, rng.normal(4, 1, len(bad)), rng.normal(0, 1, len(bad)))
    table = pd.DataFrame({"told": told, "noise": rng.normal(size=len(bad))})
    known = np.arange(len(bad)) < planted
    return (
        tail_features(table, {"told": 1, "noise": 1}),
        known,
        bad,
        rng.integers(20, size=len(bad)),
    )


def test_probabilities_are_calibrated_from_planted_errors():
    features, planted, bad, groups = _planted_mixture(seed=1)
    probability = calibrated(features, planted, groups)
    real = ~planted
    assert probability.min() >= 0 and probability.max() <= 1
    # As many errors as are expected, and the probable ones are errors.
    assert probability[real].sum() == pytest.approx(bad[real].sum(), rel=0.4)
    assert bad[real][probability[real] > 0.9].mean() > 0.9
    cut = cut_off(probability, planted, found=0.9)
    assert (probability[planted] >= cut).mean() >= 0.9
    assert (probability[real & bad] >= cut).mean() > 0.8


@given(st.integers(0, 50))
def test_rows_of_the_same_features_are_as_probable_in_whatever_group(seed):
    features, planted, _, groups = _planted_mixture(seed, errors=5, planted=10, right=60)
    features[-2], groups[-2:] = features[-1], [0, 1]
    probability = calibrated(features, planted, groups)
    assert ((probability >= 0) & (probability <= 1)).all() and probability[-2] == probability[-1]


def test_a_planted_error_is_not_judged_by_what_only_its_own_group_tells():
    rng = np.random.default_rng(0)
    features, groups = rng.exponential(size=(200, 2)), np.arange(200) % 2
    planted, twins = np.arange(200) < 20, slice(20, 40)
    for group in (0, 1):  # what tells the errors of one group says nothing of the other's
        features[planted & (groups == group), group] = 6.0
    features[twins] = features[planted]
    probability = calibrated(features, planted, groups)
    assert probability[twins].mean() > 1.3 * probability[planted].mean()
    assert np.isfinite(calibrated(features, planted, np.zeros(200))).all()


def test_where_nothing_tells_the_planted_errors_all_rows_are_as_probable():
    features = np.random.default_rng(0).exponential(size=(60, 3))
    planted = features.max(axis=1) < 1.0  # the planted look the best
    assert planted.sum() > 5 and np.ptp(calibrated(features, planted, np.zeros(60))) == 0


def _ranked(count: int = 60):
    """Labels of which 5 of each kind are planted, and proposals likewise."""
    labels = _labels(*[(k, 20.0, 20.0, "target", "") for k in range(count)])
    rng = np.random.default_rng(0)
    kinds = np.repeat(["wrong_position", "wrong_category", "labelled_background", ""], 5)
    kinds = np.append(kinds, [""] * (count - 20))
    columns = ["offset_px", "offset_sigmas", "location_loss", "detection_px", "track_px"]
    columns += ["track_sigmas", "image_px", "category_margin", "category_loss"]
    columns += ["detection_other", "track_other", "path_other", "path_margin", "path_px"]
    columns += ["confidence_margin", "detection_score", "track_hits", "path_labels", "path_speed"]
    columns += ["path_difference", "image_snr", "last_loss"]
    columns += ["mean_dx", "mean_dy", "image_dx", "image_dy", "epochs"]
    measures = pd.DataFrame(rng.normal(size=(count, len(columns))), labels.index, columns)
    measures["track"] = ""
    measures.loc[kinds == "wrong_position", ["offset_px", "track_px", "image_px"]] += 9
    measures.loc[kinds == "wrong_category", ["category_margin"]] -= 9
    measures.loc[kinds == "labelled_background", ["confidence_margin", "image_snr"]] -= 9
    proposals = pd.DataFrame({"sequence": "a", "frame": range(count), "x": 50.0, "y": 50.0})
    names = ["score", "track_hits", "evidence", "labelled_share", "gap", "stray", "image_snr"]
    names += ["track_snr"]
    proposals[names] = rng.normal(size=(count, 8))
    proposals.loc[:5, ["score", "image_snr"]] += 9
    proposals = proposals.assign(w=3.0, h=3.0, track="")
    planted = pd.DataFrame(
        {"kind": kinds[kinds != ""], "label": labels.index[kinds != ""], "sequence": "a"}
    )
    removed = proposals[["sequence", "frame", "x", "y"]].head(5)
    removed = removed.assign(kind="unlabelled_target", label=range(900, 905))
    planted = pd.concat([planted, removed], ignore_index=True)
    return labels, measures, proposals, planted


def test_known_errors_are_found_among_labels_and_proposals():
    labels, measures, proposals, planted = _ranked()
    told = known(planted, labels, proposals, match_px=3.0)
    assert told.proposals.sum() == 5 and (told.labels != "").sum() == 15
    table = rank(labels, measures, proposals, told, found=0.9)
    best = worst_kind(table)
    assert best.label[best.label > 0].is_unique
    for kind, own in best[best.planted].groupby("kind"):
        right = planted[planted.kind == kind]
        assert kind == "unlabelled_target" or own.label.isin(right.label).mean() > 0.7


def test_of_a_kind_with_too_few_planted_errors_nothing_is_said():
    labels, measures, proposals, planted = _ranked()
    few = planted[planted.kind != "wrong_category"]
    table = rank(labels, measures, proposals, known(few, labels, proposals, 3.0))
    unknown = table[table.kind == "wrong_category"]
    assert (unknown.probability == 0).all() and unknown.cut_off.isna().all()
    assert table[table.kind == "wrong_position"].cut_off.notna().all()


def test_without_planted_errors_ranks_remain():
    labels, measures, proposals, _ = _ranked()
    table = rank(labels, measures, proposals)
    assert table.cut_off.isna().all() and not table.planted.any()
    worst = table[table.kind == "wrong_position"].label.head(5)
    assert worst.isin(range(1, 6)).sum() >= 4


def test_items_join_the_errors_of_a_track_and_a_ledger_takes_them(tmp_path):
    labels, measures, proposals, _ = _ranked()
    labels["track"] = "t"
    measures["mean_dx"], measures["mean_dy"] = -100.0, 2.0
    chosen = rank(labels, measures, proposals)
    runs = {"wrong_position": [1, 2, 4, 20], "wrong_category": [7], "labelled_background": [11]}
    parts = [chosen[(chosen.kind == k) & chosen.label.isin(rows)] for k, rows in runs.items()]
    parts.append(chosen[(chosen.label == 0) & (chosen.row == 3)])
    shapes = {"a": (60, 64, 64)}
    points = _points().assign(frame=[], x=[], y=[])
    items = to_items(pd.concat(parts), labels, measures, proposals, points, shapes)
    frames = sorted(tuple(place.frame for place in item.places) for item in items)
    assert frames == [(0, 1, 3), (3,), (6,), (10,), (19,)]
    fixes = {item.kind: item.places[0].fix for item in items}
    assert fixes["wrong_position"] == Change(label=20, x=0.0, y=22.0)  # not out of the frame
    assert fixes["wrong_category"] == Change(label=7, category="interference")
    assert fixes["labelled_background"] == Change(label=11, removed=True)
    assert fixes["unlabelled_target"][:4] == (None, "a", 3, 50.0)
    with ledger.begin(tmp_path / "ledger.sqlite", labels, shapes) as book:
        assert len(ledger.add_items(book, items, stage="refine")) == 5
    reasons = " | ".join(item.reason for item in items)
    assert "frames of one track" in reasons and "sigmas in the frames" in reasons


def test_a_proposal_at_the_rim_is_rounded_into_the_frame(tmp_path):
    labels, measures, proposals, _ = _ranked()
    proposals["x"], proposals["y"] = 63.997, -0.001
    chosen = rank(labels, measures, proposals)
    shapes, points = {"a": (60, 64, 64)}, _points().assign(frame=[], x=[], y=[])
    lone = chosen[(chosen.label == 0) & (chosen.row == 3)]
    items = to_items(lone, labels, measures, proposals, points, shapes)
    assert items[0].places[0].fix[:5] == (None, "a", 3, 63.99, 0.0)
    with ledger.begin(tmp_path / "ledger.sqlite", labels, shapes) as book:
        assert len(ledger.add_items(book, items, stage="refine")) == 1


class _Still:
    """A sequence of noise with a point at (20.5, 12.5) in frame 3 alone."""

    def clip(self, t: int, stride: int) -> np.ndarray:
        frames = np.random.default_rng(0).normal(1000, 5, (4, 40, 40))
        if t == 3:
            frames[0, 12, 20] += 200
        return frames


def test_the_frames_themselves_show_where_a_point_is(monkeypatch):
    monkeypatch.setattr("dimjax.suspects.frame_evidence.measure_scale", lambda s: s)
    _Still.noise_sigma = 5.0
    places = pd.DataFrame({"sequence": "a", "frame": [3, 3, 0], "x": [20.5, 18.5, 20.5], "y": 12.5})
    table = look(places, lambda name: _Still(), stride=1)
    assert table.image_px.tolist()[:2] == [0.0, 2.0] and table.image_dx[1] == 2.0
    # A pixel of 40 sigmas keeps the middle weight of the smoothing: 1 / 4.2 of it.
    middle = 40 / (np.sqrt(4 / 3) * _left_of_noise()) / 4.19
    assert table.image_snr[0] == pytest.approx(middle, rel=0.15)
    assert table.image_snr[2] < 5


def test_what_was_decided_before_is_not_shown_again():
    shown = pd.DataFrame({"label": [5, 6, 0, 0], "row": [4, 5, 0, 1]})
    proposals = pd.DataFrame({"sequence": "a", "frame": [2, 3], "x": [10.0, 40.0], "y": 9.0})
    reviewed = pd.DataFrame(
        {"label": [6, 0, 0], "sequence": "a", "frame": [9, 2, 2], "x": [1.0, 12.0, 40.0], "y": 9.0}
    )
    seen = refine._seen(shown, proposals, reviewed, match_px=3.0)
    assert seen.tolist() == [False, True, True, False]


def test_the_papers_way_is_the_last_loss_above_a_threshold():
    labels, measures, proposals, planted = _ranked()
    measures["last_loss"] = np.arange(60.0)[::-1] / 10  # of labels 1, 2, ...
    told = known(planted, labels, proposals, match_px=3.0)  # labels 1 to 15 are planted
    worst = worst_kind(rank(labels, measures, proposals, told, found=0.9))
    settings = SimpleNamespace(loss_threshold=4.15, min_probability=0.05)
    shown = refine.above(settings, worst, measures)
    assert shown.label.tolist() == [16, 17, 18] and shown.score.tolist() == [4.4, 4.3, 4.2]
    settings.loss_threshold = 0.0
    shown = refine.above(settings, worst, measures)
    assert (
        (shown.probability >= shown.cut_off).all() and len(shown) > 0 and (shown.label == 0).any()
    )
