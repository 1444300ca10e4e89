"""Models of a track's category: fitted to the labels of a training, and used by its detector."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config

from dimjax.data.labels import COLUMNS, write_table
from dimjax.data.scale import measure_scale
from dimjax.data.sequences import as_sequence
from dimjax.detection.detector import Detector
from dimjax.runs.category_choice import choose_category_models, some_frames
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths
from dimjax.tracks import ScoreModel, measure_appearance

NAMES = ("train-0", "train-1", "val-0")
LENGTH, SIDE, OBJECTS = 16, 128, 8
LOW = {"target": 0.1, "interference": 0.1}


def scene(name: str):
    """Frames with fast blurred targets and standing pixels that flicker, and their labels."""
    rng = np.random.default_rng(NAMES.index(name))
    frames, rows = rng.normal(1000, 4, (LENGTH, SIDE, SIDE)), []
    for k in range(OBJECTS):
        for t in range(LENGTH):
            column, row = 10 + 6 * t, 8 + 15 * k
            frames[t, row - 1 : row + 2, column - 1 : column + 2] += 60
            rows.append((name, t, column + 0.5, row + 0.5, "target", f"target-{k}"))
            if (t // 3 + k) % 2:
                column, row = 12 + 13 * k, 15 + 13 * k
                frames[t, row, column] += rng.choice([40, 120])
                rows.append((name, t, column + 0.5, row + 0.5, "interference", f"flicker-{k}"))
    table = pd.DataFrame(rows, columns=["sequence", "frame", "x", "y", "category", "track"])
    table = table.assign(w=3.0, h=3.0, source="annotator")[list(COLUMNS)]
    return as_sequence(np.rint(frames).astype(np.uint16), name), table


@pytest.fixture(scope="module")
def scenes():
    return {name: scene(name) for name in NAMES}


@pytest.fixture
def context(scenes, tmp_path):
    """A round that was trained on two sequences."""
    context = RoundContext(tiny_config(), Paths(tmp_path))
    labels = pd.concat([table for _, table in scenes.values()], ignore_index=True)
    context.paths.round.mkdir(parents=True)
    write_table(labels, context.paths.labels)
    context.trained_sequences = list(NAMES[:2])
    shapes = {name: sequence.shape for name, (sequence, _) in scenes.items()}
    splits = {"train": context.trained_sequences, "val": list(NAMES[2:])}
    context.folder = SimpleNamespace(
        shapes=shapes, sequence=lambda name: scenes[name][0], labels=labels, splits=splits
    )
    return context


@pytest.fixture
def detector():
    description = {"threshold": LOW, "score_model": ScoreModel()._asdict()}
    return Detector(None, None, description | {"track_threshold": LOW}, None)


def detections_of(sequence, labels, category):
    """Detections of all labels, which the network takes for one category."""
    table = labels.assign(category=category, score=0.7).drop(columns=["track", "source"])
    noise_sigma = measure_scale(sequence).noise_sigma
    return pd.concat([table, measure_appearance(table, sequence, noise_sigma, 1)], axis=1)


def test_a_detector_names_tracks_by_the_models_of_its_training(context, detector, scenes):
    sequence, labels = scenes["val-0"]
    detections = detections_of(sequence, labels, "target")
    models = choose_category_models(context, detector, detections, labels).final
    assert json.loads(json.dumps(models)) == models and len(models) == 2
    detector.description["category_models"] = models
    accepted = detector.accept(detector.link(detections))
    accepted = accepted.merge(labels, on=["frame", "x", "y"], suffixes=("", "_of_label"))
    assert len(accepted) > 0.9 * len(labels)
    assert (accepted.category == accepted.category_of_label).mean() > 0.95
    assert accepted.columns[7:11].tolist() == ["score", "track", "object_score", "detected"]
    points = detector.link(detections).points
    assert (points.reason != "").all() and set(points.category) == set(LOW)


def test_the_models_of_the_thresholds_have_not_seen_the_sequences_of_the_detections(
    context, detector, scenes
):
    sequence, labels = scenes["val-0"]
    detections = detections_of(sequence, labels, labels.category)
    models = choose_category_models(context, detector, detections, labels)
    others = context.labels.sequence == "val-0"
    opposite = {"target": "interference", "interference": "target"}
    swapped = context.labels.category.map(opposite).where(others, context.labels.category)
    context.folder.labels = context.labels.assign(category=swapped)
    del context.labels
    unlike = choose_category_models(context, detector, detections, labels)
    assert unlike.held_out == models.held_out and unlike.final != models.final


def alike(labels):
    """Labels of the targets alone, whose categories no number tells apart."""
    labels = labels[labels.track.str.startswith("target")].reset_index(drop=True)
    even = labels.track.str[-1].astype(int) % 2 == 0
    return labels.assign(category=np.where(even, "target", "interference"))


def test_the_network_has_a_say_if_it_is_right(context, detector, scenes):
    context.folder.labels = alike(context.labels)
    del context.labels
    write_table(context.folder.labels, context.paths.labels)
    sequence, labels = scenes["val-0"][0], alike(scenes["val-0"][1])
    right = detections_of(sequence, labels, labels.category)
    swapped = labels.category.map({"target": "interference", "interference": "target"})
    wrong = detections_of(sequence, labels, swapped)
    weights = [
        choose_category_models(context, detector, table, labels).final[0]["share_weight"]
        for table in (right, wrong)
    ]
    assert weights[0] > 0.2 and weights[1] == 0


def test_labels_of_one_category_give_no_model(context, detector, scenes, capsys):
    sequence, labels = scenes["val-0"]
    table = pd.read_csv(context.paths.labels).assign(category="target")
    write_table(table, context.paths.labels)
    detections = detections_of(sequence, labels, "target")
    assert choose_category_models(context, detector, detections, labels) is None
    assert "too few labelled tracks of one category" in capsys.readouterr().out


def test_with_one_sequence_of_a_category_the_other_split_helps(context, detector, scenes, capsys):
    sequence, labels = scenes["val-0"]
    table = pd.read_csv(context.paths.labels)
    kept = table[(table.category == "target") | (table.sequence == "train-0")]
    write_table(kept, context.paths.labels)
    detections = detections_of(sequence, labels, labels.category)
    models = choose_category_models(context, detector, detections, labels)
    assert "those of the validation split choose thresholds" in capsys.readouterr().out
    assert models.held_out[0]["numbers"] == models.final[0]["numbers"]


def test_frames_are_consecutive_and_spread():
    assert some_frames(30, 1.2, 24) == list(range(30))
    assert some_frames(100, 0.3, 24) == list(range(24))
    assert some_frames(100, 0.5, 24) == [*range(24), *range(76, 100)]
    assert some_frames(20, 0.1, 24) == list(range(20))
    assert np.diff(some_frames(1000, 0.2, 24)).max() > 100
