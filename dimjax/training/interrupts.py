"""Ctrl-C, SIGTERM and SIGHUP in a training: the running step ends first, and is not lost.

trained = take_epoch(path, epoch, train_steps, state, chips, order)
with kept(path, trained):                       # saved to the path if the block is interrupted
    validate(trained.state)
path.unlink(missing_ok=True)

In a group of processes signals act at once, since the others would wait for the steps of this one.
"""

import contextlib
import signal
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from dimjax.atomic_files import atomic_write, check_regular
from dimjax.progress import say
from dimjax.training import steps
from dimjax.training.chip_feed import Chips, Streamed
from dimjax.training.train_state import TrainState

_STATE, _RECORD = "state/", "record/"


class PartialEpoch(NamedTuple):
    """An epoch after some of its steps."""

    epoch: int  # from 0
    state: TrainState  # after the last of these steps
    records: dict[str, np.ndarray]  # [steps, B, ...], see dimjax.training.steps.make_train_steps

    @property
    def steps(self) -> int:
        """Steps taken."""
        return len(self.records["total"]) if self.records else 0


def take_epoch(
    path: Path,
    epoch: int,
    train_steps: Callable,
    state: TrainState,
    chips: Chips | Streamed,
    order: np.ndarray,
    progress: Callable[[Iterable], Iterable] = iter,
) -> PartialEpoch:
    """Take the steps of an epoch, or those that remain if an earlier process was interrupted.

    Args:
      path: File of the partial epoch.
      epoch: Number of the epoch, from 0.
      train_steps: Compiled steps from dimjax.training.steps.make_train_steps.
      state: Train state at the begin of the epoch. It is donated.
      chips: Chips from dimjax.training.chip_feed.chips_of.
      order: [S, B] examples of each step of the epoch.
      progress: Wraps the blocks of the remaining steps, e.g. a progress bar.

    Raises:
      KeyboardInterrupt: The process was interrupted; the steps until then are saved.
    """
    trained = _load(path, epoch, like=state) or PartialEpoch(epoch, state, {})
    if trained.steps:
        say(f"epoch {epoch + 1} goes on after step {trained.steps} of {len(order)}")
    remaining = order[trained.steps :]
    with _deferred_interrupts() as is_interrupted:
        if len(remaining):
            state, records = steps.take_steps(
                train_steps, trained.state, chips, remaining, progress, is_interrupted
            )
            trained = PartialEpoch(epoch, state, _joined(trained.records, records))
        with kept(path, trained):
            if is_interrupted():
                raise KeyboardInterrupt
    return trained


@contextlib.contextmanager
def kept(path: Path, trained: PartialEpoch) -> Iterator[None]:
    """Save the steps of an epoch if the block is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        if jax.process_count() == 1:
            _save(path, trained)
        raise


@contextlib.contextmanager
def _deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Defer the three signals during the block; yield whether one has come. A second one acts.

    Only signals that the program handles are deferred: another SIGTERM ends it at once.
    """
    received = []

    def note(number: int, frame) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    is_main = threading.current_thread() is threading.main_thread()  # it alone may handle signals
    if jax.process_count() > 1 or not is_main:
        numbers = []
    handlers = {number: signal.getsignal(number) for number in numbers}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in handlers:
            signal.signal(number, note)
        yield lambda: bool(received)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _save(path: Path, partial: PartialEpoch) -> None:
    """Write a partial epoch to a file; each of its arrays has a checksum."""
    leaves = jax.device_get(jax.tree.leaves(partial.state))
    arrays = {f"{_STATE}{number}": leaf for number, leaf in enumerate(leaves)}
    arrays |= {_RECORD + name: values for name, values in partial.records.items()}
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez(file, epoch=partial.epoch, **arrays)


def _load(path: Path, epoch: int, like: TrainState) -> PartialEpoch | None:
    """Load a partial epoch, onto the devices of a state of the same model and optimiser.

    Returns:
      None if there is no file, or if it is damaged, which is reported, or of another epoch.
    """
    if not path.exists() or jax.process_count() > 1:
        return None
    check_regular(path)
    leaves, structure = jax.tree.flatten(like)
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        saved_epoch = int(arrays["epoch"])
        saved = [arrays[f"{_STATE}{number}"] for number in range(len(leaves))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        say(f"{path}: a damaged file; epoch {epoch + 1} is trained again from its start")
        return None
    if saved_epoch != epoch or any(a.shape != b.shape for a, b in zip(saved, leaves, strict=True)):
        return None
    state = [jax.device_put(a, b.sharding) for a, b in zip(saved, leaves, strict=True)]
    records = {
        name.removeprefix(_RECORD): values
        for name, values in arrays.items()
        if name.startswith(_RECORD)
    }
    return PartialEpoch(epoch, jax.tree.unflatten(structure, state), records)


def _joined(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k: np.concatenate([first[k], second[k]]) for k in second} if first else second
