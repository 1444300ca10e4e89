"""Memory and seconds of a long record: joining its epochs, asking it for histories, ranking by it.

    python benchmarks/losses.py --out=benchmarks/results/losses.json

Writes the losses and answers of a training of 100,000 examples and 100 epochs as a training does,
half of the examples with a label, into a temporary folder (1 GB). Then it measures in a fresh
process each: dimjax.training.records.merge,
dimjax.training.records.history, and what a refinement does with the
record: reading it and the means over the epochs. A peak is of the whole process, which starts
with some 300 MB of imports.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import about
from memory import in_fresh_process, peak_bytes

FRAMES = 100  # of a sequence


def main() -> None:
    """Write a record, measure, print, write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--examples", type=int, default=100_000)
    arguments.add_argument("--epochs", type=int, default=100)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        in_fresh_process(write, Path(folder), given.examples, given.epochs)
        measured = {
            name: in_fresh_process(measure, Path(folder), name, given.examples)
            for name in ("nothing", "merge", "history", "means")
        }
    result = {
        **about("dimjax", "numpy", "pandas", "pyarrow"),
        "examples": given.examples,
        "epochs": given.epochs,
        **measured,
    }
    print(json.dumps(measured, indent=2))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")


def write(folder: Path, count: int, epochs: int) -> None:
    """What a training of noise would write in its epochs."""
    import math

    from dimjax.chips.examples import Examples
    from dimjax.runs.workdir import Paths
    from dimjax.training import records
    from dimjax.training.losses import PARTS

    rng, number = np.random.default_rng(0), np.arange(count)
    sequence = np.array([f"train-{k:04d}" for k in range(math.ceil(count / (8 * FRAMES)))])
    fields = dict.fromkeys(Examples._fields) | {
        "frames": number,  # their number is all that counts here
        "sequence": sequence[number // (8 * FRAMES)],
        "frame": (number // 8 % FRAMES).astype(np.int32),
        "id": np.array([f"train-{k // 800:04d}-{k // 8 % FRAMES:06d}-x{k:06d}" for k in number]),
        "origin": np.zeros((count, 2), np.int32),
    }
    rows = np.where(number % 2, -1, number // 2).astype(np.int32)[:, None]
    for epoch in range(epochs):
        found = {name: rng.random(count, np.float32) for name in (*PARTS, "total")}
        found["answers"] = rng.random((count, 1, 5), np.float32)
        found["strays"] = rng.random((count, 3), np.float32)
        records.write_epoch(Paths(folder), epoch, Examples(**fields), rows, found)


def measure(folder: Path, what: str, count: int) -> dict[str, float]:
    """Seconds of a step and the peak of this process, bytes."""
    import pandas as pd

    from dimjax.runs.workdir import Paths
    from dimjax.suspects.measures import LOSS_COLUMNS, dynamics
    from dimjax.training import records

    paths, started = Paths(folder), time.perf_counter()
    if what == "merge":
        records.merge(paths)
    elif what == "history":
        records.history(paths)
    elif what == "means":
        losses = pd.read_parquet(paths.losses, columns=list(LOSS_COLUMNS))
        dynamics(losses, pd.read_parquet(paths.answers), np.ones(count // 2, bool))
    return {"seconds": time.perf_counter() - started, "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    main()
