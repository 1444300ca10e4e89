"""Train a network on the chips of a round, epoch by epoch, and record every example's loss.

After each epoch its losses, label outputs and figures are written, then its checkpoint. A killed
training therefore resumes after the last checkpoint and ends as an undisturbed one would. One that
is interrupted by Ctrl-C or SIGTERM ends after the running step and resumes there. The best epoch in
validation is kept beside the last ones. After the last epoch the thresholds of the round's detector
are chosen on full frames of the validation split.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from tensorboardX import SummaryWriter

from dimjax.chips import examples
from dimjax.data.labels import read_table
from dimjax.detection.detector import (
    Detector,
    create_model,
    input_channels,
    make_detector,
    restore_detector,
)
from dimjax.detection.inference import detect_in_chips
from dimjax.evaluation.chip_tables import chip_labels
from dimjax.evaluation.figures import best_f1
from dimjax.progress import bar, counted, say
from dimjax.report import live
from dimjax.runs import digests, integrity, start_weights
from dimjax.runs.context import RoundContext, clip_stride
from dimjax.runs.detector_choice import choose_detector
from dimjax.tracks import ScoreModel
from dimjax.training import checkpoints, interrupts, meshes, processes, steps, train_state
from dimjax.training.chip_feed import Chips, Streamed, chips_of, resident_bytes
from dimjax.training.inputs import uses_evidence
from dimjax.training.interrupts import PartialEpoch
from dimjax.training.loss_query import losses_table
from dimjax.training.losses import PARTS
from dimjax.training.training_log import label_rows


class _Training(NamedTuple):
    """Everything that stays the same over the epochs."""

    context: RoundContext
    mesh: jax.sharding.Mesh  # all devices of all processes
    data: examples.Examples
    label_rows: np.ndarray  # [N, M], see dimjax.training.training_log
    chips: Chips | Streamed  # the examples, for the devices
    val: examples.Examples | None
    val_chips: Chips | Streamed | None
    train_steps: Callable
    query: Callable  # from dimjax.training.steps.make_loss_query
    detector: Detector  # without variables


def run(context: RoundContext) -> None:
    """Write paths.checkpoints, paths.best and paths.training_log."""
    paths, log = context.paths, context.paths.training_log
    if log.is_complete:
        return
    processes.broadcast(context.number)
    digests.keep_intact_epochs(paths)
    setup, state = _prepare(context)
    with (
        checkpoints.open_checkpoints(paths.checkpoints) as saved,
        checkpoints.open_checkpoints(paths.best, kept=1) as best,
        SummaryWriter(str(paths.round / "tensorboard")) as board,
    ):
        first = 0
        if saved.latest_step() is not None:
            state = checkpoints.restore(saved, like=state)
            first = saved.latest_step() + 1
        state, first = _synchronised(setup, state, first)
        log.require_epochs(first)
        log.drop_metrics_from(first)
        # A process may have been killed between the two checkpoints of an epoch.
        checkpoints.keep_best(best, log.metrics_so_far(), state, setup.detector.description)
        _announce(setup, first)
        epochs = bar(range(first, context.epochs), "train", "epoch")
        for epoch in integrity.while_kept(paths.config, epochs):
            trained, rate = _train_one(setup, state, epoch, timed=epoch == first)
            state = trained.state
            with interrupts.kept(paths.partial_epoch, trained):
                figures = _log_epoch(setup, trained, rate)
                for name, value in figures.items():
                    board.add_scalar(name, value, epoch + 1)
                live.update(context, steps_per_epoch=len(_order(setup, epoch)))
                description = setup.detector.description
                checkpoints.keep_best(best, log.metrics_so_far(), state, description)
                if epoch == context.epochs - 1:
                    description = choose_detector(context, setup.detector, best, _variables(state))
                checkpoints.save(saved, epoch, state, description)
                digests.record_epoch(paths, epoch)
                paths.partial_epoch.unlink(missing_ok=True)
            processes.barrier()
    log.finish(context.epochs)


def follow(context: RoundContext) -> None:
    """Take the steps of a training that process 0 runs; write nothing."""
    setup, state = _prepare(context)
    state, first = _synchronised(setup, state, 0)
    for epoch in range(first, context.epochs):
        order = _order(setup, epoch)
        state, _ = steps.train_epoch(setup.train_steps, state, setup.chips, order)
        processes.barrier()  # process 0 validates and writes


def describe(config) -> dict:
    """All that a detector's user must know besides the weights, as plain values."""
    return {
        "backbone": config.model.backbone,
        "width": config.model.width,
        "output_stride": config.model.output_stride,
        "context_px": config.chips.chip_px,
        "bf16": config.model.bf16,
        "input": config.model.input,
        "evidence": config.evidence.to_dict() if uses_evidence(config.model.input) else None,
        "stride": clip_stride(config),
        **{name: config.data[name] for name in ("align", "align_rotation")},
        "rescoring": None,  # of each category, see dimjax.detection.rescoring
        "threshold": {"target": 0.5, "interference": 0.5},
        "track_threshold": {"target": 0.5, "interference": 0.5},  # for dimjax.tracks.score
        "causal_threshold": {"target": 0.5, "interference": 0.5},
        "score_model": ScoreModel()._asdict(),
        "category_models": None,  # of dimjax.tracks.CategoryModel: all frames of a track, past ones
        **config.detection.to_dict(),
    }


def _prepare(context: RoundContext) -> tuple[_Training, train_state.TrainState]:
    config = context.config
    data, val = load_examples(context)
    description, optimizer = describe(config), _optimizer(context, len(data))
    model, mesh, own_mesh = create_model(description), meshes.make_mesh(), meshes.own_mesh()
    key = jax.random.fold_in(jax.random.key(config.seed), context.number)
    loss = {
        "mode": config.model.input,
        "stride": config.model.output_stride,
        "location_weight": config.loss.location_weight,
        "classification_weight": config.loss.classification_weight,
    }
    train_steps = steps.make_train_steps(
        model,
        optimizer,
        mesh,
        **loss,
        augmented=config.training.augment,
        noise=config.training.noise,
        match_px=config.detection.match_px,
        key=key,
    )
    channels = input_channels(description)
    state = train_state.initial_state(model, optimizer, own_mesh, channels, loss["stride"], key)
    if (variables := _first_variables(context)) is not None:
        state = train_state.warm_start(state, variables, own_mesh)
    spare = context.max_chip_bytes - resident_bytes(data, val)
    setup = _Training(
        context=context,
        mesh=mesh,
        data=data,
        label_rows=label_rows(data, read_table(context.paths.labels)),
        chips=chips_of(data, mesh, spare / 2),
        val=val,
        val_chips=None if val is None else chips_of(val, own_mesh, spare / 2),
        train_steps=train_steps,
        query=steps.make_loss_query(model, **loss),
        detector=make_detector(model, None, description),
    )
    return setup, state


def _optimizer(context: RoundContext, examples: int):
    settings = context.config.training
    steps_per_epoch = -(-examples // settings.batch_size)
    return train_state.make_optimizer(
        settings.optimizer,
        settings.learning_rate,
        settings.weight_decay,
        warmup_steps=round(settings.warmup_epochs * steps_per_epoch),
        steps=context.epochs * steps_per_epoch,
    )


def load_examples(context: RoundContext) -> tuple[examples.Examples, examples.Examples | None]:
    """Load the training and validation examples; frames beyond the budget stay on the disk."""
    max_bytes, prepared = context.max_chip_bytes, context.paths.prepared
    data = examples.load(prepared, "train", lambda rows: bar(rows, "read chips", "chip"), max_bytes)
    if isinstance(data.frames, examples.StoredPixels):
        say(
            f"{data.nbytes / 1e9:.3g} GB of chips are read anew in each epoch: more than "
            f"training.device_gb={context.config.training.device_gb:g}"
        )
    else:
        max_bytes -= data.nbytes
    if "val" not in examples.split_names(prepared):
        return data, None
    return data, examples.load(prepared, "val", max_bytes=max_bytes)


def _synchronised(setup: _Training, state: train_state.TrainState, first: int):
    """Return the initial state, on all devices, and the first epoch, as process 0 has them."""
    if jax.process_count() == 1:
        return state, first
    state, first = processes.broadcast_arrays((state, first))
    return meshes.on_mesh(state, setup.mesh), int(first)


def _order(setup: _Training, epoch: int) -> np.ndarray:
    config = setup.context.config
    seed = (config.seed, setup.context.number, epoch)
    return steps.epoch_order(len(setup.data), config.training.batch_size, seed)


def _first_variables(context: RoundContext) -> dict | None:
    """Weights to start from; None for random ones, or if the round has a checkpoint already."""
    if context.checkpoint()[1] is not None:
        return None
    if context.trains_first or context.config.rounds.start == "scratch":
        return start_weights.read(context.config)
    return restore_detector(*context.of_round(context.number - 1).checkpoint()).variables


def _announce(setup: _Training, first: int) -> None:
    """Announce the size of the training."""
    epochs = setup.context.epochs - first
    count, batch_size = _order(setup, first).shape
    if epochs:  # none if the last process was killed after the last checkpoint
        say(
            f"training: {counted(epochs, 'epoch')} of {counted(count, 'step')} of "
            f"{counted(batch_size, 'chip')}, on "
            f"{jax.device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} CPU cores"
        )


def _time_first(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield blocks of steps; announce how long the first one took, with compiling."""
    started = time.monotonic()
    for number, block in enumerate(blocks):
        yield block
        if not number:
            seconds = time.monotonic() - started
            steps = "step" if len(block) == 1 else f"{len(block)} steps"
            say(f"compiling and the first {steps} took {seconds:.1f} s")


def _train_one(
    setup: _Training, state: train_state.TrainState, epoch: int, timed: bool
) -> tuple[PartialEpoch, float]:
    """Train one epoch; return it and the rate of this process, chips per second."""
    started, taken = time.monotonic(), 0

    def progress(blocks):
        nonlocal taken
        taken = sum(block.size for block in blocks)
        blocks = bar(blocks, f"epoch {epoch + 1}/{setup.context.epochs}", "step")
        return _time_first(blocks) if timed else blocks

    path, order = setup.context.paths.partial_epoch, _order(setup, epoch)
    trained = interrupts.take_epoch(
        path, epoch, setup.train_steps, state, setup.chips, order, progress
    )
    return trained, taken / (time.monotonic() - started)


def _log_epoch(setup: _Training, trained: PartialEpoch, rate: float) -> dict[str, float]:
    """Write the losses, label outputs and figures of an epoch; return the figures."""
    log, epoch, epochs = setup.context.paths.training_log, trained.epoch, setup.context.epochs
    outputs = steps.epoch_outputs(_order(setup, epoch), trained.records)
    figures = {f"train/{part}": float(outputs[part].mean()) for part in (*PARTS, "total")}
    figures |= _validate(setup, trained.state)
    figures["chips_per_second"] = rate
    log.write_epoch(epoch, setup.data, setup.label_rows, outputs)
    log.append_metrics(epoch, figures)
    val = f", validation {figures['val/total']:.3f}" if "val/total" in figures else ""
    f1 = f", F1 {figures['val/f1']:.3f}" if "val/f1" in figures else ""
    say(f"epoch {epoch + 1}/{epochs}: loss {figures['train/total']:.3f}{val}{f1}")
    return figures


def _validate(setup: _Training, state: train_state.TrainState) -> dict[str, float]:
    if setup.val is None:
        return {}
    config, variables = setup.context.config, _variables(state)
    size = config.training.batch_size
    losses = losses_table(setup.val, setup.val_chips, setup.query, variables, size)
    detector = setup.detector._replace(variables=variables)
    detections = detect_in_chips(detector, setup.val_chips, len(setup.val), size)
    f1 = best_f1(chip_labels(setup.val), detections, "target", config.detection.match_px)
    means = {f"val/{part}": float(losses[part].mean()) for part in (*PARTS, "total")}
    return {**means, "val/f1": f1}


def _variables(state: train_state.TrainState) -> dict:
    return meshes.on_own_devices({"params": state.params, "batch_stats": state.batch_stats})
