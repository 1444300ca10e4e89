"""The training stage: settings passed on, resumed trainings, streamed chips."""

import json
import shutil
import signal

import jax
import numpy as np
import pandas as pd
import pytest

from dimjax.chips import examples
from dimjax.detection.detector import restore_detector
from dimjax.errors import InputError
from dimjax.runs import detector_choice, start_weights
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


def assert_same_training(paths, expected_paths):
    """To the bit: losses, label outputs, metrics and the last weights."""
    log, expected = paths.training_log, expected_paths.training_log
    for name in ("read_losses", "read_label_outputs"):
        tables = (getattr(one, name)() for one in (log, expected))
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert metrics_of(log) == metrics_of(expected)
    weights = (restore_detector(one.checkpoints).variables for one in (paths, expected_paths))
    jax.tree.map(np.testing.assert_array_equal, *weights)


def test_a_resumed_streamed_training_ends_as_a_resident_one(tiny_run, half_trained):
    """To the bit: two epochs were resident, two are streamed."""
    half_trained.config.training.device_gb = 0.0
    train.run(half_trained)
    assert_same_training(half_trained.paths, Paths(tiny_run))


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


@pytest.fixture
def handled():
    """Handlers of all signals, also if a background process inherited that one is ignored."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    previous = [signal.signal(number, signal.default_int_handler) for number in numbers]
    yield
    for number, handler in zip(numbers, previous, strict=True):
        signal.signal(number, handler)


def interrupt_once(monkeypatch, number, step):
    """Send this process a signal before a step of the first epoch that is trained."""
    sent = []

    def bar(items, description, unit="it"):
        for count, item in enumerate(items):
            if unit == "step" and count == step and not sent:
                sent.append(signal.raise_signal(number))
            yield item

    monkeypatch.setattr(train, "bar", bar)


@pytest.mark.parametrize(
    ("number", "step"), [(signal.SIGINT, 0), (signal.SIGTERM, 1), (signal.SIGHUP, 1)]
)
def test_an_interrupted_epoch_goes_on_after_the_running_step(
    tiny_run, half_trained, handled, monkeypatch, capsys, number, step
):
    interrupt_once(monkeypatch, number, step)
    with pytest.raises(KeyboardInterrupt):
        train.run(half_trained)
    log, partial = half_trained.paths.training_log, half_trained.paths.partial_epoch
    assert partial.exists() and not (log.losses / "0002.parquet").exists()
    train.run(half_trained)
    assert f"epoch 3 goes on after step {step + 1} of" in capsys.readouterr().out
    assert not partial.exists()
    assert_same_training(half_trained.paths, Paths(tiny_run))


def test_an_interrupted_validation_does_not_cost_the_epoch(
    tiny_run, half_trained, monkeypatch, capsys
):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train, "losses_table", interrupted)
        train.run(half_trained)
    train.run(half_trained)
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "goes on" in one]
    count = line.split()[-1]
    assert line == f"epoch 3 goes on after step {count} of {count}"
    assert_same_training(half_trained.paths, Paths(tiny_run))


def test_a_damaged_partial_epoch_is_reported_and_trained_again(
    tiny_run, half_trained, handled, monkeypatch, capsys
):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_once(patch, signal.SIGINT, 0)
        train.run(half_trained)
    partial = half_trained.paths.partial_epoch
    content = bytearray(partial.read_bytes())
    content[len(content) // 2] ^= 4
    partial.write_bytes(content)
    train.run(half_trained)
    assert f"{partial}: a damaged file; epoch 3 is trained again from its start" in (
        capsys.readouterr().out
    )
    assert_same_training(half_trained.paths, Paths(tiny_run))


def epochs_in(folder):
    return sorted(int(one.name) for one in folder.glob("[0-9]*"))


def test_the_best_epoch_in_validation_is_kept_beside_the_last_ones(tiny_run):
    paths = Paths(tiny_run)
    f1 = [figures["val/f1"] for figures in paths.training_log.read_metrics()]
    assert epochs_in(paths.best) == [f1.index(max(f1))]
    assert epochs_in(paths.checkpoints) == [1, 2, 3]
    context = RoundContext(read_config(tiny_run), paths)
    assert context.checkpoint() == (paths.checkpoints, 3)
    assert context.checkpoint(2) == (paths.checkpoints, 2)


def test_the_best_checkpoint_is_used_with_thresholds_of_its_own(half_trained, capsys, monkeypatch):
    paths = half_trained.paths
    chosen = {"threshold": {"target": 0.25, "interference": 0.75}}
    monkeypatch.setattr(detector_choice, "choose_thresholds", lambda *_: chosen)
    half_trained.config.training.checkpoint = "best"
    train.run(half_trained)
    (best,) = epochs_in(paths.best)
    assert f"detector: epoch {best + 1}/4, the best in validation\n" in capsys.readouterr().out
    assert half_trained.checkpoint() == half_trained.checkpoint(best) == (paths.best, best)
    assert (
        restore_detector(*half_trained.checkpoint()).description["threshold"] == chosen["threshold"]
    )
    last = restore_detector(paths.checkpoints).description["threshold"]
    assert last == {"target": 0.5, "interference": 0.5}
    half_trained.config.training.checkpoint = "last"
    assert half_trained.checkpoint() == (paths.checkpoints, 3)


def test_a_best_epoch_that_a_kill_left_unsaved_is_saved_before_the_training_goes_on(
    tiny_run, half_trained, monkeypatch
):
    def stop(*_, **__):
        raise Reached

    paths = half_trained.paths
    shutil.rmtree(paths.best)
    lines = Paths(tiny_run).training_log.read_metrics()
    rising = [line | {"val/f1": 0.1 * line["epoch"]} for line in lines]
    text = "".join(json.dumps(line) + "\n" for line in rising)
    paths.training_log.metrics.write_text(text)
    monkeypatch.setattr(train.interrupts, "take_epoch", stop)
    with pytest.raises(Reached):
        train.run(half_trained)
    assert epochs_in(paths.best) == [1]


@pytest.mark.parametrize("part", [".", "rounds/0/checkpoints", "rounds/0/checkpoints/3"])
def test_a_training_starts_from_the_weights_of_another(tiny_run, half_trained, monkeypatch, part):
    def start(state, variables, mesh):
        raise Reached(variables)

    config = half_trained.config
    config.training.start = str(tiny_run / part)
    start_weights.check(config)
    shutil.rmtree(half_trained.paths.checkpoints)
    monkeypatch.setattr(train.train_state, "warm_start", start)
    with pytest.raises(Reached) as reached:
        train.run(half_trained)
    (variables,) = reached.value.args
    expected = restore_detector(Paths(tiny_run).checkpoints).variables
    same = jax.tree.map(lambda a, b: bool((a == b).all()), variables, expected)
    assert all(jax.tree.leaves(same))


@pytest.mark.parametrize(
    ("section", "key", "value", "given"),
    [("model", "width", 0.5, "0.25"), ("model", "backbone", "resnet18", "darknet19"),
     ("model", "input", "single", "difference")],
)  # fmt: skip
def test_weights_of_another_model_are_refused_in_one_line(tiny_run, section, key, value, given):
    config = read_config(tiny_run)
    config.training.start, config[section][key] = str(tiny_run), value
    name = f"{section}.{key}"
    text = rf"its weights must be those of a model of {name}={value}; found {name}={given}\. Set"
    with pytest.raises(InputError, match=text):
        start_weights.check(config)


def test_weights_of_other_clips_are_noted(tiny_run, capsys):
    config = read_config(tiny_run)
    config.training.start = str(tiny_run)
    start_weights.check(config)
    assert not capsys.readouterr().out
    config.data.stride, config.data.align = 3, True
    start_weights.check(config)
    stride, align = capsys.readouterr().out.splitlines()
    assert "clips of stride 1, this run trains on clips of stride 3" in stride
    assert "clips of align False, this run trains on clips of align True" in align


def test_a_start_that_holds_no_weights_is_refused(tiny_run, tmp_path):
    config = read_config(tiny_run)
    config.training.start = str(tmp_path)
    with pytest.raises(InputError, match="it must be a run's directory, or a folder of checkpoi"):
        start_weights.check(config)


@pytest.mark.parametrize(("removed", "added"), [("align", ()), (None, ("colour",))])
def test_a_checkpoint_of_another_version_is_refused(half_trained, removed, added):
    path = half_trained.paths.checkpoints / "1" / "description" / "metadata"
    description = json.loads(path.read_text())
    description.pop(removed, None)
    path.write_text(json.dumps(description | dict.fromkeys(added, 1)))
    name = removed or added[0]
    with pytest.raises(
        InputError,
        match=rf"checkpoints, epoch 2: must be of this version of dimjax; .* differs in {name}\. T",
    ):
        restore_detector(half_trained.paths.checkpoints)


def test_a_checkpoint_may_be_older_than_the_rotation_of_its_camera(half_trained):
    path = half_trained.paths.checkpoints / "1" / "description" / "metadata"
    description = json.loads(path.read_text())
    assert description.pop("align_rotation") is False
    path.write_text(json.dumps(description))
    assert restore_detector(half_trained.paths.checkpoints).description["align_rotation"] is False


def test_a_description_with_unknown_numbers_is_refused(half_trained):
    path = half_trained.paths.checkpoints / "1" / "description" / "metadata"
    description = json.loads(path.read_text())
    description["causal_threshold"]["interference"] = float("nan")
    path.write_text(json.dumps(description))
    rule = "epoch 2: numbers of the description must be known; found NaN in causal_threshold"
    with pytest.raises(InputError, match=rule):
        restore_detector(half_trained.paths.checkpoints)
