"""Memory and reading speed of a training on a CPU, compared with the size of its chips.

    python benchmarks/memory.py --chips=90000 --out=benchmarks/results/memory.json

Builds a data set of noise in a temporary folder (about a minute and 30 kB per 1,000 chips of 80
px), then measures two fresh processes: one keeps all chips in memory, the other streams them. A
process imports, reads the chips, puts them on the device and trains a few steps of DarkNet-19 at
width 0.25; the peak of its resident set is recorded after each of these. The size of the chips is
that of 4 frames of 16 bits. Rates are in chips per second; `fed` are chips that are streamed in
random order without training.
"""

import argparse
import json
import math
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from machine import describe, write_record

from dimjax.training.process_settings import HUGE_PAGES

ROOT = Path(__file__).resolve().parents[1]
HEIGHT, WIDTH, FRAMES, CHIPS_PER_SEQUENCE = 512, 640, 50, 5000
BATCH_SIZE, STEPS, STREAMED_STEPS = 128, 4, 100


def main() -> None:
    """Build, measure, print the figures and write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--chips", type=int, default=20_000)
    arguments.add_argument("--chip_px", type=int, default=80)
    given = arguments.parse_args()

    os.environ.setdefault("GLIBC_TUNABLES", HUGE_PAGES)  # of the measured processes
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        prepared = build(Path(folder), given.chips, given.chip_px)
        built = time.perf_counter() - started
        kept, streamed = (in_fresh_process(measure, prepared, limit) for limit in (math.inf, 0))
    chip_bytes = given.chips * 4 * given.chip_px**2 * 2
    peak = kept["peak_bytes"]
    record = {
        **describe("dimjax", "jax", "jaxlib", "numpy", "grain", "array_record"),
        "chips": given.chips,
        "chip_px": given.chip_px,
        "chip_bytes": chip_bytes,
        "built_per_second": given.chips / built,
        "kept": kept,
        "streamed": streamed,
        "summary": {
            **{f"peak / chips' bytes, {name}": peak[name] / chip_bytes for name in peak},
            "streamed, peak bytes": max(streamed["peak_bytes"].values()),
        },
    }
    print(json.dumps(record["summary"] | {"kept": kept, "streamed": streamed}, indent=2))
    write_record(given.out, record)


def in_fresh_process(function, *args):
    """Call a function in a new process and return its result."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args).result()


def build(folder: Path, chips: int, chip_px: int) -> Path:
    """Prepare a data set of noise, in which two fifths of the chips have a label."""
    sys.path.insert(0, str(ROOT / "datasets"))
    import tensorflow_datasets as tfds
    from dim_targets.dim_targets_dataset_builder import Builder, DimTargetsConfig

    tfds.display_progress_bar(False)
    _write_sequences_and_tables(folder, chips, chip_px)
    config = DimTargetsConfig(
        name="noise", chip_px=chip_px, folder=str(folder), plan=str(folder / "plan.csv")
    )
    builder = Builder(config=config, data_dir=folder / "prepared")
    builder.download_and_prepare()
    return Path(builder.data_path)


def _write_sequences_and_tables(folder: Path, chips: int, chip_px: int) -> None:
    """Write sequences of noise, plan.csv and labels.csv."""
    import pandas as pd

    rng, plan, labels = np.random.default_rng(0), [], []
    (folder / "sequences").mkdir()
    for name in [f"noise{i}" for i in range(-(-chips // CHIPS_PER_SEQUENCE))]:
        noise = rng.normal(8000, 8, (FRAMES, HEIGHT, WIDTH))
        np.save(folder / "sequences" / f"{name}.npy", noise.astype(np.uint16))
        for k in range(min(CHIPS_PER_SEQUENCE, chips - len(plan))):
            origin = rng.integers(0, (WIDTH - chip_px + 1, HEIGHT - chip_px + 1))
            plan.append((f"{name}-{k}", name, k % FRAMES, *origin, "background", "train"))
            if k % 5 < 2:
                x, y = origin + rng.uniform(0, chip_px, 2)
                labels.append((name, k % FRAMES, x, y, 3, 3, "target", "", "person"))
    columns = ["id", "sequence", "frame", "x0", "y0", "reason", "split"]
    pd.DataFrame(plan, columns=columns).to_csv(folder / "plan.csv", index=False)
    columns = ["sequence", "frame", "x", "y", "w", "h", "category", "track", "source"]
    pd.DataFrame(labels, columns=columns).to_csv(folder / "labels.csv", index=False)


def measure(prepared: Path, max_bytes: float) -> dict:
    """Measure peaks of this process in bytes, and rates."""
    import jax
    import tensorflow_datasets  # noqa: F401

    from dimjax.chips import examples
    from dimjax.training import chip_feed, meshes, steps

    mesh, peaks = meshes.make_mesh(), {}
    jax.block_until_ready(jax.numpy.zeros(1))
    peaks["imported"] = peak_bytes()
    started = time.perf_counter()
    data = examples.load(prepared, "train", max_bytes=max_bytes)
    rate = len(data) / (time.perf_counter() - started)
    peaks["read"] = peak_bytes()
    chips = jax.block_until_ready(chip_feed.chips_of(data, mesh))
    peaks["on the device"] = peak_bytes()
    order = steps.epoch_order(len(data), BATCH_SIZE, (0,))
    _train(chips, order[:STEPS], mesh)
    peaks["trained"] = peak_bytes()
    figures = {"peak_bytes": peaks, "read_per_second": rate}
    return figures | ({} if max_bytes else {"fed_per_second": _fed_per_second(chips, order)})


def _train(chips, order: np.ndarray, mesh) -> None:
    import jax

    from dimjax.models import create_detector
    from dimjax.training import steps, train_state

    model, key = create_detector("darknet19", width=0.25, output_stride=8), jax.random.key(0)
    optimizer = train_state.make_optimizer("adamw", 1e-3, 1e-2, warmup_steps=1, steps=len(order))
    state = train_state.initial_state(model, optimizer, mesh, 3, 8, key)
    loss = {"mode": "difference", "stride": 8, "location_weight": 1.0, "classification_weight": 1.0}
    train_steps = steps.make_train_steps(
        model, optimizer, mesh, **loss, augmented=True, noise=0.0, match_px=3.0, key=key
    )
    steps.train_epoch(train_steps, state, chips, order)


def _fed_per_second(chips, order: np.ndarray) -> float:
    """Measure the chips per second that reach the device in random order, without training."""
    import jax

    from dimjax.training.chip_feed import feed

    blocks = [step[None] for step in order[:STREAMED_STEPS]]
    started = time.perf_counter()
    for on_device, _ in feed(chips, blocks):
        jax.block_until_ready(on_device)
    return len(blocks) * order.shape[1] / (time.perf_counter() - started)


def peak_bytes() -> int:
    """Return the largest resident set of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
