"""Score thresholds: which split they are chosen on."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config

from dimjax.detection.detector import Detector
from dimjax.detection.rescoring import SIGNALS, fit_rescoring, probabilities
from dimjax.runs import threshold_choice
from dimjax.runs.context import RoundContext
from dimjax.runs.threshold_choice import choose_thresholds, fitted_scores, with_new_scores
from dimjax.runs.workdir import Paths
from dimjax.tracks import ScoreModel

HALF = {"target": 0.5, "interference": 0.5}
DESCRIPTION = {
    "threshold": HALF,
    "track_threshold": HALF,
    "causal_threshold": HALF,
    "score_model": ScoreModel()._asdict(),
}
MODELS = None  # there is no labelled interference
SCORES = {"val": (0.8, 0.4), "train": (0.3, 0.9)}  # of a hit and of a false alarm


def detections_of(name: str) -> pd.DataFrame:
    """In each frame a hit on the label and, far from it, a false alarm."""
    hit, false = SCORES[name]
    rows = [
        (name, t, x, 20.0, 3.0, 3.0, "target", score)
        for t in range(8)
        for x, score in ((10.0 + t, hit), (60.0 - 7 * (t % 2), false))
    ]
    columns = ["sequence", "frame", "x", "y", "w", "h", "category", "score"]
    return pd.DataFrame(rows, columns=columns)  # fmt: skip


@pytest.fixture
def context(monkeypatch):
    """A round with one training and one validation sequence, whose scores contradict each other."""
    monkeypatch.setattr(threshold_choice, "choose_category_models", lambda *_: MODELS)
    labels = pd.concat([detections_of(name)[::2].drop(columns="score") for name in SCORES])
    context = RoundContext(tiny_config(), Paths("unused"))
    context.splits = {name: [name] for name in SCORES}
    shapes = dict.fromkeys(SCORES, (8, 64, 96))
    sequence = lambda name: SimpleNamespace(name=name)  # noqa: E731
    context.folder = SimpleNamespace(
        labels=labels, shapes=shapes, sequence=sequence, splits=context.splits
    )
    return context


def test_thresholds_are_chosen_on_the_validation_split(context, monkeypatch):
    detect = lambda detector, sequence, frames: detections_of(sequence.name)  # noqa: E731
    monkeypatch.setattr(threshold_choice, "detect_in_sequence", detect)
    detector = Detector(None, None, DESCRIPTION, None)
    chosen = choose_thresholds(context, detector)
    assert 0.4 < chosen["threshold"]["target"] <= 0.8
    # On the training split, whose false alarms are the stronger ones, it would be lower.
    del context.splits["val"]
    assert choose_thresholds(context, detector)["threshold"]["target"] <= 0.3


def test_the_score_model_is_fitted_to_labels_of_either_category(context, monkeypatch):
    detect = lambda detector, sequence, frames: detections_of(sequence.name)  # noqa: E731
    monkeypatch.setattr(threshold_choice, "detect_in_sequence", detect)
    detector = Detector(None, None, DESCRIPTION, None)
    chosen = choose_thresholds(context, detector)
    model = ScoreModel(**chosen["score_model"])
    assert model.log_likelihood_ratio(0.8) > 1.5 and model.log_likelihood_ratio(0.4) < -1.5
    assert model.missed_detection_cost == 2.0  # all labels have a detection
    assert json.loads(json.dumps(chosen)) == chosen and set(chosen["causal_threshold"]) == {
        *HALF,
        "anything",
    }
    other = context.folder.labels.assign(category="interference")
    assert fitted_scores(other, detections_of("val"), 3.0).missed_detection_cost == 0.7
    assert fitted_scores(other.head(0), detections_of("val"), 3.0) == ScoreModel()


def test_the_rescoring_is_fitted_to_each_category_where_there_is_evidence(context, monkeypatch):
    def detect(detector, sequence, frames):
        # The network gives all detections one score; only the evidence tells them apart.
        signals = dict.fromkeys(SIGNALS, 0.4) | {"strength": [7.0, 4.0] * 8, "clutter": 4.2}
        return detections_of(sequence.name).assign(score=0.4, **signals)

    monkeypatch.setattr(threshold_choice, "detect_in_sequence", detect)
    chosen = choose_thresholds(context, Detector(None, None, DESCRIPTION, None))
    scored = with_new_scores(detect(None, SimpleNamespace(name="val"), None), chosen["rescoring"])
    hit, false = scored[scored.strength == 7.0], scored[scored.strength == 4.0]
    # Without a label of interference, none is probable.
    assert (hit.category == "target").all() and false.score.max() < 0.35
    assert hit.score.min() > 0.7 and len(hit) == 8
    of_targets = scored.score[scored.category == "target"]
    assert chosen["threshold"]["target"] <= of_targets[scored.strength == 7.0].min()


def test_few_labels_change_the_scores_little():
    signals = np.array([[0.9, 0.05, 6.0, 4.2, 0.4]])
    weights = fit_rescoring(signals, np.array([True]), "target")
    np.testing.assert_allclose(weights, [0, 1, 0, 0, 0, 0], atol=0.5)
    assert weights[3] >= 0


def test_clutter_lowers_scores_where_it_makes_false_alarms():
    generator = np.random.default_rng(0)
    clutter = np.repeat([4.2, 5.5], 200)
    is_true = generator.random(400) < np.where(clutter > 5, 0.1, 0.9)
    signals = np.stack([np.full(400, v) for v in (0.5, 0.1, 6.0, 0.0, 0.4)], axis=-1)
    signals[:, 3] = clutter
    weights = fit_rescoring(signals, is_true, "target")
    probability = np.asarray(probabilities(signals, [weights, weights]))[:, 0]
    assert probability[0] == pytest.approx(0.9, abs=0.07)
    assert probability[-1] == pytest.approx(0.1, abs=0.07)
