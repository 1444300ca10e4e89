"""Checkpoints: the whole train state and what is needed to use it, saved and restored by Orbax.

In come a state and a description (plain values: model, input mode, thresholds); out comes the
same pair, or an error that says what differs. A checkpoint is there whole or not at all.

    with open_checkpoints(directory) as checkpoints:
        save(checkpoints, epoch, state, description)
        state, description = restore(checkpoints, like=state)
"""

from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp

from dimjax.errors import InputError
from dimjax.training.steps import TrainState


def saved_checkpoints(directory: Path) -> ocp.CheckpointManager:
    """The checkpoints of a training, to read; no folder is made.

    Raises:
      InputError: There is no such folder.
    """
    if not Path(directory).is_dir():
        rule, remedy = "a checkpoint of any epoch is needed", "Train first, or name another round."
        raise InputError(directory, rule, "no folder", remedy)
    return open_checkpoints(directory)


def open_checkpoints(directory: Path, keep: int = 3) -> ocp.CheckpointManager:
    """The checkpoints of one training, by epoch, to write; only the newest are kept.

    Where there are several processes this one reads and writes them without the others.
    """
    alone = ocp.options.MultiprocessingOptions()
    if jax.process_count() > 1:
        own = jax.process_index()
        alone = ocp.options.MultiprocessingOptions(
            primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process {own}"
        )
    Path(directory).mkdir(parents=True, exist_ok=True)
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep,
        create=False,
        enable_async_checkpointing=False,
        multiprocessing_options=alone,
    )
    return ocp.CheckpointManager(
        Path(directory).absolute(),
        options=options,
        item_handlers={
            "state": ocp.PyTreeCheckpointHandler(multiprocessing_options=alone),
            "description": ocp.JsonCheckpointHandler(multiprocessing_options=alone),
        },
    )


def save(
    checkpoints: ocp.CheckpointManager, epoch: int, state: TrainState, description: dict
) -> None:
    """Save the state after an epoch."""
    if jax.process_count() > 1:  # an array on this process's devices alone would be refused
        state = jax.device_get(state)
    checkpoints.save(
        epoch,
        args=ocp.args.Composite(
            state=ocp.args.PyTreeSave(state._asdict()),
            description=ocp.args.JsonSave(description),
        ),
    )


def describe(checkpoints: ocp.CheckpointManager, epoch: int | None = None) -> dict:
    """The description in a checkpoint: enough to build the model for it."""
    epoch = _epoch(checkpoints, epoch)
    args = ocp.args.Composite(description=ocp.args.JsonRestore())
    return checkpoints.restore(epoch, args=args)["description"]


def restore(
    checkpoints: ocp.CheckpointManager, like: TrainState, epoch: int | None = None
) -> TrainState:
    """The state in a checkpoint, to train on from.

    Args:
      checkpoints: From open_checkpoints.
      like: A state of the same model and optimiser, on the devices to restore to.
      epoch: Which one; the newest if None.

    Raises:
      InputError: There is none, or it is of another model.
    """
    return TrainState(**_restored(checkpoints, like._asdict(), epoch, partial=False))


def restore_variables(checkpoints: ocp.CheckpointManager, like: dict, epoch: int | None = None):
    """The variables {"params", "batch_stats"} in a checkpoint, to detect with.

    Args:
      checkpoints: From open_checkpoints.
      like: Variables of the same model; shapes are enough.
      epoch: Which one; the newest if None.

    Raises:
      InputError: There is none, or it is of another model.
    """
    like = {name: like[name] for name in ("params", "batch_stats")}
    return _restored(checkpoints, like, epoch, partial=True)


def _restored(checkpoints, like: dict, epoch: int | None, partial: bool) -> dict:
    epoch = _epoch(checkpoints, epoch)
    _same_shapes(checkpoints, epoch, like)
    together = jax.process_count() > 1
    if together:
        like = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), like)
    args = ocp.args.PyTreeRestore(
        item=like,
        restore_args=ocp.checkpoint_utils.construct_restore_args(like),
        partial_restore=partial,
    )
    restored = checkpoints.restore(epoch, args=ocp.args.Composite(state=args))["state"]
    return jax.device_put(restored) if together else restored


def _epoch(checkpoints: ocp.CheckpointManager, epoch: int | None) -> int:
    there = checkpoints.all_steps()
    if epoch is None and there:
        return max(there)
    if epoch not in there:
        raise InputError(
            checkpoints.directory,
            f"a checkpoint of {'any epoch' if epoch is None else f'epoch {epoch}'} is needed",
            f"checkpoints of epochs {sorted(there)}",
            "Train first, or name one of these epochs.",
        )
    return epoch


def _same_shapes(checkpoints: ocp.CheckpointManager, epoch: int, like: dict) -> None:
    saved = checkpoints.item_metadata(epoch)["state"].tree
    here, there = (
        _shapes({name: tree[name] for name in ("params", "batch_stats")}) for tree in (like, saved)
    )
    if here != there:
        differing = sorted(set(here.items()) ^ set(there.items()))[0][0]
        raise InputError(
            checkpoints.directory,
            f"a checkpoint of this model has {differing} of shape {here.get(differing)}",
            there.get(differing),
            "Use the run's own model.backbone, model.width and model.input, or another workdir.",
        )


def _shapes(tree) -> dict[str, tuple]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path): tuple(np.shape(leaf) or leaf.shape) for path, leaf in leaves
    }
