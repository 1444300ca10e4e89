"""A training step on a CPU, compared with PyTorch; the training loop, compared with its bare step.

    python benchmarks/training.py --out=benchmarks/results/training.json
    python benchmarks/training.py --backbones=mobilenet --sizes=64 --widths=0.25 --out=part.json

A step gathers a batch from chips on the device, normalises it, and computes forward pass, loss,
backward pass and AdamW. The rivals are the same network, loss and optimiser in PyTorch (extra
compare), channels last, eager and compiled by torch.compile. The loop is train_epoch with
augmentation, random order and the loss of every chip; the bare step has none of these. All take
turns in one process (A B C A B C ...), with a pause and an untimed call before each, because
threads of one may still be busy and memory passes from one to the other. All use the huge pages
that main.py uses.

Both wall-clock time and CPU time of the process are recorded. On a machine that others use, wall
time means little; bind the process to one core, where no thread waits for another, and compare CPU
times: taskset -c 0 python benchmarks/training.py ...
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from machine import describe, write_record
from ratios import summary

from dimjax.chips.examples import Examples
from dimjax.export.parity import frames_with_targets
from dimjax.models import BACKBONES, create_detector
from dimjax.training import meshes, steps, train_state
from dimjax.training.chip_feed import on_device
from dimjax.training.process_settings import restart_with_settings

STRIDE = 8
PAUSE_S = 0.05
WARM_UP = 1
CLOCKS = {"CPU": time.process_time, "wall": time.perf_counter}
LOSS = {"location_weight": 1.0, "classification_weight": 1.0}


def main() -> None:
    """Measure, print a table and write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--backbones", nargs="+", default=list(BACKBONES), choices=BACKBONES)
    arguments.add_argument("--sizes", nargs="+", type=int, default=[64, 80], help="of chips, px")
    arguments.add_argument("--widths", nargs="+", type=float, default=[1.0, 0.25])
    arguments.add_argument("--batch", type=int, default=32, help="chips per step")
    arguments.add_argument("--steps", type=int, default=3, help="steps per turn")
    arguments.add_argument("--rounds", type=int, default=9, help="timed turns of each contender")
    given = arguments.parse_args()

    cells = []
    with tempfile.TemporaryDirectory() as folder:  # step and loop share compiled programs
        jax.config.update("jax_compilation_cache_dir", folder)
        for cell in itertools.product(given.backbones, given.sizes, given.widths):
            cells.append(measure(*cell, given.batch, given.steps, given.rounds))
            print(_row(cells[-1]) if cells[1:] else _table(cells), flush=True)
            _write(given.out, cells, given.batch)
    print(json.dumps(summary(cells), indent=2))


def _write(path: Path, cells: list[dict], batch: int) -> None:
    """Write the cells measured so far; a full run takes long."""
    record = {
        **describe("dimjax", "jax", "jaxlib", "torch", "numpy"),
        "batch": batch,
        "output_stride": STRIDE,
        "cells": cells,
        "summary": summary(cells),
    }
    write_record(path, record)


def measure(backbone: str, size: int, width: float, batch: int, steps: int, rounds: int) -> dict:
    """Measure a cell: seconds per step by clock, contender and turn, medians, ratios of speeds."""
    calls = _contenders(backbone, size, width, batch, steps)
    seconds = {clock: {name: [] for name in calls} for clock in CLOCKS}
    for turn in range(WARM_UP + rounds):
        for name, call in calls.items():
            time.sleep(PAUSE_S)
            call()
            starts = {clock: read() for clock, read in CLOCKS.items()}
            call()
            if turn >= WARM_UP:
                for clock, read in CLOCKS.items():
                    seconds[clock][name].append((read() - starts[clock]) / steps)
    medians = {name: statistics.median(values) for name, values in seconds["wall"].items()}
    return {
        "backbone": backbone,
        "size": size,
        "width": width,
        "seconds": seconds,
        "ms": {name: 1000 * value for name, value in medians.items()},
        "ratios": {
            f"{name}, {clock}": ratio
            for clock, by_name in seconds.items()
            for name, ratio in _ratios(by_name).items()
        },
    }


def noise_examples(count: int, size: int) -> Examples:
    """Create chips of noise with moving spots, each with one label at a random position."""
    frames, scale = frames_with_targets(count, size, size, seed=0)
    rng = np.random.default_rng(0)
    boxes = np.column_stack([rng.uniform(0, size, (count, 2)), rng.uniform(2, 5, (count, 2))])
    names = np.array([f"chip{i}" for i in range(count)])
    return Examples(
        id=names,
        sequence=names,
        frame=np.zeros(count, np.int32),
        origin=np.zeros((count, 2), np.int32),
        reason=names,
        frames=frames,
        scale=scale,
        boxes=boxes[:, None].astype(np.float32),
        category=rng.integers(-1, 2, (count, 1)).astype(np.int8),
    )


def _contenders(
    backbone: str, size: int, width: float, batch: int, steps: int
) -> dict[str, Callable]:
    """Name -> a call that takes `steps` steps and returns when they are done."""
    examples = noise_examples(steps * batch, size)
    make, state, chips = _setup(backbone, size, width, examples)
    order = np.arange(len(examples)).reshape(steps, batch)
    variables = jax.device_get({"params": state.params, "batch_stats": state.batch_stats})
    copied = jax.tree.map(jnp.copy, state)
    rivals = _rivals(backbone, size, width, variables, examples, order)
    return {
        "dimjax": _bare(make(augmented=False), copied, chips, order),
        "loop": _loop(make(augmented=True), state, chips, order),
        **rivals,
    }


def bare_step(backbone: str, size: int, width: float, batch: int) -> Callable:
    """Create a call that takes one bare step of dimjax and returns when it is done."""
    make, state, chips = _setup(backbone, size, width, noise_examples(batch, size))
    return _bare(make(augmented=False), state, chips, np.arange(batch)[None])


def _setup(backbone: str, size: int, width: float, examples: Examples) -> tuple:
    """Create the factory of training steps, their initial state, and chips on the device."""
    model = create_detector(backbone, width, STRIDE, context_px=size)
    optimizer = train_state.make_optimizer("adamw", 1e-3, 1e-2, warmup_steps=1, steps=10_000)
    mesh, key = meshes.make_mesh(), jax.random.key(0)
    make = partial(
        steps.make_train_steps, model, optimizer, mesh, mode="difference", stride=STRIDE, **LOSS,
        noise=0.0, match_px=3.0, key=key,
    )  # fmt: skip
    state = train_state.initial_state(model, optimizer, mesh, 3, STRIDE, key)
    return make, state, on_device(examples, mesh)


def _bare(train_steps: Callable, state, chips, order: np.ndarray) -> Callable:
    def call():
        nonlocal state
        for row in order:
            state, losses = train_steps(state, chips, row[None])
        jax.block_until_ready((state, losses))

    return call


def _loop(train_steps: Callable, state, chips, order: np.ndarray) -> Callable:
    epochs = itertools.count()

    def call():
        nonlocal state
        shuffled = steps.epoch_order(order.size, order.shape[1], (0, next(epochs)))
        state, _ = jax.block_until_ready(steps.train_epoch(train_steps, state, chips, shuffled))

    return call


def _rivals(backbone: str, size: int, width: float, variables, examples, order) -> dict:
    try:
        from torch_networks import torch_detector
        from torch_training import make_step
    except ImportError:
        return {}
    description = {
        "backbone": backbone, "width": width, "output_stride": STRIDE, "context_px": size,
        "input": "difference", "evidence": None, "bf16": False,
    }  # fmt: skip

    def rival(compiled: bool) -> Callable:
        network = torch_detector(description, variables)
        step = make_step(network, examples, STRIDE, 1.0, 1.0, compiled=compiled)
        return lambda: [step(index) for index in order]

    return {"torch": rival(compiled=False), "torch compiled": rival(compiled=True)}


def _ratios(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Ratios of speeds: the median over turns, against the faster of the two PyTorch contenders."""

    def speed_ratio(name: str, than: str) -> float:
        return statistics.median(np.divide(seconds[than], seconds[name]))

    ratios = {"loop / step": speed_ratio("loop", "dimjax")}
    rivals = [name for name in seconds if name.startswith("torch")]
    if rivals:
        ratios = {"dimjax / torch": min(speed_ratio("dimjax", rival) for rival in rivals), **ratios}
    return ratios


def _table(cells: list[dict]) -> str:
    times = [f"{name}, ms" for name in cells[0]["ms"]]
    columns = ["network", "px", "width", *times, *cells[0]["ratios"]]
    head = ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    return "\n".join([*head, *map(_row, cells)])


def _row(cell: dict) -> str:
    times = [f"{value:.1f}" for value in cell["ms"].values()]
    ratios = [f"{ratio:.2f}" for ratio in cell["ratios"].values()]
    values = [cell["backbone"], str(cell["size"]), f"{cell['width']:g}", *times, *ratios]
    return "| " + " | ".join(values) + " |"


if __name__ == "__main__":
    restart_with_settings()
    main()
