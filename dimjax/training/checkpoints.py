"""Checkpoints: the train state and the description of its detector, saved and restored by Orbax.

The description holds plain values: model, input mode, thresholds. A checkpoint is written
atomically. Restoring one into another model is an error that names the parameter that differs.

    with open_checkpoints(directory) as checkpoints:
        save(checkpoints, epoch, state, description)
        state, description = restore(checkpoints, like=state)
"""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from dimjax.atomic_files import read_record, write_text
from dimjax.errors import InputError
from dimjax.training.checkpoint_folders import check_folder
from dimjax.training.train_state import TrainState

DESCRIPTION_KEYS = (  # of the description; see dimjax.stages.train.describe
    *("backbone", "width", "output_stride", "context_px", "bf16"),  # the model
    *("input", "evidence", "stride", "align", "align_rotation"),  # its input
    *("rescoring", "threshold", "track_threshold", "causal_threshold"),  # chosen after the training
    *("score_model", "category_models"),
    *("match_px", "suppress_px", "max_detections", "tile_px", "margin_px", "camera_motion"),
)

# Keys that older descriptions lack, with the values that change nothing.
_NEWER_KEYS = {"align_rotation": False}

_KEPT = 3  # checkpoints of a training, the newest ones


def saved_checkpoints(directory: Path) -> ocp.CheckpointManager:
    """Open the checkpoints of a training for reading, without creating a folder.

    Raises:
      InputError: There is no such folder.
    """
    check_folder(directory)
    return open_checkpoints(directory)


def open_checkpoints(directory: Path, kept: int = _KEPT) -> ocp.CheckpointManager:
    """Open the checkpoints of a training, one an epoch, for writing.

    The newest ones are kept. The folder is created if it is missing. If there are several
    processes, this one reads and writes without the others.

    Args:
      directory: Their folder.
      kept: Number of checkpoints that are kept.
    """
    this_process = ocp.options.MultiprocessingOptions()
    if jax.process_count() > 1:
        index = jax.process_index()
        this_process = ocp.options.MultiprocessingOptions(
            primary_host=index, active_processes={index}, barrier_sync_key_prefix=f"process {index}"
        )
    Path(directory).mkdir(parents=True, exist_ok=True)
    options = ocp.CheckpointManagerOptions(
        max_to_keep=kept,
        create=False,
        enable_async_checkpointing=False,
        multiprocessing_options=this_process,
    )
    return ocp.CheckpointManager(
        Path(directory).absolute(),
        options=options,
        item_handlers={
            "state": ocp.PyTreeCheckpointHandler(multiprocessing_options=this_process),
            "description": ocp.JsonCheckpointHandler(multiprocessing_options=this_process),
        },
    )


def save(
    checkpoints: ocp.CheckpointManager, epoch: int, state: TrainState, description: dict
) -> None:
    """Save the state after an epoch."""
    if jax.process_count() > 1:  # Orbax refuses arrays on the devices of this process alone
        state = jax.device_get(state)
    checkpoints.save(
        epoch,
        args=ocp.args.Composite(
            state=ocp.args.PyTreeSave(state._asdict()),
            description=ocp.args.JsonSave(description),
        ),
    )


def keep_best(
    best: ocp.CheckpointManager, metrics: list[dict], state: TrainState, description: dict
) -> None:
    """Save the state after the newest epoch if its F1 in validation is the highest so far.

    Args:
      best: Checkpoints from open_checkpoints, of which one is kept.
      metrics: Figures of all epochs up to the newest, see dimjax.training.training_log.
      state: State after the newest epoch.
      description: Description of its detector.
    """
    f1 = [figures["val/f1"] for figures in metrics if "val/f1" in figures]
    if f1 and f1[-1] > max(f1[:-1], default=-1.0) and metrics[-1]["epoch"] not in best.all_steps():
        save(best, metrics[-1]["epoch"], state, description)


def complete_description(directory: Path, chosen: dict) -> None:
    """Replace fields in the description of all checkpoints in a folder, by a file beside it."""
    write_text(_completion(directory), json.dumps(chosen, indent=1) + "\n")


def _completion(directory: Path) -> Path:
    return Path(directory).with_suffix(".json")


def read_description(checkpoints: ocp.CheckpointManager, epoch: int | None = None) -> dict:
    """Read the description in a checkpoint, by default the newest, with the fields chosen later.

    Raises:
      InputError: There is no such checkpoint, or it is of another version of dimjax.
    """
    epoch = _resolve_epoch(checkpoints, epoch)
    args = ocp.args.Composite(description=ocp.args.JsonRestore())
    description = _NEWER_KEYS | checkpoints.restore(epoch, args=args)["description"]
    subject = f"{checkpoints.directory}, epoch {epoch + 1}"
    if differing := sorted(set(DESCRIPTION_KEYS) ^ set(description)):
        raise InputError(
            subject,
            "must be of this version of dimjax",
            f"a description that differs in {', '.join(differing)}",
            "Train the run again, or use the version it is of.",
        )
    completion = _completion(checkpoints.directory)
    chosen = read_record(completion) if completion.exists() else {}
    if not isinstance(chosen, dict) or not chosen.keys() <= set(DESCRIPTION_KEYS):
        rule = "it must hold fields of a detector's description"
        raise InputError(completion, rule, "something else", "Restore the file.")
    description |= chosen
    if unknown := [name for name, value in description.items() if not _is_known(value)]:
        rule, remedy = "numbers of the description must be known", "Restore the checkpoint."
        raise InputError(subject, rule, f"NaN in {unknown[0]}", remedy)
    return description


def _is_known(value: Any) -> bool:
    """Whether no number is NaN, with which nothing would be found and no word said."""
    if isinstance(value, dict | list):
        return all(map(_is_known, value.values() if isinstance(value, dict) else value))
    return value == value


def restore(
    checkpoints: ocp.CheckpointManager, like: TrainState, epoch: int | None = None
) -> TrainState:
    """Restore the state in a checkpoint, to resume its training.

    Args:
      checkpoints: Checkpoints from open_checkpoints.
      like: State of the same model and optimiser, on the devices to restore to.
      epoch: Epoch of the checkpoint; the newest if None.

    Raises:
      InputError: There is no such checkpoint, or it belongs to another model.
    """
    return TrainState(**_restore(checkpoints, like._asdict(), epoch, partial=False))


def restore_variables(checkpoints: ocp.CheckpointManager, like: dict, epoch: int | None = None):
    """Restore the variables {"params", "batch_stats"} in a checkpoint, for detection.

    Args:
      checkpoints: Checkpoints from open_checkpoints.
      like: Variables of the same model; jax.ShapeDtypeStruct suffices.
      epoch: Epoch of the checkpoint; the newest if None.

    Raises:
      InputError: There is no such checkpoint, or it belongs to another model.
    """
    like = {name: like[name] for name in ("params", "batch_stats")}
    return _restore(checkpoints, like, epoch, partial=True)


def _restore(checkpoints, like: dict, epoch: int | None, partial: bool) -> dict:
    epoch = _resolve_epoch(checkpoints, epoch)
    _check_shapes(checkpoints, epoch, like)
    several_processes = jax.process_count() > 1
    if several_processes:
        like = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), like)
    args = ocp.args.PyTreeRestore(
        item=like,
        restore_args=ocp.checkpoint_utils.construct_restore_args(like),
        partial_restore=partial,
    )
    restored = checkpoints.restore(epoch, args=ocp.args.Composite(state=args))["state"]
    return jax.device_put(restored) if several_processes else restored


def _resolve_epoch(checkpoints: ocp.CheckpointManager, epoch: int | None) -> int:
    saved = checkpoints.all_steps()
    if epoch is None and saved:
        return max(saved)
    if epoch not in saved:
        raise InputError(
            checkpoints.directory,
            f"a checkpoint of {'any epoch' if epoch is None else f'epoch {epoch + 1}'} is needed",
            f"checkpoints of epochs {sorted(epoch + 1 for epoch in saved)}",
            "Train first, or name one of these epochs.",
        )
    return epoch


def _check_shapes(checkpoints: ocp.CheckpointManager, epoch: int, like: dict) -> None:
    tree = checkpoints.item_metadata(epoch)["state"].tree
    expected, saved = (
        _shapes({name: tree[name] for name in ("params", "batch_stats")}) for tree in (like, tree)
    )
    if expected != saved:
        differing = sorted(set(expected.items()) ^ set(saved.items()))[0][0]
        raise InputError(
            checkpoints.directory,
            f"a checkpoint of this model has {differing} of shape {expected.get(differing)}",
            saved.get(differing),
            "Use the run's own model.backbone, model.width and model.input, or another workdir.",
        )


def _shapes(tree) -> dict[str, tuple]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path): tuple(np.shape(leaf) or leaf.shape) for path, leaf in leaves
    }
