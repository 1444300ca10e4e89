"""A trained run measured on other folders, and the outcome of each detection and truth."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dimjax.commands import export, measure, recognise
from dimjax.data.folders import open_folder
from dimjax.data.label_writing import write_labels
from dimjax.errors import InputError
from dimjax.evaluation.outcomes import OUTCOME_COLUMNS, by_sequence, outcomes
from dimjax.runs.workdir import Paths, read_config, write_config

PARTS = ("frames", "tracks", "online", "untrained", "untrained_tracks")


def table(*rows):
    columns = ["sequence", "frame", "x", "y", "category", "score"]
    return pd.DataFrame(rows, columns=columns).assign(w=3.0, h=3.0)


def test_each_detection_and_each_truth_has_an_outcome():
    truth = table(
        ("a", 0, 10.0, 10.0, "target", 1.0),
        ("a", 1, 10.0, 10.0, "target", 1.0),
        ("a", 1, 40.0, 40.0, "interference", 1.0),
        ("b", 0, 20.0, 20.0, "target", 1.0),
    ).assign(visible=[1.0, 1.0, 1.0, 0.2])
    detections = table(
        ("a", 0, 11.0, 10.0, "target", 0.9),
        ("a", 0, 12.9, 10.0, "target", 0.8),  # the truth is taken
        ("a", 1, 40.0, 40.0, "target", 0.7),  # of the other category
        ("b", 0, 20.0, 20.0, "target", 0.6),  # of a truth behind a cloud
    )
    found = outcomes(truth, detections, match_px=3.0)
    assert list(found.columns) == list(OUTCOME_COLUMNS)
    rows = found.sort_values(["sequence", "frame", "x"])[["frame", "x", "category", "outcome"]]
    assert rows.values.tolist() == [
        [0, 11.0, "target", "hit"],
        [0, 12.9, "target", "false alarm"],
        [1, 10.0, "target", "miss"],
        [1, 40.0, "target", "false alarm"],
        [1, 40.0, "interference", "miss"],
        [0, 20.0, "target", "hidden"],
    ]
    assert found.score.isna().equals(found.outcome == "miss")
    counts = by_sequence(found, {"a": 2, "b": 1, "c": 5})
    assert counts["a"]["target"] == {"truths": 2, "hits": 1, "misses": 1, "false_alarms": 2}
    assert counts["a"]["interference"] == {"truths": 1, "hits": 0, "misses": 1, "false_alarms": 0}
    nothing = {"truths": 0, "hits": 0, "misses": 0, "false_alarms": 0}
    assert counts["b"]["target"] == counts["c"]["target"] == nothing and counts["c"]["frames"] == 5


def test_the_outcomes_add_up_to_the_figures(tiny_run):
    paths = Paths(tiny_run)
    figures = json.loads(paths.evaluation.read_text())
    rows = pd.read_csv(paths.outcomes, dtype={"sequence": "str"})
    part = figures["frames"]["categories"]["target"]
    targets = rows[rows.category == "target"].outcome.value_counts()
    assert targets.get("hit", 0) + targets.get("miss", 0) == part["truths"]
    rate = targets.get("false alarm", 0) / figures["frames"]["images"]
    assert rate == part["false_alarms_per_frame"]
    assert figures["by_sequence"]["test-0000"]["target"]["misses"] == targets.get("miss", 0)


def config_for(run, folder):
    config = read_config(run)
    measure.use_folder(config, folder)
    recognise.apply(config, trains=False)
    return config


def test_the_own_test_split_gives_the_figures_of_the_run(tiny_run, tmp_path, capsys):
    config = config_for(tiny_run, tiny_run / "sky")
    figures = measure.run(tiny_run, config, tmp_path / "out", split="test", round=0)
    own = json.loads(Paths(tiny_run).evaluation.read_text())
    assert all(figures[part] == own[part] for part in PARTS)
    assert figures == json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert f"{tiny_run / 'sky'}: 1 sequence, 8 full frames" in capsys.readouterr().out
    detections = pd.read_csv(tmp_path / "out" / "detections.csv")
    assert set(detections.sequence) == {"test-0000"}


@pytest.fixture
def foreign(tiny_run, tmp_path):
    """The sequences val and test of the run as folders of PNG, with COCO labels."""
    sky, folder = open_folder(tiny_run / "sky"), tmp_path / "foreign"
    names = ["val-0000", "test-0000"]
    for name in names:
        (folder / "clips" / name).mkdir(parents=True)
        for t in range(8):
            image = Image.fromarray(sky.sequence(name).frame(t))
            image.save(folder / "clips" / name / f"{t:06d}.png")
    labels = sky.labels[sky.labels.sequence.isin(names)]
    write_labels(labels, {name: sky.sequence(name) for name in names}, folder / "ann", "coco")
    return folder


def test_a_folder_of_another_layout_is_recognised(tiny_run, foreign, tmp_path):
    config = config_for(tiny_run, foreign)
    assert config.data.layout.label_format == "coco"
    figures = measure.run(tiny_run, config, tmp_path / "out")
    assert sorted(figures["sequences"]) == ["test-0000", "val-0000"]
    assert np.isclose(figures["frames"]["images"], 16)


def test_a_run_on_a_folder_of_its_own_is_measured_on_another(tiny_run, foreign, tmp_path, capsys):
    run = Paths(shutil.copytree(tiny_run, tmp_path / "run"))
    own = shutil.move(run.sky, tmp_path / "mine")
    config = read_config(run.workdir)
    config.data.folder = str(own)
    run.config.unlink()
    write_config(config, run.workdir)
    shutil.copy(own / "labels.csv", run.implants)  # of its own folder, not of another
    figures = measure.run(run.workdir, config_for(run.workdir, foreign), tmp_path / "out")
    assert sorted(figures["sequences"]) == ["test-0000", "val-0000"]
    assert "in the training" not in capsys.readouterr().out
    run.implants.unlink()
    measure.run(run.workdir, config_for(run.workdir, own), tmp_path / "all")
    seen = "note: 1 of the 3 sequences were in the training, train-0000 first: the figures flatter"
    assert seen in capsys.readouterr().out


def test_a_folder_without_labels_is_refused(tiny_run, foreign, tmp_path):
    shutil.rmtree(foreign / "ann")
    with pytest.raises(InputError, match="a labelled sequence is needed|labels"):
        measure.run(tiny_run, config_for(tiny_run, foreign), tmp_path / "out")
    with pytest.raises(InputError, match="needed; found none in split new; the folder has "):
        measure.run(tiny_run, config_for(tiny_run, tiny_run / "sky"), split="new")
    assert not (tmp_path / "out").exists()


def test_results_must_not_lie_in_the_data(tiny_run):
    config = config_for(tiny_run, tiny_run / "sky")
    with pytest.raises(InputError, match="--output: the results must not lie in the data"):
        measure.run(tiny_run, config, tiny_run / "sky" / "out")


def test_keys_that_a_measurement_ignores_are_refused(tiny_run):
    config = config_for(tiny_run, tiny_run / "sky")
    config.detection.match_px, config.data.layout.first_pixel = 2.5, 1
    config.data.folder = read_config(tiny_run).data.folder
    measure.check_keys(config, tiny_run)
    config.model.width = 0.75
    with pytest.raises(InputError, match="--config: only keys of data.layout, .*; found model.w"):
        measure.check_keys(config, tiny_run)


def test_keys_of_a_measurement_are_checked(tiny_run):
    config = config_for(tiny_run, tiny_run / "sky")
    config.detection.match_px = -1.0
    with pytest.raises(InputError, match="detection.match_px: must be above 0; found -1.0"):
        measure.run(tiny_run, config)


def test_other_files_and_figures_are_not_replaced(tiny_run, foreign, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    (output / "labels.csv").write_text("precious")
    with pytest.raises(InputError, match="--output: the output folder must be empty, or hold earl"):
        measure.run(tiny_run, config_for(tiny_run, foreign), output)
    with pytest.raises(InputError, match="--output: the output folder must be empty, or hold earl"):
        export.run_labels(tiny_run, "csv", output)
    with pytest.raises(InputError, match="--output: the output folder must be empty, or hold earl"):
        export.run_labels(tiny_run, "csv", output / "new" / "..")  # which would make "new"
    assert [path.name for path in output.iterdir()] == ["labels.csv"]
    export.run_labels(tiny_run, "csv", tmp_path / "labels")
    export.run_labels(tiny_run, "csv", tmp_path / "labels")
    record = {"folder": "elsewhere"}
    (output / "labels.csv").unlink()
    (output / "evaluate.lock").touch()
    (output / "evaluation.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="found those of elsewhere. Choose another folder"):
        measure.run(tiny_run, config_for(tiny_run, foreign), output)


REFUSED = """
import sys
from dimjax.commands import verbs
from dimjax.errors import InputError
try:
    verbs.main()
except InputError as error:
    print(error, "jax" in sys.modules)
"""


def test_a_wrong_folder_is_refused_before_jax_is_loaded(tiny_run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare" / "sequences").mkdir(parents=True)
    np.save(tmp_path / "bare" / "sequences" / "one.npy", np.zeros((8, 64, 96), np.uint8))
    for name, message in (
        ("none", "a data folder must exist; found no folder"),
        ("empty", "a data folder must contain images, videos or stacks of frames"),
        ("bare", "a labelled sequence is needed; found no labels"),
    ):
        flags = (f"--workdir={tiny_run}", f"--input={tmp_path / name}")
        command = [sys.executable, "-c", REFUSED, "evaluate", *flags]
        done = subprocess.run(command, capture_output=True, text=True)
        assert message in done.stdout and done.stdout.endswith("False\n"), done
