"""Live detection beside the detection of a whole sequence, on a CPU.

    python benchmarks/live.py --run=runs/demo --rounds=3 --out=benchmarks/results

Frames of a test sequence are pushed one at a time into run.stream(), and are searched as a whole by
run.detect(); JAX and ONNX Runtime take turns. The latency of a frame is the time from its push to
the answers that it makes possible, without the frames for which the detector waits (the delay). The
first turn compiles and is left out. Writes live.json.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import app, flags, logging
from machine import describe, write_record

import dimjax
from dimjax.runs.run import Run

RUNTIMES = ("jax", "onnx")
_FRAMES = 96  # of the stream; the sequence is repeated backwards and forwards


def main(_) -> None:
    """Measure both runtimes in turns, print a table and write the JSON file."""
    logging.set_verbosity(logging.ERROR)
    runs = {name: dimjax.load(flags.FLAGS.run, runtime=name) for name in RUNTIMES}
    frames = frames_of(runs["jax"], _FRAMES)
    turns: dict[str, list[dict]] = {name: [] for name in RUNTIMES}
    for _ in range(flags.FLAGS.rounds + 1):
        for name, run in runs.items():
            turns[name].append(measure(run, frames))
    figures = {name: summary(of_one[1:]) for name, of_one in turns.items()}
    print("| runtime | " + " | ".join(figures["jax"]) + " |")
    print("| --- |" + " ---: |" * len(figures["jax"]))
    for name, row in figures.items():
        print(f"| {name} | " + " | ".join(f"{value:.3g}" for value in row.values()) + " |")
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    delay = runs["jax"].stream().delay
    record = {**describe("dimjax", "jax", "onnxruntime", "numpy"), "size": size, "delay": delay}
    write_record(Path(flags.FLAGS.out) / "live.json", {**record, "results": figures})


def frames_of(run: Run, count: int) -> np.ndarray:
    """Read a test sequence; run it backwards and forwards until there are enough frames."""
    folder = run.context.folder
    sequence = folder.sequence(folder.splits["test"][0])
    there = list(range(len(sequence)))
    order = (there + there[-2:0:-1]) * (count // len(there) + 1)
    frames = [sequence.frame(t) for t in there]
    return np.stack([frames[t] for t in order[:count]])


def measure(run: Run, frames: np.ndarray) -> dict[str, float]:
    """Time one stream and one search of the same frames."""
    stream, latencies = run.stream(), []

    def push_all() -> None:
        for frame in frames:
            started = time.perf_counter()
            if stream.push(frame):
                latencies.append(time.perf_counter() - started)
        stream.finish()

    live, whole = seconds(push_all), seconds(lambda: run.detect(frames))
    once_known = latencies[1:]  # the first call answers all frames until the scale is known
    return {
        "live, frames/s": len(frames) / live,
        "whole, frames/s": len(frames) / whole,
        "live / whole": whole / live,
        "latency, ms": 1e3 * statistics.median(once_known),
        "95 %, ms": 1e3 * float(np.quantile(once_known, 0.95)),
    }


def seconds(action: Callable[[], object]) -> float:
    """Time an action."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def summary(turns: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}


if __name__ == "__main__":
    flags.DEFINE_string("run", None, "A trained run with its test sequences.", required=True)
    flags.DEFINE_integer("rounds", 3, "Turns that count.", 1)
    flags.DEFINE_string("out", "benchmarks/results", "Folder to write to.")
    app.run(main)
