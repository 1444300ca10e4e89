"""The training stage: settings passed on, resumed trainings, streamed chips."""

import shutil

import pandas as pd
import pytest

from dimjax.chips import examples
from dimjax.errors import InputError
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, read_config
from dimjax.stages import train
from dimjax.training import steps


@pytest.fixture
def half_trained(tiny_run, tmp_path):
    """The tiny run as if it had been killed after two of its four epochs."""
    paths = Paths(shutil.copytree(tiny_run, tmp_path / "run"))
    for epoch in (2, 3):
        shutil.rmtree(paths.checkpoints / str(epoch))
        for folder in (paths.training_log.losses, paths.training_log.label_outputs):
            (folder / f"{epoch:04d}.parquet").unlink()
    paths.training_log.completion.unlink()
    return RoundContext(read_config(paths.workdir), paths)


def metrics_of(log):
    """The metrics without the speed."""
    return [{**line, "chips_per_second": None} for line in log.read_metrics()]


def test_a_resumed_streamed_training_ends_as_a_resident_one(tiny_run, half_trained):
    """To the bit: two epochs were resident, two are streamed."""
    half_trained.config.training.device_gb = 0.0
    train.run(half_trained)
    expected, log = Paths(tiny_run).training_log, half_trained.paths.training_log
    for name in ("read_losses", "read_label_outputs"):
        tables = (getattr(one, name)() for one in (log, expected))
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert metrics_of(log) == metrics_of(expected)


@pytest.mark.parametrize("folder", ["losses", "label_outputs"])
def test_a_training_without_the_log_of_an_earlier_epoch_is_not_resumed(half_trained, folder):
    log = half_trained.paths.training_log
    (getattr(log, folder) / "0000.parquet").unlink()
    expected = rf"{folder}/0000\.parquet: every epoch of the training needs its file; found none\."
    with pytest.raises(InputError, match=expected):
        train.run(half_trained)
    assert len(list(log.losses.iterdir())) < 3 and not log.is_complete  # no epoch was trained


class Reached(Exception):
    pass


def test_steps_are_made_with_the_settings_of_the_run(half_trained, monkeypatch):
    def make_train_steps(*_, **settings):
        raise Reached(settings)

    config = half_trained.config
    config.detection.match_px, config.loss.location_weight = 6.0, 7.0
    config.training.noise, config.training.augment = 2.0, False
    monkeypatch.setattr(steps, "make_train_steps", make_train_steps)
    with pytest.raises(Reached) as reached:
        train.run(half_trained)
    (settings,) = reached.value.args
    assert settings["match_px"] == 6.0 and settings["location_weight"] == 7.0
    assert settings["noise"] == 2.0 and settings["augmented"] is False


def test_both_splits_share_the_budget(tiny_run, capsys):
    context = RoundContext(read_config(tiny_run), Paths(tiny_run))
    prepared = context.paths.prepared
    size = {name: examples.load(prepared, name).frames.nbytes for name in ("train", "val")}
    assert size["val"] < size["train"] - 1

    def stored(budget):
        context.config.training.device_gb = budget / 1e9
        splits = train.load_examples(context)
        return [isinstance(data.frames, examples.StoredPixels) for data in splits]

    assert stored(size["train"] + size["val"]) == [False, False]
    assert stored(size["train"] + size["val"] - 1) == [False, True]
    assert not capsys.readouterr().out
    assert stored(size["train"] - 1) == [True, False]
    assert "GB of chips are read anew in each epoch: more than training.device_gb=" in (
        capsys.readouterr().out
    )
