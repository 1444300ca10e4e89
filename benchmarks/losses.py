"""Memory and seconds of a long training log: loss histories, and the measures of a refinement.

    python benchmarks/losses.py --out=benchmarks/results/losses.json

Writes the log of a training of 100,000 examples and 100 epochs into a temporary folder (1 GB), half
of the examples with a label. Then it measures, each in a fresh process,
dimjax.training.training_log.TrainingLog.loss_history, and the work of a refinement: reading the log
and taking means over its epochs. Peaks are those of the whole process, imports included.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import describe, write_record
from memory import in_fresh_process, peak_bytes

FRAMES = 100  # of a sequence


def main() -> None:
    """Write a log, measure, print the figures and write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--examples", type=int, default=100_000)
    arguments.add_argument("--epochs", type=int, default=100)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        in_fresh_process(write, Path(folder), given.examples, given.epochs)
        measured = {
            name: in_fresh_process(measure, Path(folder), name, given.examples)
            for name in ("nothing", "history", "means")
        }
    record = {
        **describe("dimjax", "numpy", "pandas", "pyarrow"),
        "examples": given.examples,
        "epochs": given.epochs,
        **measured,
    }
    print(json.dumps(measured, indent=2))
    write_record(given.out, record)


def write(folder: Path, count: int, epochs: int) -> None:
    """Write the log of a training with random losses."""
    import math

    from dimjax.chips.examples import Examples
    from dimjax.training.losses import PARTS
    from dimjax.training.training_log import TrainingLog

    rng, number = np.random.default_rng(0), np.arange(count)
    sequence = np.array([f"train-{k:04d}" for k in range(math.ceil(count / (8 * FRAMES)))])
    fields = dict.fromkeys(Examples._fields) | {
        "frames": number,  # only their number matters here
        "sequence": sequence[number // (8 * FRAMES)],
        "frame": (number // 8 % FRAMES).astype(np.int32),
        "id": np.array([f"train-{k // 800:04d}-{k // 8 % FRAMES:06d}-x{k:06d}" for k in number]),
        "origin": np.zeros((count, 2), np.int32),
    }
    rows = np.where(number % 2, -1, number // 2).astype(np.int32)[:, None]
    log = TrainingLog(folder)
    for epoch in range(epochs):
        recorded = {name: rng.random(count, np.float32) for name in (*PARTS, "total")}
        recorded["label_outputs"] = rng.random((count, 1, 5), np.float32)
        recorded["unmatched_peak"] = rng.random((count, 3), np.float32)
        log.write_epoch(epoch, Examples(**fields), rows, recorded)
    log.finish(epochs)


def measure(folder: Path, task: str, count: int) -> dict[str, float]:
    """Measure the seconds of a task and the peak memory of this process in bytes."""
    from dimjax.suspects.measures import LOSS_COLUMNS, dynamics
    from dimjax.training.training_log import TrainingLog

    log, started = TrainingLog(folder), time.perf_counter()
    if task == "history":
        log.loss_history()
    elif task == "means":
        losses, outputs = log.read_losses(LOSS_COLUMNS), log.read_label_outputs()
        dynamics(losses, outputs, np.ones(count // 2, bool))
    return {"seconds": time.perf_counter() - started, "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    main()
