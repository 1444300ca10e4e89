"""Several processes, each with its own devices, that train one run together.

All processes are started by the same command except for process_id, and share the run's directory.
Process 0 runs the stages and writes all files. The others only take part in trainings: they wait
until process 0 broadcasts the number of a round, and take the same steps. If process 0 stops, so do
the others; if a process dies, JAX ends the others.

    join(config.distributed)                 # before JAX is asked for its devices
    with coordinated():
        if is_first():
            broadcast(round)                 # the others train this round too
        else:
            for round in rounds():
                ...
"""

import contextlib
import itertools
import os
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from dimjax.errors import InputError
from dimjax.settings_rules import INTEGER, TEXT, Rule, at_least, between, check_fields

JOIN_S = 300  # a process waits this long for the others to start
_WORK_S = 30 * 24 * 3600  # process 0 may work for days between two trainings
_STOP_S = 30
_DONE, _STOPPED = -1, -2  # broadcast in place of the number of a round
_HOST_AND_PORT = Rule(
    lambda address: bool(re.fullmatch(r".+:\d+", address, re.ASCII)),
    "host:port of process 0 if there are several processes",
)

_TYPES = {"coordinator_address": TEXT, "num_processes": INTEGER, "process_id": INTEGER}

_barriers = itertools.count()


class _Stopped(InputError):
    """Process 0 has stopped and waits for no other process."""


def join(settings) -> None:
    """Join the other processes; do nothing if there are none.

    If a process is missing after JOIN_S, this one exits with a one-line message. JAX would exit
    with a stack trace.

    Args:
      settings: coordinator_address, num_processes and process_id, as in jax.distributed.

    Raises:
      InputError: A setting is invalid; the error names the key.
    """
    check_settings(settings)
    if settings.num_processes == 1:
        return
    timer = threading.Timer(JOIN_S, _exit_alone, [settings])
    timer.daemon = True
    timer.start()
    jax.distributed.initialize(
        settings.coordinator_address,
        settings.num_processes,
        settings.process_id,
        initialization_timeout=2 * JOIN_S,
        shutdown_timeout_seconds=_STOP_S,
        cluster_detection_method="deactivate",
    )
    timer.cancel()


def is_first() -> bool:
    """Whether this is process 0, or the only one."""
    return jax.process_index() == 0


def broadcast(number: int) -> None:
    """In process 0: send the number of a round to all other processes, which call `rounds`."""
    _exchange(number, _WORK_S)


def rounds() -> Iterator[int]:
    """In another process: yield the numbers that process 0 broadcasts, until its work is done.

    Raises:
      InputError: Process 0 has stopped before the end.
    """
    while (number := _exchange(0, _WORK_S)) != _DONE:
        yield number


def barrier() -> None:
    """Wait until all processes are here.

    Raises:
      InputError: In another process than process 0: process 0 has stopped before the end.
    """
    _exchange(0, _WORK_S)


def broadcast_arrays(tree: Any) -> Any:
    """Return process 0's arrays, as NumPy arrays, in every process. Wait until all are here.

    Raises:
      InputError: In another process than process 0: process 0 has stopped before the end.
    """
    barrier()
    return multihost_utils.broadcast_one_to_all(jax.device_get(tree))


@contextlib.contextmanager
def coordinated() -> Iterator[None]:
    """Work with other processes in a block; when it ends or raises here, release the others."""
    try:
        yield
    except _Stopped:
        raise
    except BaseException:
        with contextlib.suppress(jax.errors.JaxRuntimeError):  # timed out: JAX ends the others
            _exchange(_STOPPED, _STOP_S)
        raise
    else:
        if is_first():
            _exchange(_DONE, _WORK_S)
    finally:  # not left to the end of the process, which a failure brings about at once
        if jax.process_count() > 1:
            jax.distributed.shutdown()


def _exchange(number: int, timeout_s: int) -> int:
    """Return the number of process 0 in every process, once all of them are here."""
    if jax.process_count() == 1:
        return number
    # Without this barrier they would wait inside a collective, which some hardware ends in minutes.
    wait = ocp.multihost.get_barrier_sync_fn()
    wait(key=f"dimjax {next(_barriers)}", timeout_ms=1000 * timeout_s)
    number = int(multihost_utils.broadcast_one_to_all(np.int32(number)))
    if number == _STOPPED and not is_first():
        rule, remedy = "process 0 must run to the end", "See the output of process 0."
        raise _Stopped(f"process {jax.process_index()}", rule, "that it stopped", remedy)
    return number


def check_settings(settings) -> None:
    """Check the types and values of the settings of a group of processes.

    Raises:
      InputError: A setting is invalid; the error names the key.
    """
    remedy = "Correct it in the configuration or on the command line."
    values = {key: getattr(settings, key) for key in _TYPES}
    check_fields("config.distributed.{}", values, _TYPES, remedy)
    rules = {"num_processes": at_least(1), "process_id": between(0, settings.num_processes - 1)}
    if settings.num_processes > 1:
        rules["coordinator_address"] = _HOST_AND_PORT
    check_fields("config.distributed.{}", values, rules, remedy)


def _exit_alone(settings) -> None:
    """Exit because a process is missing."""
    subject = f"process {settings.process_id} at {settings.coordinator_address}"
    rule = f"all {settings.num_processes} processes must be started within {JOIN_S} s"
    remedy = (
        "Start each with the same command and its own process_id, from 0, and with an address of "
        "process 0 that all of them can reach."
    )
    error = InputError(subject, rule, "fewer", remedy)
    print(f"error: {error}", file=sys.stderr, flush=True)
    os._exit(1)  # the main thread waits inside JAX, which can only be aborted
