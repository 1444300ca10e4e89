import importlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from dimjax.data.labels import CATEGORIES
from dimjax.detection.detector import restore_detector
from dimjax.drawing import text_tables
from dimjax.report import round_table
from dimjax.report.plain_text import figures_text
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, read_config
from dimjax.stages import build
from dimjax.stages import evaluate as evaluation_stage


def test_a_split_without_a_chip_is_evaluated_on_full_frames(tiny_run, tmp_path, capsys):
    # As with chips.backgrounds_per_label=0 and test sequences without a label.
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    paths, config = Paths(workdir), read_config(workdir)
    whole = json.loads(paths.evaluation.read_text())
    plan = pd.read_csv(paths.plan, keep_default_na=False)
    plan[plan.split != "test"].to_csv(paths.plan, index=False)
    shutil.rmtree(paths.examples)
    paths.evaluation.unlink()
    make_builder = importlib.import_module("dimjax.commands.bundled").make_builder
    context = RoundContext(config, paths)
    build.make_chips(context, make_builder)
    capsys.readouterr()
    figures = evaluation_stage.run(context)
    assert capsys.readouterr().out == "test split: it has no chips; measured on full frames only\n"
    assert "chips" not in figures and figures["frames"] == whole["frames"]
    text = figures_text(figures)
    assert "full frames" in text and "chips" not in text
    (row,) = round_table.as_table(round_table.read_rounds(paths)).rows
    recall_in_frames, of_chips = row[4], row[6:9]
    assert of_chips == [text_tables.NONE] * 3 and recall_in_frames != text_tables.NONE


@pytest.fixture
def evaluated(tiny_run, tmp_path, monkeypatch):
    """Evaluate given detections of the tiny run's test sequence, with two different thresholds."""
    paths, config = Paths(shutil.copytree(tiny_run, tmp_path / "run")), read_config(tiny_run)
    paths.evaluation.unlink()
    detector = restore_detector(paths.checkpoints)
    detector.description["threshold"] = dict.fromkeys(CATEGORIES, 0.3)
    monkeypatch.setattr(evaluation_stage, "restore_detector", lambda *_: detector)

    def evaluate(
        table: pd.DataFrame,
        labels: pd.DataFrame | None = None,
        threshold=0.3,
        evidence=(),
        **detection,
    ) -> dict:
        detector.description["track_threshold"] = dict.fromkeys(CATEGORIES, threshold)
        monkeypatch.setattr(evaluation_stage, "detect_in_sequence", lambda *_: table)
        config.detection.update(detection)
        config.evidence.update(dict(evidence))
        context = RoundContext(config, paths)
        if labels is not None:
            vars(context.folder)["truth"] = labels
        return evaluation_stage.run(context)

    return evaluate


def test_the_untrained_filter_is_measured_on_the_same_frames(tiny_run):
    figures = json.loads(Paths(tiny_run).evaluation.read_text())
    for part in ("frames", "tracks", "online", "untrained", "untrained_tracks"):
        for row in figures[part]["recall_at"]["target"]:
            truths = figures["frames"]["categories"]["target"]["truths"]
            assert row["truths"] == truths == sum(s["truths"] for s in row["slices"])
    assert set(figures["untrained"]["recall_at"]) == {"target", "anything"}
    assert figures["untrained"]["recall_at"]["target"][1]["recall"] > 0


@pytest.mark.parametrize(("moved_px", "searches"), [(0.0, 0), (30.0, 1)])
def test_the_filter_is_measured_anew_only_where_the_labels_have_changed(
    evaluated, tmp_path, monkeypatch, moved_px, searches
):
    """A second round takes its figures from the first one, unless a review moved a label."""
    first = evaluated(flight())
    paths = Paths(tmp_path / "run", 1)
    shutil.copytree(paths.of_round(0).round, paths.round)
    paths.evaluation.unlink()
    context = RoundContext(read_config(paths.workdir), paths)
    truth, searched = context.folder.truth, []
    monkeypatch.setattr(
        RoundContext,
        "reference",
        property(lambda one: truth.assign(x=truth.x + moved_px * one.number)),
    )
    search = evaluation_stage.untrained_detections
    monkeypatch.setattr(
        evaluation_stage,
        "untrained_detections",
        lambda *words: searched.append(1) or search(*words),
    )
    second = evaluation_stage.run(context)
    assert len(searched) == searches and first["untrained"]["recall_at"]
    parts = ("untrained", "untrained_tracks", "bound")
    same = all(second.get(part) == first.get(part) for part in parts)
    assert same == (not searches)


def test_sequences_shorter_than_an_evidence_window_are_reported(evaluated, capsys):
    figures = evaluated(flight(), evidence={"frames": 9})
    message = "untrained filter: no detections in 1 of 1 sequences, shorter than 9 frames\n"
    assert message in capsys.readouterr().out
    assert "untrained" not in figures and "untrained_tracks" not in figures


def flight(shift=lambda t: (0.0, 0.0), score=0.5) -> pd.DataFrame:
    """Detections of a target on a straight path, seen by a camera that is displaced by `shift`."""
    rows = [("test-0000", t, 20.0 + 2 * t + shift(t)[0], 30.0 + shift(t)[1], 3.0, 3.0, score)
            for t in range(8)]  # fmt: skip
    columns = ["sequence", "frame", "x", "y", "w", "h", "score"]
    return pd.DataFrame(rows, columns=columns).assign(category="target", visible=1.0, snr=9.0)


def test_tracks_have_a_threshold_of_their_own(evaluated):
    figures = evaluated(flight(score=0.5), threshold=0.99)
    frames, tracks = (figures[name]["categories"]["target"] for name in ("frames", "tracks"))
    assert frames["threshold"] == 0.3 and tracks["threshold"] == 0.99
    assert frames["false_alarms_per_frame"] > 0 == tracks["false_alarms_per_frame"]


@pytest.mark.parametrize("camera_motion", [False, True])
def test_tracks_are_linked_in_the_frame_of_the_scene(evaluated, monkeypatch, camera_motion):
    """Seen by a shaking camera, a target is a track only once the motion is taken out."""
    shake = np.random.default_rng(0).integers(-30, 30, (8, 2))
    monkeypatch.setattr("dimjax.data.camera.camera_shifts", lambda _: shake.astype(float))
    table = flight(lambda t: shake[t], score=0.9)
    table.loc[table.frame == 4, "category"] = "interference"  # which its track outvotes
    labels = table.assign(category="target", track="t", source="truth")
    target = evaluated(table, labels, camera_motion=camera_motion)["tracks"]["categories"]["target"]
    assert target["recall"] == (1.0 if camera_motion else 7 / 8)
