"""Training on two simulated devices against one, on the same CPU: what sharing a batch out costs.

    python benchmarks/devices.py --out=benchmarks/results/devices.json

Each turn is a process of its own (1, 2, 1, 2, ...), since the number of simulated devices is fixed
at the start. It compiles, warms up, and times steps of the demo's network on chips in memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine import about

DEVICES = (1, 2)
WARM_UP = 3


def main() -> None:
    """Measure, print a table, write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, help="JSON file to write")
    arguments.add_argument("--rounds", type=int, default=5, help="processes of each")
    arguments.add_argument("--steps", type=int, default=30, help="timed steps of a process")
    arguments.add_argument("--width", type=float, default=0.5, help="of DarkNet-19")
    arguments.add_argument("--chip_px", type=int, default=64)
    arguments.add_argument("--batch", type=int, default=64, help="chips of a step, in all")
    arguments.add_argument("--once", action="store_true", help="time one process: this one")
    given = arguments.parse_args()
    if given.once:
        print(json.dumps(step_seconds(given.width, given.chip_px, given.batch, given.steps)))
        return
    seconds = {str(devices): [] for devices in DEVICES}
    for _ in range(given.rounds):
        for devices in DEVICES:
            seconds[str(devices)].append(_in_a_process(devices))
    result = {
        **about("dimjax", "jax", "jaxlib", "numpy"),
        "network": {"backbone": "darknet19", "width": given.width},
        "chip_px": given.chip_px,
        "batch": given.batch,
        "seconds_per_step": seconds,
        "summary": _summary(seconds, given.batch),
    }
    print(_table(result))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")


def step_seconds(width: float, chip_px: int, batch: int, steps: int) -> list[float]:
    """Seconds of each step, on all devices that this process has."""
    import jax
    import numpy as np

    from dimjax.models import create_detector
    from dimjax.training import meshes, steps

    rng, mesh, key = np.random.default_rng(0), meshes.make_mesh(), jax.random.key(0)
    chips = steps.Chips(
        frames=rng.integers(0, 4096, (batch, 4, chip_px, chip_px), np.uint16),
        scale=np.tile(np.float32([2048, 20]), (batch, 1)),
        boxes=np.tile(np.float32([chip_px / 2, chip_px / 2, 3, 3]), (batch, 1, 1)),
        category=np.zeros((batch, 1), np.int8),
    )
    model = create_detector("darknet19", width=width, output_stride=8)
    optimizer = steps.make_optimizer("adamw", 1e-3, 1e-2, warmup_steps=0, steps=steps)
    state = steps.initial_state(model, optimizer, mesh, 3, 8, key)
    loss = {"mode": "difference", "stride": 8, "a": 1.0, "b": 1.0}
    train_steps = steps.make_train_steps(
        model, optimizer, mesh, **loss, augmented=True, noise=0.0, key=key
    )
    chips, index = meshes.on_mesh(chips, mesh), np.arange(batch)[None]
    seconds = []
    for step in range(WARM_UP + steps):
        started = time.perf_counter()
        state, losses = train_steps(state, chips, index)
        jax.block_until_ready((state, losses))
        if step >= WARM_UP:
            seconds.append(time.perf_counter() - started)
    return seconds


def _in_a_process(devices: int) -> list[float]:
    flags = f"--xla_force_host_platform_device_count={devices}"
    env = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": flags,
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # as main.py sets it
    }
    command = [sys.executable, *sys.argv, "--once"]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _summary(seconds: dict, batch: int) -> dict[str, float]:
    """Of each process the median of its steps; ratios of neighbours in time."""
    steps = {name: [statistics.median(own) for own in runs] for name, runs in seconds.items()}
    ratios = [one / two for one, two in zip(steps["1"], steps["2"], strict=True)]
    return {
        **{f"chips_per_second_{n}": batch / statistics.median(own) for n, own in steps.items()},
        "two_devices_to_one": statistics.median(ratios),
        "two_devices_to_one_least": min(ratios),
        "two_devices_to_one_most": max(ratios),
    }


def _table(result: dict) -> str:
    rows = [(name.replace("_", " "), f"{own:.2f}") for name, own in result["summary"].items()]
    return "\n".join(["| what | value |", "| --- | ---: |", *(f"| {a} | {b} |" for a, b in rows)])


if __name__ == "__main__":
    main()
