"""Training steps on a CPU with dilated rows, compared with plain convolutions: still faster?

    python benchmarks/dilated_rows.py --out=benchmarks/results/dilated_rows.json

dimjax.models.ops.convolution dilates the rows of convolutions of many channels, because XLA (jax
0.10.2) then dispatches them to a library that is faster on several cores. Run this after an upgrade
of JAX, on an idle machine. It exits with an error if plain convolutions take less time: then remove
the dilation. Otherwise add the version to MEASURED_JAXLIB.

Each form trains in its own process; the processes take turns. Wall time decides. On a machine that
others use, bind the script to one core (taskset -c 0): CPU time decides then.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from machine import describe, write_record
from ratios import summary

from dimjax.training.process_settings import restart_with_settings

CELLS = (
    "darknet19:64:0.5:64",  # the demo
    "darknet19:80:1:32",
    "darknet19:80:0.25:32",
    "resnet18:64:1:32",
    "googlenet:64:1:32",
)
CLOCKS = {"CPU": time.process_time, "wall": time.perf_counter}


def main() -> None:
    """Measure, print the ratios, write the JSON file; fail if plain convolutions are faster."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument(
        "--cells", nargs="+", default=CELLS, help="backbone:chip_px:width:batch of each cell"
    )
    arguments.add_argument("--turns", type=int, default=11, help="timed turns of each form")
    arguments.add_argument("--steps", type=int, default=4, help="steps per turn")
    given = arguments.parse_args()

    cells = []
    for cell in given.cells:
        cells.append({"cell": cell, **measure(cell, given.turns, given.steps)})
        print(cell, json.dumps(cells[-1]["ms"] | cells[-1]["ratios"]), flush=True)
    record = {**describe("dimjax", "jax", "jaxlib"), "cells": cells, "summary": summary(cells)}
    write_record(given.out, record)
    print(json.dumps(record["summary"], indent=2))
    clock = "CPU" if record["machine"]["cores"] == 1 else "wall"
    if record["summary"][f"dilated / plain, {clock}"] < 1:
        sys.exit("error: plain convolutions are faster; remove the dilation")


def measure(cell: str, turns: int, steps: int) -> dict:
    """Measure seconds per step of both forms by clock, their medians and ratios of speeds."""
    with ExitStack() as stack:
        forms = {
            "plain": stack.enter_context(_process(cell, dilated=False)),
            "dilated": stack.enter_context(_process(cell, dilated=True)),
        }
        seconds = {clock: {form: [] for form in forms} for clock in CLOCKS}
        for form in forms.values():
            form.submit(_step_seconds, 1).result()  # compiles
        for _ in range(turns):
            for name, form in forms.items():
                for clock, value in form.submit(_step_seconds, steps).result().items():
                    seconds[clock][name].append(value)
    return {
        "seconds": seconds,
        "ms": {
            f"{name}, {clock}": 1000 * statistics.median(values)
            for clock, by_form in seconds.items()
            for name, values in by_form.items()
        },
        "ratios": {
            f"dilated / plain, {clock}": statistics.median(
                plain / dilated for plain, dilated in zip(*by_form.values(), strict=True)
            )
            for clock, by_form in seconds.items()
        },
    }


def _process(cell: str, dilated: bool) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=_prepare, initargs=(cell, dilated))


def _prepare(cell: str, dilated: bool) -> None:
    """Create the training step of this process."""
    global _step
    from training import bare_step

    from dimjax.models.ops import convolution

    convolution.DILATE_ROWS = dilated
    backbone, chip_px, width, batch = cell.split(":")
    _step = bare_step(backbone, int(chip_px), float(width), int(batch))


def _step_seconds(steps: int) -> dict[str, float]:
    starts = {clock: read() for clock, read in CLOCKS.items()}
    for _ in range(steps):
        _step()
    return {clock: (read() - starts[clock]) / steps for clock, read in CLOCKS.items()}


if __name__ == "__main__":
    restart_with_settings()
    main()
