"""Several processes, each with its own devices, that train one run together.

Every process is started by the same command, but for its own process_id, and sees the run's
directory under its own --workdir, which all share. Process 0 does all that a run does and writes
all files. The others only train with it: they wait until it says which round, and take the same
steps. Where it stops, they stop; where a process dies, JAX ends the others.

    join(config.distributed)                 # before anything asks JAX for its devices
    if is_first():
        with together():
            tell(round)                      # the others train this round too
    else:
        with together():
            for round in orders():
                ...
"""

import contextlib
import itertools
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from dimjax.errors import InputError

_JOIN_S = 300
_WORK_S = 30 * 24 * 3600  # process 0 may simulate, build and search for days between two trainings
_PART_S = 30
_END, _STOP = -1, -2

_meetings = itertools.count()


class _Stopped(InputError):
    """Process 0 has stopped, and waits for no one."""


def join(settings, join_s: int = _JOIN_S) -> None:
    """Join the other processes; without any, do nothing.

    Where they do not come in time the process ends with a line that says so: JAX would end it
    with a stack trace.

    Args:
      settings: coordinator_address, num_processes and process_id, as jax.distributed calls them.
      join_s: Seconds to wait for the others.

    Raises:
      InputError: A setting is wrong; the key is named.
    """
    _check(settings)
    if settings.num_processes == 1:
        return
    waiting = threading.Timer(join_s, _nobody_came, [settings, join_s])
    waiting.daemon = True
    waiting.start()
    jax.distributed.initialize(
        settings.coordinator_address,
        settings.num_processes,
        settings.process_id,
        initialization_timeout=2 * join_s,
        shutdown_timeout_seconds=_PART_S,
        cluster_detection_method="deactivate",
    )
    waiting.cancel()


def is_first() -> bool:
    """Whether this is process 0, or the only one."""
    return jax.process_index() == 0


def tell(order: int = 0) -> None:
    """Process 0: give all others, which wait for it, a number from 0 on."""
    _meet(order, _WORK_S)


def told() -> int:
    """Another process: wait for process 0, and what it said; -1 when its work is done.

    Raises:
      InputError: Process 0 has stopped before the end.
    """
    return _meet(0, _WORK_S)


def orders() -> Iterator[int]:
    """Another process: what process 0 says, until its work is done."""
    while (order := told()) != _END:
        yield order


def shared(tree: Any) -> Any:
    """Process 0's arrays, as NumPy arrays in every process, which waits for the others here.

    Raises:
      InputError: In another process: process 0 has stopped before the end.
    """
    _meet(0, _WORK_S)
    return multihost_utils.broadcast_one_to_all(jax.device_get(tree))


@contextlib.contextmanager
def together() -> Iterator[None]:
    """What is done with other processes; however it ends here, they need not wait any longer."""
    try:
        yield
    except _Stopped:
        raise
    except BaseException:
        with contextlib.suppress(jax.errors.JaxRuntimeError):  # none came: JAX ends them
            _meet(_STOP, _PART_S)
        raise
    if is_first():
        _meet(_END, _WORK_S)


def _meet(order: int, wait_s: int) -> int:
    """What process 0 says, when all processes are here."""
    if jax.process_count() == 1:
        return order
    # On devices alone they would wait inside a collective, which some hardware gives minutes.
    wait = ocp.multihost.get_barrier_sync_fn()
    wait(key=f"dimjax {next(_meetings)}", timeout_ms=1000 * wait_s)
    order = int(multihost_utils.broadcast_one_to_all(np.int32(order)))
    if order == _STOP and not is_first():
        rule, remedy = "process 0 goes on to the end of the run", "See what it said."
        raise _Stopped(f"process {jax.process_index()}", rule, "that it stopped", remedy)
    return order


def _check(settings) -> None:
    count, index, address = (
        settings.num_processes,
        settings.process_id,
        settings.coordinator_address,
    )
    if count < 1:
        _refuse("num_processes", "1 or more", count)
    if not 0 <= index < count:
        _refuse("process_id", f"0 or more and below num_processes={count}", index)
    host, _, port = address.rpartition(":")
    if count > 1 and not (host and port.isdecimal()):
        _refuse("coordinator_address", "host:port of process 0 where there are others", address)


def _refuse(key: str, rule: str, value: object) -> None:
    remedy = "Correct it in the configuration or on the command line."
    raise InputError(f"config.distributed.{key}", f"it must be {rule}", repr(value), remedy)


def _nobody_came(settings, join_s: int) -> None:
    where, count = settings.coordinator_address, settings.num_processes
    rule = f"all {count} processes must be started within {join_s} s"
    remedy = (
        "Give each the same command with its own process_id, from 0, and an address of process 0 "
        "that all others reach."
    )
    error = InputError(f"process {settings.process_id} at {where}", rule, "fewer", remedy)
    print(f"error: {error}", file=sys.stderr, flush=True)
    os._exit(1)  # the main thread waits inside JAX, which knows no way out but to abort
