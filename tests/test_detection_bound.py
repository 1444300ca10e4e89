"""The bound of detection beside the figures of a run on its own sky."""

import json
import shutil

import pytest

from dimjax.evaluation.bound import bound_at
from dimjax.motion import EvidenceConfig
from dimjax.motion.deflections import deflections
from dimjax.motion.noise_places import noise_places
from dimjax.runs.config_rules import sky_settings
from dimjax.runs.context import RoundContext
from dimjax.runs.detection_bound import detection_bound
from dimjax.runs.workdir import Paths, read_config
from dimjax.sky import signal_of


def figures_of(run) -> dict:
    return json.loads(Paths(run).evaluation.read_text())


def test_a_run_on_its_own_sky_has_the_bound_beside_its_figures(tiny_run):
    figures = figures_of(tiny_run)
    assert figures["bound"]["window"] == 8
    bound, untrained = (figures[part]["recall_at"]["target"] for part in ("bound", "untrained"))
    for row, found in zip(bound, untrained, strict=True):
        assert row["truths"] == found["truths"]
        assert [s["truths"] for s in row["slices"]] == [s["truths"] for s in found["slices"]]
        assert 1 >= row["recall"] >= found["recall"] - 0.02


def test_the_parts_give_the_bound(context):
    config = context.config
    settings, _ = sky_settings(config.sky)
    signal = signal_of("test-0000", settings, settings, config.seed)
    band = EvidenceConfig(min_speed_px=0.0)  # as the targets of the sky
    truth = signal.truth.assign(deflection=deflections(*signal, band))
    rows = bound_at(truth, {"test-0000": 8}, noise_places(band, 2) * 64 * 96, (0.1, 0.65))
    assert detection_bound(context, ["test-0000"]) == {"window": 8, "recall_at": {"target": rows}}


@pytest.fixture
def context(tiny_run, tmp_path):
    """The context of a copy of the tiny run, whose sky may be replaced."""
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    return RoundContext(read_config(workdir), Paths(workdir))


def test_the_bound_of_a_named_folder_is_that_of_the_own_sky(context):
    expected = figures_of(context.paths.workdir)["bound"]
    context.config.data.folder = str(context.paths.sky)  # as evaluate --input names it
    assert detection_bound(context, ["test-0000"]) == expected


def test_other_data_have_no_bound_and_no_message(context, tmp_path, capsys):
    context.config.data.folder = str(shutil.copytree(context.paths.sky, tmp_path / "other"))
    assert detection_bound(context, ["test-0000"]) is None
    assert capsys.readouterr().out == ""


def test_frames_that_fill_no_window_have_no_bound(context):
    context.config.evidence.frames = 9
    assert detection_bound(context, ["test-0000"]) is None


def test_a_sky_of_too_many_pixels_has_no_bound(context, capsys):
    context.config.sky.settings.frames = 100_000
    assert detection_bound(context, ["test-0000"]) is None
    message = "bound of detection: not computed, a sequence has more than 536,870,912 pixels\n"
    assert capsys.readouterr().out == message


@pytest.mark.parametrize("column, change", [("x", 0.5), ("visible", -0.1), ("frame", None)])
def test_a_sky_that_would_now_be_another_one_has_no_bound(context, column, change, capsys):
    truth = context.folder.truth
    changed = truth[:-1] if change is None else truth.assign(**{column: truth[column] + change})
    vars(context.folder)["truth"] = changed
    assert detection_bound(context, ["test-0000"]) is None
    message = "bound of detection: not computed, the simulator would now make another test-0000\n"
    assert message in capsys.readouterr().out
