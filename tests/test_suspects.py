"""Suspects: measures worked out by hand, ranks, calibration, and the items they become."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dimjax import ledger
from dimjax.data.labels import COLUMNS
from dimjax.data.sequences import as_sequence
from dimjax.errors import InputError
from dimjax.ledger import Change
from dimjax.runs import round_suspects
from dimjax.suspects import (
    add_frame_evidence,
    match_planted,
    measure,
    measure_frames,
    propose,
    rank,
    to_items,
    track_item,
    worst_kind,
)
from dimjax.suspects.frame_evidence import smoothing_noise_gain
from dimjax.suspects.fusion import calibrated, cut_off, tail_features
from dimjax.suspects.measures import dynamics
from dimjax.tracks import Tracks, link, link_labels

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
    same |= {"sigma_px": 0.5, "target_probability": 1.0, "reason": "", "confirmed": True}
    return table.assign(**same, score=0.9 * table.detected, log_likelihood_ratio=20.0)


def _history(epochs: int, values: dict[int, tuple]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Losses and outputs of one chip for each label row: (dx, dy, target, interference)."""
    losses, outputs = [], []
    for epoch in range(epochs):
        for row, (dx, dy, target, interference) in values.items():
            chip = {"id": f"chip-{row}", "sequence": "a", "frame": row}
            parts = dict(zip(LOSSES, (0.5, 0.25, 0.125, float(epoch)), strict=True))
            peak = {"peak_score": 0.5, "peak_x": 40.0, "peak_y": 30.0}
            losses.append({"epoch": epoch, **chip, **parts, **peak})
            logits = {"confidence": 1.0, "target": target, "interference": interference}
            keys = {"epoch": epoch, "example": row, "label": row}
            outputs.append({**keys, **logits, "dx": dx, "dy": dy})
    return pd.DataFrame(losses), pd.DataFrame(outputs)


def _detections(*rows) -> pd.DataFrame:
    """Detections of sequence "a" from (frame, x, y, category, score, track)."""
    table = pd.DataFrame(rows, columns=["frame", "x", "y", "category", "score", "track"])
    return table.assign(sequence="a", w=3.0, h=3.0)


def test_measures_of_a_label_by_hand():
    labels = _labels((0, 10.0, 10.0, "target", "t"), (1, 12.0, 10.0, "interference", "t"))
    losses, outputs = _history(10, {0: (3.0, 4.0, 2.0, -1.0), 1: (0.0, 0.0, 2.0, -1.0)})
    detections = _detections((0, 13.0, 14.0, "interference", 0.8, ""))
    frame_evidence = pd.DataFrame(
        {"image_px": [0.0, 0.0], "image_difference": [2.0, 1.0]}, labels.index
    )
    points = _points((0, 13.0, 14.0, True), (1, 19.0, 14.0, False))
    label_tracks = Tracks(
        labels.assign(track="l"), points.assign(track="l", x=[10.0, 12.0], y=[10.0, 10.5]), ()
    )
    tracks = Tracks(detections, points, ())
    table = measure(labels, losses, outputs, tracks, label_tracks, frame_evidence)
    first, second = table.loc[1], table.loc[2]
    assert first.offset_px == 5.0 and first.offset_sigmas == pytest.approx(25.0)  # floor 0.2
    assert (first.category_margin, second.category_margin) == (3.0, -3.0)
    assert (first.location_loss, first.category_loss, first.last_loss) == (0.5, 0.125, 9.0)
    assert first.epochs == 8  # two of ten are the warm-up
    assert first.detection_px == 5.0 * 0.8 and first.detection_other == 0.8
    assert (first.track_px, first.track_sigmas, first.track_hits) == (5.0, 10.0, 1.0)
    assert second.detection_score == 0 and np.isnan(second.detection_px)
    assert np.isnan(second.track_px) and second.track_hits == 0
    # Both labels belong to one track: its other label has the other category.
    assert (first.path_other, second.path_other) == (1.0, 1.0)
    assert (first.path_px, second.path_px) == (0.0, 0.5)
    assert (first.path_margin, second.path_margin) == (3.0, -3.0)
    assert first.path_difference == pytest.approx(1.5 * np.sqrt(2))
    assert (first.path_labels, first.path_speed) == (2.0, np.hypot(2, 0.5))
    assert np.isnan(second.path_labels)  # interference is short-lived by its nature


def test_measures_are_means_over_chips_and_nan_without_a_chip():
    losses, outputs = _history(5, {0: (2.0, 0.0, 1.0, 0.0), 1: (4.0, 0.0, 3.0, 0.0)})
    losses.loc[losses.id == "chip-1", "total"] = 10.0
    outputs["label"] = 1
    table = dynamics(losses, outputs, np.array([True, True, True]))
    assert table.loc[[0, 2]].isna().all(axis=None)
    assert table.loc[1, ["offset_px", "category_margin", "epochs"]].tolist() == [3.0, 2.0, 4.0]
    assert table.last_loss[1] == (4.0 + 10.0) / 2
    assert table.offset_sigmas[1] == pytest.approx(3.0 / 1.2)  # sigma of 2 and 4, floor 0.2


def test_labels_are_linked_regardless_of_their_track_names():
    rows = [(t, 10.0 + 3 * t, 20.0, "target", f"t{t}") for t in range(8) if t not in (3, 4)]
    labels = _labels(*rows)
    tracks = link_labels(labels)
    assert tracks.detections.index.equals(labels.index)
    assert tracks.detections.track.nunique() == 1 and (tracks.detections.track != "").all()
    gaps = tracks.points[~tracks.points.detected]
    assert gaps.frame.tolist() == [3, 4] and gaps.x.tolist() == pytest.approx([19, 22], abs=0.3)


def test_proposals_have_no_label_nearby():
    rows = [(t, 10.0 + 3 * t, 10.0, "target", "") for t in range(8) if t != 4]
    labels = _labels(*rows)
    losses, _ = _history(4, {0: (0, 0, 0, 0), 1: (0, 0, 0, 0)})
    points = _points((0, 12.0, 10.0, True), (1, 40.5, 30.0, True), (2, 60.0, 30.0, False))
    detections = _detections(
        (0, 12.0, 10.0, "target", 0.9, "a/0"),
        (1, 80.0, 50.0, "target", 0.6, ""),
        (1, 90.0, 50.0, "interference", 0.6, ""),
        (1, 95.0, 50.0, "target", 0.01, ""),
    )
    outside = _points((5, 30.0, 70.0, False))
    tracks = Tracks(detections, pd.concat([points, outside], ignore_index=True), ())
    shapes = {"a": (8, 64, 100)}
    table = propose(labels, losses, tracks, link_labels(labels), shapes, match_px=3.0)
    assert table.frame.tolist() == [1, 2, 1, 4]
    assert table.x.tolist() == pytest.approx([40.5, 60.0, 80.0, 22.0], abs=0.3)
    assert table.labelled_share.tolist() == [1 / 4, 1 / 4, 0.0, 7 / 8]
    assert table.track_hits.tolist() == [2, 2, 0, 7]
    assert table.gap.tolist() == [0.0, 0.0, 0.0, 7 / 8]
    assert table.peak_score.isna().tolist() == [False, True, True, True]
    assert table.peak_score[0] == 0.5


@pytest.mark.parametrize(("match_px", "near"), [(0.5, False), (0.51, True)])
def test_a_peak_within_the_matching_radius_supports_a_proposal(match_px, near):
    losses, _ = _history(1, {0: (0, 0, 0, 0), 1: (0, 0, 0, 0)})  # peaks at (40, 30)
    detections = _detections((0, 10.0, 10.0, "target", 0.9, ""))
    tracks = Tracks(detections, _points((1, 40.5, 30.0, True)), ())
    labels = _labels((0, 10.0, 10.0, "target", ""))
    table = propose(labels, losses, tracks, link_labels(labels), {"a": (8, 64, 100)}, match_px)
    assert table.x.tolist() == [40.5] and table.peak_score.notna().tolist() == [near]


def test_label_tracks_that_end_inside_the_frame_are_extrapolated():
    rows = [(t, 10.0 + 10 * t, 20.0, "target", "") for t in range(3, 8)]
    rows += [(t, 50.0, 50.0, "target", "") for t in range(3, 6)]  # may be a run of errors itself
    labels = _labels(*rows)
    losses, _ = _history(1, {0: (0, 0, 0, 0)})
    none = link(_detections())
    table = propose(labels, losses, none, link_labels(labels), {"a": (20, 64, 95)}, match_px=3.0)
    table = table.sort_values("frame", ignore_index=True)
    assert table.frame.tolist() == [0, 1, 2, 8]  # at frame 9 it has left on the right
    assert table.x.tolist() == pytest.approx([10, 20, 30, 90], abs=0.5)
    assert table.gap.tolist() == [5 / 8, 5 / 7, 5 / 6, 5 / 6]
    assert set(table.track) == {"a/0 labels"} and (table.score == 0).all()


def test_a_target_too_dim_in_each_frame_stands_out_along_its_track():
    table = pd.DataFrame({"track": ["t", "", "t", "t", "t"]})
    frame_evidence = pd.DataFrame({"image_snr": [2.7, 5.7, 3.7, 2.7, 3.7]})
    table = add_frame_evidence(table, frame_evidence)
    assert table.image_snr.tolist() == frame_evidence.image_snr.tolist()
    assert table.track_snr.tolist() == pytest.approx([3.0, 4.0, 3.0, 3.0, 3.0])  # 1.5 * sqrt(4)


def test_the_tail_of_ranks():
    table = pd.DataFrame({"bad": [1.0, 3.0, 2.0, np.nan], "good": [1.0, 3.0, 2.0, 2.0]})
    features = tail_features(table, {"bad": 1, "good": -1})
    expected = -np.log(np.array([2.5, 0.5, 1.5]) / 3)
    np.testing.assert_allclose(features[:, 0], [*expected, 1.0])
    np.testing.assert_allclose(features[:, 1], -np.log(np.array([0.5, 3.5, 2, 2]) / 4))


def _planted_mixture(seed: int, errors: int = 100, planted: int = 40, right: int = 2000):
    """An informative and a useless feature of planted errors, real errors and right labels."""
    rng = np.random.default_rng(seed)
    bad = np.arange(errors + planted + right) < errors + planted
    signal = np.where(bad, rng.normal(4, 1, len(bad)), rng.normal(0, 1, len(bad)))
    table = pd.DataFrame({"signal": signal, "noise": rng.normal(size=len(bad))})
    features = tail_features(table, {"signal": 1, "noise": 1})
    return features, np.arange(len(bad)) < planted, bad, rng.integers(20, size=len(bad))


def test_probabilities_are_calibrated_from_planted_errors():
    features, planted, bad, groups = _planted_mixture(seed=1)
    probability = calibrated(features, planted, groups)
    real = ~planted
    assert probability.min() >= 0 and probability.max() <= 1
    # The probabilities sum to the number of errors, and probable rows are errors.
    assert probability[real].sum() == pytest.approx(bad[real].sum(), rel=0.4)
    assert bad[real][probability[real] > 0.9].mean() > 0.9
    cut = cut_off(probability, planted, target_recall=0.9)
    assert (probability[planted] >= cut).mean() >= 0.9
    assert (probability[real & bad] >= cut).mean() > 0.8


@settings(max_examples=10)
@given(st.integers(0, 50))
def test_rows_with_equal_features_are_equally_probable_in_any_group(seed):
    features, planted, _, groups = _planted_mixture(seed, errors=5, planted=10, right=60)
    features[-2], groups[-2:] = features[-1], [0, 1]
    probability = calibrated(features, planted, groups)
    assert ((probability >= 0) & (probability <= 1)).all() and probability[-2] == probability[-1]


def test_planted_errors_are_scored_out_of_fold():
    rng = np.random.default_rng(0)
    features, groups = rng.exponential(size=(200, 2)), np.arange(200) % 2
    planted, copies = np.arange(200) < 20, slice(20, 40)
    for group in (0, 1):  # the feature that detects one group's errors misses the other's
        features[planted & (groups == group), group] = 6.0
    features[copies] = features[planted]
    probability = calibrated(features, planted, groups)
    assert probability[copies].mean() > 1.3 * probability[planted].mean()
    assert np.isfinite(calibrated(features, planted, np.zeros(200))).all()


def test_useless_features_make_all_rows_equally_probable():
    features = np.random.default_rng(0).exponential(size=(60, 3))
    planted = features.max(axis=1) < 1.0  # the planted errors look the best
    assert planted.sum() > 5 and np.ptp(calibrated(features, planted, np.zeros(60))) == 0


def _ranked(count: int = 60):
    """Labels with 5 planted errors of each kind, and proposals with 5 planted ones."""
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
    measures["track"] = measures["track_reason"] = ""
    measures.loc[kinds == "wrong_position", ["offset_px", "track_px", "image_px"]] += 9
    measures.loc[kinds == "wrong_category", ["category_margin"]] -= 9
    measures.loc[kinds == "labelled_background", ["confidence_margin", "image_snr"]] -= 9
    proposals = pd.DataFrame({"sequence": "a", "frame": range(count), "x": 50.0, "y": 50.0})
    names = ["score", "track_hits", "log_likelihood_ratio", "labelled_share", "gap"]
    names += ["peak_score", "image_snr", "track_snr"]
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


@pytest.fixture(scope="module")
def calibrated_ranking():
    """Planted errors, those among labels and proposals, and the ranking calibrated on them."""
    labels, measures, proposals, planted = _ranked()
    known = match_planted(planted, labels, proposals, match_px=3.0)
    return planted, known, rank(labels, measures, proposals, known, target_recall=0.9)


def test_known_errors_are_found_among_labels_and_proposals(calibrated_ranking):
    planted, known, table = calibrated_ranking
    assert known.proposals.sum() == 5 and (known.labels != "").sum() == 15
    best = worst_kind(table)
    assert best.label[best.label > 0].is_unique
    for kind, rows in best[best.planted].groupby("kind"):
        of_kind = planted[planted.kind == kind]
        assert kind == "unlabelled_target" or rows.label.isin(of_kind.label).mean() > 0.7


def test_a_wrong_category_is_explained_by_the_numbers_of_its_track():
    labels, measures, proposals, _ = _ranked()
    measures = measures.assign(category_margin=np.nan, path_other=0.0, track_other=0.97)
    chosen = rank(labels, measures, proposals).query("kind == 'wrong_category'").head(1)
    texts, shapes = {}, {"a": (60, 64, 64)}
    for reason in ("", "it is slow, its brightness varies"):
        explained = measures.assign(track_reason=reason)
        (item,) = to_items(chosen, labels, explained, proposals, _points(), shapes, 3.0)
        texts[reason] = item.reason
    assert list(texts.values()) == [
        "97% of its track is interference",
        "its track is interference with a probability of 97%: it is slow, its brightness varies",
    ]


def test_a_kind_with_too_few_planted_errors_is_not_calibrated():
    labels, measures, proposals, planted = _ranked()
    few = planted[planted.kind != "wrong_category"]
    table = rank(labels, measures, proposals, match_planted(few, labels, proposals, 3.0))
    unknown = table[table.kind == "wrong_category"]
    assert (unknown.probability == 0).all() and unknown.cut_off.isna().all()
    assert table[table.kind == "wrong_position"].cut_off.notna().all()


def test_without_planted_errors_the_probability_is_a_rank():
    labels, measures, proposals, _ = _ranked()
    table = rank(labels, measures, proposals)
    assert table.cut_off.isna().all() and not table.planted.any()
    worst = table[table.kind == "wrong_position"].label.head(5)
    assert worst.isin(range(1, 6)).sum() >= 4


def test_errors_of_a_track_become_one_item_in_a_ledger(tmp_path):
    labels, measures, proposals, _ = _ranked()
    labels["track"] = "t"
    measures["mean_dx"], measures["mean_dy"] = -100.0, 2.0
    chosen = rank(labels, measures, proposals)
    runs = {"wrong_position": [1, 2, 4, 20], "wrong_category": [7], "labelled_background": [11]}
    parts = [chosen[(chosen.kind == k) & chosen.label.isin(rows)] for k, rows in runs.items()]
    parts.append(chosen[(chosen.label == 0) & (chosen.row == 3)])
    shapes = {"a": (60, 64, 64)}
    points = _points().assign(frame=[], x=[], y=[])
    items = to_items(pd.concat(parts), labels, measures, proposals, points, shapes, 3.0)
    frames = sorted(tuple(frame.frame for frame in item.frames) for item in items)
    assert frames == [(0, 1, 3), (3,), (6,), (10,), (19,)]
    fixes = {item.kind: item.frames[0].fix for item in items}
    assert fixes["wrong_position"] == Change(label=20, x=0.0, y=22.0)  # not out of the frame
    assert fixes["wrong_category"] == Change(label=7, category="interference")
    assert fixes["labelled_background"] == Change(label=11, removed=True)
    assert fixes["unlabelled_target"][:4] == (None, "a", 3, 50.0)
    with ledger.create_or_open(tmp_path / "ledger.sqlite", labels, shapes, 3.0) as db:
        assert len(ledger.add_items(db, items, stage="refine")) == 5
    reasons = " | ".join(item.reason for item in items)
    assert "frames of one track" in reasons and "sigmas in the frames" in reasons


@pytest.mark.parametrize(("dx", "frames"), [(0.74, []), (0.75, [(4, 5)])])
def test_a_track_of_small_moves_only_is_not_queued(dx, frames):
    labels, measures, proposals, _ = _ranked()
    labels["track"] = "t"
    measures["mean_dx"], measures["mean_dy"] = [0.1] * 5 + [dx] + [0.1] * (len(labels) - 6), 0.0
    chosen = rank(labels, measures, proposals)
    chosen = chosen[(chosen.kind == "wrong_position") & chosen.label.isin([5, 6])]
    points, shapes = _points().assign(frame=[], x=[], y=[]), {"a": (60, 64, 64)}
    items = to_items(chosen, labels, measures, proposals, points, shapes, match_px=3.0)
    assert [tuple(frame.frame for frame in item.frames) for item in items] == frames


def test_a_proposal_at_the_rim_is_rounded_into_the_frame(tmp_path):
    labels, measures, proposals, _ = _ranked()
    proposals["x"], proposals["y"] = 63.997, -0.001
    chosen = rank(labels, measures, proposals)
    shapes, points = {"a": (60, 64, 64)}, _points().assign(frame=[], x=[], y=[])
    single = chosen[(chosen.label == 0) & (chosen.row == 3)]
    items = to_items(single, labels, measures, proposals, points, shapes, 3.0)
    assert items[0].frames[0].fix[:5] == (None, "a", 3, 63.99, 0.0)
    with ledger.create_or_open(tmp_path / "ledger.sqlite", labels, shapes, 3.0) as db:
        assert len(ledger.add_items(db, items, stage="refine")) == 1


def test_the_signal_of_a_point_in_the_frames():
    frames = np.random.default_rng(0).normal(1000, 5, (8, 40, 40))
    frames[3, 12, 20] += 200
    sequence = as_sequence(frames.round().astype(np.uint16))
    locations = {"sequence": "a", "frame": [3, 3, 4], "x": [20.5, 18.5, 20.5], "y": 12.5}
    table = measure_frames(pd.DataFrame(locations), lambda name: sequence, stride=1)
    assert table.image_px.tolist()[:2] == [0.0, 2.0] and table.image_dx[1] == 2.0
    # A pixel of 40 sigmas keeps the central weight of the smoothing, 1 / 4.19.
    peak = 40 / (np.sqrt(4 / 3) * smoothing_noise_gain()) / 4.19
    assert table.image_snr[0] == pytest.approx(peak, rel=0.15)
    assert table.image_snr[2] < 5


def _drifting(hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames [12, 40, 60] with a bright pixel that drifts to the right, hidden in one frame."""
    frames = np.random.default_rng(0).normal(1000, 5, (12, 40, 60))
    columns = 10 + 3 * np.arange(12)
    frames[np.arange(12), 20, columns] += 150
    frames[hidden, 20, columns[hidden]] -= 150
    return frames.round().astype(np.uint16), columns


def test_a_clicked_track_is_interpolated_and_placed_on_the_signal():
    frames, columns = _drifting(hidden=6)
    sequence = as_sequence(frames)
    xy = {"x": columns[[1, 9]] + [0.0, 1.5], "y": [21.5, 19.0]}  # off by up to 1.6 px
    clicks = pd.DataFrame({"sequence": "a", "frame": [1, 9], **xy})
    labels = _labels((3, 19.0, 20.0, "target", "clicked-0"), (4, 50.0, 5.0, "target", "t"))
    item = track_item(clicks, labels.assign(w=4.0), lambda name: sequence, 1, match_px=3.0)
    expected = {t: (columns[t] + 0.5, 20.5) for t in (1, 2, 4, 5, 7, 8, 9)}  # labelled in 3
    expected[6] = (28.94, 19.94)  # 13 + 5/8 * 25.5, 21.5 - 5/8 * 2.5
    assert {frame.frame: (frame.x, frame.y) for frame in item.frames} == expected
    assert item.reason == (
        "clicked in 2 frames; a signal of 4 sigmas in 7 of 8 frames; none in 6: look there"
    )
    assert item.frames[0].fix[5:9] == (4.0, 3.0, "target", "clicked-1")


def test_a_click_in_one_frame_and_a_click_on_a_label():
    sequence = as_sequence(_drifting(hidden=6)[0])
    clicks = pd.DataFrame({"sequence": "a", "frame": [2], "x": [58.0], "y": [38.0]})
    labels = _labels((2, 20.0, 20.0, "target", "t"))
    item = track_item(clicks, labels.iloc[:0], lambda name: sequence, 1, match_px=3.0)
    assert [frame[:3] for frame in item.frames] == [(2, 58.0, 38.0)]
    assert item.frames[0].fix[5:7] == (3.0, 3.0)
    with pytest.raises(InputError, match="sequence a: a new track must lie apart from the labels"):
        track_item(clicks.assign(x=20.0, y=21.0), labels, lambda name: sequence, 1, match_px=3.0)


def test_pure_noise_has_a_sigma_of_one():
    rng = np.random.default_rng(0)
    sequence = as_sequence(rng.normal(1000, 20, (16, 240, 320)).round().astype(np.uint16))
    # The clips of these frames have no frame in common.
    locations = {"sequence": "a", "frame": np.repeat([0, 4, 8, 12], 500)}
    locations |= {"x": rng.uniform(10, 310, 2000), "y": rng.uniform(10, 230, 2000)}
    table = measure_frames(pd.DataFrame(locations), lambda name: sequence, stride=1)
    assert table.image_difference.std() == pytest.approx(1, rel=0.03)


def test_items_that_were_decided_before_are_not_queued_again():
    queued = pd.DataFrame({"label": [5, 6, 0, 0], "row": [4, 5, 0, 1]})
    proposals = pd.DataFrame({"sequence": "a", "frame": [2, 3], "x": [10.0, 40.0], "y": 9.0})
    decided = pd.DataFrame(
        {"label": [6, 0, 0], "sequence": "a", "frame": [9, 2, 2], "x": [1.0, 12.0, 40.0], "y": 9.0}
    )
    known = round_suspects.already_decided(queued, proposals, decided, match_px=3.0)
    assert known.tolist() == [False, True, True, False]


def test_the_rule_of_the_paper_is_a_threshold_on_the_last_loss(calibrated_ranking):
    worst = worst_kind(calibrated_ranking[2])  # labels 1 to 15 are planted
    last_loss = pd.DataFrame({"last_loss": np.arange(60.0)[::-1] / 10}, range(1, 61))
    config = SimpleNamespace(loss_threshold=4.15, min_probability=0.05)
    queued = round_suspects.above_threshold(config, worst, last_loss)
    assert queued.label.tolist() == [16, 17, 18] and queued.score.tolist() == [4.4, 4.3, 4.2]
    config.loss_threshold = 0.0
    queued = round_suspects.above_threshold(config, worst, last_loss)
    assert (queued.probability >= queued.cut_off).all() and (queued.label == 0).any()
