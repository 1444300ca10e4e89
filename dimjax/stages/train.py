"""Train a network on the chips of a round, epoch by epoch, and keep every example's loss.

After each epoch its losses, answers and figures are written, then its checkpoint. So a killed
training goes on after the last checkpoint and ends as an undisturbed one would. After the last
epoch the detector's thresholds are chosen on full frames of the validation split.
"""

import json
import os
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import pandas as pd
from tensorboardX import SummaryWriter

from dimjax.atomic_files import write_whole
from dimjax.chips import examples
from dimjax.data.labels import read_table
from dimjax.data.splits import with_validation
from dimjax.detection.detector import Detector, create_model, make_detector, restore_detector
from dimjax.detection.inference import search, search_chips
from dimjax.evaluation.chip_tables import chip_labels
from dimjax.evaluation.figures import best_f1, choose_thresholds
from dimjax.progress import bar, say
from dimjax.runs.run import most_bytes
from dimjax.runs.workdir import Paths
from dimjax.stages.motion import camera_motion
from dimjax.stages.simulate import data_folder
from dimjax.tracks import vote
from dimjax.training import checkpoints, loss_query, meshes, processes, records, steps
from dimjax.training.forecast import Forecast
from dimjax.training.inputs import CHANNELS
from dimjax.training.loss_query import losses_table
from dimjax.training.losses import PARTS

_THRESHOLD_FRAMES = 400  # of the validation split ...
_FRAMES_IN_A_ROW = 24  # ... in rows of so many, evenly spread: tracks need them in a row


class _Training(NamedTuple):
    """What stays the same over the epochs."""

    config: object
    paths: Paths
    mesh: jax.sharding.Mesh  # of all devices of all processes
    data: examples.Examples
    label_rows: np.ndarray  # [N, M], see dimjax.training.records
    chips: steps.Chips | steps.Streamed  # the same for the devices
    val: examples.Examples | None
    val_chips: steps.Chips | steps.Streamed | None
    train_steps: Callable
    query: Callable  # from training.make_losses
    detector: Detector  # without variables


def run(config, paths: Paths) -> None:
    """Write paths.checkpoints, paths.metrics and, when all is done, paths.losses."""
    if paths.losses.exists():
        return
    processes.tell(paths.number)
    setup, state = _prepare(config, paths)
    with (
        checkpoints.open_checkpoints(paths.checkpoints) as saved,
        SummaryWriter(str(paths.round / "tensorboard")) as board,
    ):
        first = 0
        if saved.latest_step() is not None:
            state = checkpoints.restore(saved, like=state)
            first = saved.latest_step() + 1
        state, first = _agreed(setup, state, first)
        _drop_metrics_from(paths, first)
        forecast = _forecast(setup, first)
        for epoch in range(first, epochs_of(config, paths.number)):
            state, figures = _train_one(setup, state, epoch, forecast)
            for name, value in figures.items():
                board.add_scalar(name, value, epoch)
            description = setup.detector.description
            if epoch == epochs_of(config, paths.number) - 1:
                description = {**description, **_thresholds(setup, state)}
            checkpoints.save(saved, epoch, state, description)
            processes.tell()
    records.merge(paths)


def follow(config, paths: Paths) -> None:
    """Take the steps of a training that process 0 runs, and write nothing."""
    setup, state = _prepare(config, paths)
    state, first = _agreed(setup, state, 0)
    for epoch in range(first, epochs_of(config, paths.number)):
        order = _order(setup, epoch)
        state, _ = steps.train_epoch(setup.train_steps, state, setup.chips, order)
        processes.told()  # it validates and writes


def epochs_of(config, number: int) -> int:
    """Epochs of a round: the paper trains 100 first and 50 in each later one."""
    return config.rounds.later_epochs if number else config.training.epochs


def describe(config) -> dict:
    """All that a detector's user must know besides the weights, as plain values."""
    return {
        "backbone": config.model.backbone,
        "width": config.model.width,
        "output_stride": config.model.output_stride,
        "context_px": config.chips.chip_px,
        "bf16": config.model.bf16,
        "input": config.model.input,
        "stride": config.data.stride,
        "threshold": {"target": 0.5, "interference": 0.5},
        "track_threshold": {"target": 0.5, "interference": 0.5},  # after dimjax.tracks.vote
        **config.detection.to_dict(),
    }


def _prepare(config, paths: Paths) -> tuple[_Training, steps.TrainState]:
    data, val = _examples(config, paths)
    description = describe(config)
    model, mesh, own = create_model(description), meshes.make_mesh(), meshes.own_mesh()
    optimizer = _optimizer(config, paths.number, len(data))
    key = jax.random.fold_in(jax.random.key(config.seed), paths.number)
    stride = config.model.output_stride
    loss = {
        "mode": config.model.input,
        "stride": stride,
        "a": config.loss.location_weight,
        "b": config.loss.classification_weight,
    }
    train_steps = steps.make_train_steps(
        model,
        optimizer,
        mesh,
        **loss,
        augmented=config.training.augment,
        noise=config.training.noise,
        key=key,
    )
    channels = CHANNELS[config.model.input]
    state = steps.initial_state(model, optimizer, own, channels, stride, key)
    if paths.number and config.rounds.start == "last":
        state = steps.started_from(state, _last_variables(paths), own)
    chips, query = steps.chips_of(data, mesh), loss_query.make_losses(model, **loss)
    val_chips = None if val is None else steps.chips_of(val, own)
    detector = make_detector(model, None, description)
    rows = records.label_rows(data, read_table(paths.labels))
    setup = _Training(
        config, paths, mesh, data, rows, chips, val, val_chips, train_steps, query, detector
    )
    return setup, state


def _optimizer(config, number: int, examples: int):
    settings = config.training
    steps = -(-examples // settings.batch_size)
    return steps.make_optimizer(
        settings.optimizer,
        settings.learning_rate,
        settings.weight_decay,
        warmup_steps=round(settings.warmup_epochs * steps),
        steps=epochs_of(config, number) * steps,
    )


def _examples(config, paths: Paths) -> tuple[examples.Examples, examples.Examples | None]:
    """The training and the validation examples; frames that the budget has no room for stay put."""
    room = most_bytes(config)
    data = examples.load(
        paths.prepared, "train", lambda rows: bar(rows, "read chips", "chip"), room
    )
    if isinstance(data.frames, examples.StoredFrames):
        say(
            f"{data.frames.nbytes / 1e9:.3g} GB of chips are read anew in each epoch: more than "
            f"training.device_gb={config.training.device_gb:g}"
        )
    else:
        room -= data.frames.nbytes
    if "val" not in examples.splits(paths.prepared):
        return data, None
    return data, examples.load(paths.prepared, "val", most_bytes=room)


def _agreed(setup: _Training, state: steps.TrainState, first: int):
    """The state to begin with, on all devices, and the first epoch, as process 0 has them."""
    if jax.process_count() == 1:
        return state, first
    state, first = processes.shared((state, first))
    return meshes.on_mesh(state, setup.mesh), int(first)


def _order(setup: _Training, epoch: int) -> np.ndarray:
    seed = (setup.config.seed, setup.paths.number, epoch)
    return steps.epoch_order(len(setup.data), setup.config.training.batch_size, seed)


def _last_variables(paths: Paths) -> dict:
    """The weights with which the round before this one ended."""
    return restore_detector(paths.of_round(paths.number - 1).checkpoints).variables


def _forecast(setup: _Training, first: int) -> Forecast:
    """Say how large the training from an epoch on is; what it takes is said when it has begun."""
    epochs = epochs_of(setup.config, setup.paths.number) - first
    steps, batch_size = _order(setup, first).shape
    if epochs:  # none are left where the last one was killed after its checkpoint
        say(
            f"training: {epochs} epochs of {steps} steps of {batch_size} chips, on "
            f"{jax.device_count()} device(s) of kind {jax.devices()[0].device_kind}, "
            f"{os.cpu_count()} CPU cores"
        )
    return Forecast(epochs, steps)


def _train_one(setup: _Training, state: steps.TrainState, epoch: int, forecast: Forecast):
    """One epoch: the next state and the figures that metrics.jsonl gets."""
    number, started = setup.paths.number, time.monotonic()
    epochs = epochs_of(setup.config, number)
    order = _order(setup, epoch)

    def progress(blocks):
        return forecast.watch(bar(blocks, f"epoch {epoch + 1}/{epochs}", "step"))

    state, found = steps.train_epoch(setup.train_steps, state, setup.chips, order, progress)
    rate = len(setup.data) / (time.monotonic() - started)
    figures = {f"train/{part}": float(found[part].mean()) for part in (*PARTS, "total")}
    figures |= _validate(setup, state)
    figures["chips_per_second"] = rate
    records.write_epoch(setup.paths, epoch, setup.data, setup.label_rows, found)
    with open(setup.paths.metrics, "a", encoding="utf-8") as file:
        file.write(json.dumps({"epoch": epoch, **figures}) + "\n")
    val = f", validation {figures['val/total']:.3f}" if "val/total" in figures else ""
    f1 = f", F1 {figures['val/f1']:.3f}" if "val/f1" in figures else ""
    say(f"epoch {epoch + 1}/{epochs}: loss {figures['train/total']:.3f}{val}{f1}")
    return state, figures


def _validate(setup: _Training, state: steps.TrainState) -> dict[str, float]:
    if setup.val is None:
        return {}
    variables = _variables(state)
    size = setup.config.training.batch_size
    losses = losses_table(setup.val, setup.val_chips, setup.query, variables, size)
    detector = setup.detector._replace(variables=variables)
    found = search_chips(detector, setup.val_chips.frames, setup.val_chips.scale, size)
    match_px = setup.config.detection.match_px
    f1 = best_f1(chip_labels(setup.val), found, "target", match_px)
    means = {f"val/{part}": float(losses[part].mean()) for part in (*PARTS, "total")}
    return {**means, "val/f1": f1}


def _thresholds(setup: _Training, state: steps.TrainState) -> dict[str, dict[str, float]]:
    """Thresholds of high F1 on full frames of the validation split.

    Without a validation split it is the training split, which flatters.

    Returns:
      threshold, and track_threshold: what to ask of detections whose tracks have voted.
    """
    config = setup.config
    folder = data_folder(config, setup.paths)
    splits = with_validation(folder.splits, config.data.val_share, config.seed)
    names = splits.get("val") or splits["train"]
    if "val" not in splits:
        say("no validation split: the thresholds are chosen on the training split")
    share = _THRESHOLD_FRAMES / sum(folder.shapes[name][0] for name in names)
    searched = {name: _some_frames(folder.shapes[name][0], share) for name in names}
    detector = setup.detector._replace(variables=_variables(state))
    found = [
        search(detector, folder.sequence(name), frames)
        for name, frames in bar(searched.items(), "choose thresholds", "sequence")
    ]
    found = pd.concat(found, ignore_index=True)
    keys = [(name, t) for name, frames in searched.items() for t in frames]
    labels = folder.labels.merge(pd.DataFrame(keys, columns=["sequence", "frame"]))
    match_px = config.detection.match_px
    threshold = choose_thresholds(labels, found, match_px)
    described = {**detector.description, "threshold": threshold}  # from which tracks start
    shifts = camera_motion(config, folder.sequence, names)
    voted = vote(detector._replace(description=described).linked(found, shifts))
    on_tracks = choose_thresholds(labels, voted, match_px)
    return {"threshold": threshold, "track_threshold": on_tracks}


def _some_frames(length: int, share: float) -> list[int]:
    """About a share of the frames of a sequence, in rows that are evenly spread."""
    rows = max(1, round(length * share / _FRAMES_IN_A_ROW))
    if share >= 1 or rows * _FRAMES_IN_A_ROW >= length:
        return list(range(length))
    starts = np.linspace(0, length - _FRAMES_IN_A_ROW, rows).astype(int)
    return sorted({t for start in starts.tolist() for t in range(start, start + _FRAMES_IN_A_ROW)})


def _variables(state: steps.TrainState) -> dict:
    return meshes.on_own_devices({"params": state.params, "batch_stats": state.batch_stats})


def _drop_metrics_from(paths: Paths, epoch: int) -> None:
    """Forget the figures of epochs whose checkpoint was not saved: they are trained again."""
    paths.metrics.parent.mkdir(parents=True, exist_ok=True)
    lines = paths.metrics.read_text().splitlines() if paths.metrics.exists() else []
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["epoch"] < epoch]
    write_whole(paths.metrics, "".join(f"{line}\n" for line in kept))
