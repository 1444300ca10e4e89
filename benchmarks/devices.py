"""Training on two simulated devices, compared with one, on the same CPU: the cost of sharding.

    python benchmarks/devices.py --out=benchmarks/results/devices.json

Each turn is a separate process (1, 2, 1, 2, ...), because the number of simulated devices is fixed
when JAX starts. It compiles, warms up, and times steps of the demo's network on chips in memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine import describe, write_record

from dimjax.training.process_settings import HUGE_PAGES

DEVICES = (1, 2)
WARM_UP = 3


def main() -> None:
    """Measure, print a table and write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--rounds", type=int, default=5, help="processes per number of devices")
    arguments.add_argument("--steps", type=int, default=30, help="timed steps per process")
    arguments.add_argument("--width", type=float, default=0.5, help="width of DarkNet-19")
    arguments.add_argument("--chip_px", type=int, default=64)
    arguments.add_argument("--batch", type=int, default=64, help="chips per step, on all devices")
    arguments.add_argument("--once", action="store_true", help="time this process only")
    given = arguments.parse_args()
    if given.once:
        print(json.dumps(step_seconds(given.width, given.chip_px, given.batch, given.steps)))
        return
    seconds = {str(devices): [] for devices in DEVICES}
    for _ in range(given.rounds):
        for devices in DEVICES:
            seconds[str(devices)].append(_in_fresh_process(devices))
    record = {
        **describe("dimjax", "jax", "jaxlib", "numpy"),
        "network": {"backbone": "darknet19", "width": given.width},
        "chip_px": given.chip_px,
        "batch": given.batch,
        "seconds_per_step": seconds,
        "summary": _summary(seconds, given.batch),
    }
    print(_table(record))
    write_record(given.out, record)


def step_seconds(width: float, chip_px: int, batch: int, steps: int) -> list[float]:
    """Measure the seconds of each step on all devices of this process."""
    import jax
    import numpy as np
    from noise import noise_chips

    from dimjax.models import create_detector
    from dimjax.training import meshes
    from dimjax.training.steps import make_train_steps
    from dimjax.training.train_state import initial_state, make_optimizer

    mesh, key = meshes.make_mesh(), jax.random.key(0)
    model = create_detector("darknet19", width=width, output_stride=8)
    optimizer = make_optimizer("adamw", 1e-3, 1e-2, warmup_steps=0, steps=steps)
    state = initial_state(model, optimizer, mesh, 3, 8, key)
    loss = {"mode": "difference", "stride": 8, "location_weight": 1.0, "classification_weight": 1.0}
    train_steps = make_train_steps(
        model, optimizer, mesh, **loss, augmented=True, noise=0.0, match_px=3.0, key=key
    )
    chips, index = noise_chips(batch, chip_px), np.arange(batch)[None]
    seconds = []
    for step in range(WARM_UP + steps):
        started = time.perf_counter()
        state, losses = train_steps(state, chips, index)
        jax.block_until_ready((state, losses))
        if step >= WARM_UP:
            seconds.append(time.perf_counter() - started)
    return seconds


def _in_fresh_process(devices: int) -> list[float]:
    flags = f"--xla_force_host_platform_device_count={devices}"
    env = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": flags,
        "GLIBC_TUNABLES": HUGE_PAGES,
    }
    command = [sys.executable, *sys.argv, "--once"]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _summary(seconds: dict, batch: int) -> dict[str, float]:
    """Summarise the median step of each process; ratios are those of consecutive processes."""
    steps = {name: [statistics.median(run) for run in runs] for name, runs in seconds.items()}
    ratios = [one / two for one, two in zip(steps["1"], steps["2"], strict=True)]
    return {
        **{f"chips_per_second_{n}": batch / statistics.median(run) for n, run in steps.items()},
        "two_devices_to_one": statistics.median(ratios),
        "two_devices_to_one_lowest": min(ratios),
        "two_devices_to_one_highest": max(ratios),
    }


def _table(record: dict) -> str:
    rows = [(name.replace("_", " "), f"{value:.2f}") for name, value in record["summary"].items()]
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| quantity | value |", "| --- | ---: |", *lines])


if __name__ == "__main__":
    main()
