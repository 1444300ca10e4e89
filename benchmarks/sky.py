"""How many frames of 640x512 pixels the sky simulates in a second.

    python benchmarks/sky.py --out=sky.json

Times whole calls of `dimjax.sky.simulate`, textures, objects, truth and the copy to host memory
included. The first call, which compiles, is timed apart.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
import time
from pathlib import Path

import jax
import numpy as np

import dimjax
from dimjax.sky import VERSION, Sky, simulate


def main() -> None:
    """Measure, print a table, write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--frames", type=int, default=100, help="frames of a sequence")
    arguments.add_argument("--sequences", type=int, default=5, help="sequences that are timed")
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    given = arguments.parse_args()

    settings = Sky(frames=given.frames)
    first = _seconds(settings, seed=0)
    # Sequences with many objects have wider tables: compile those shapes too before timing.
    seeds = range(1, given.sequences + 1)
    for seed in seeds:
        _seconds(settings, seed)
    seconds = [_seconds(settings, seed) for seed in seeds]
    rates = [settings.frames / s for s in seconds]
    result = {
        "command": shlex.join([Path(sys.executable).name, *sys.argv]),
        "machine": _machine(),
        "versions": _versions(),
        "settings": settings._asdict(),
        "seconds_first_call": first,
        "seconds_per_sequence": seconds,
        "summary": {
            "frames_per_second_median": statistics.median(rates),
            "frames_per_second_slowest": min(rates),
            "frames_per_second_fastest": max(rates),
            "seconds_to_compile": first - statistics.median(seconds),
        },
    }
    print(_table(result))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")


def _seconds(settings: Sky, seed: int) -> float:
    start = time.perf_counter()
    simulate(settings, seed)
    return time.perf_counter() - start


def _machine() -> dict[str, object]:
    device = jax.devices()[0]
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "device": f"{device.platform}: {device.device_kind}",
        "cpu": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load_1min": os.getloadavg()[0],
        "system": platform.platform(),
    }


def _versions() -> dict[str, str]:
    return {
        "simulator": VERSION,
        "dimjax": dimjax.__version__,
        "jax": jax.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _table(result: dict) -> str:
    height, width = result["settings"]["height"], result["settings"]["width"]
    machine = result["machine"]
    rows = [
        ("device", machine["device"]),
        ("processor, cores", f"{machine['cpu']}, {machine['cores']}"),
        ("frames", f"{width}x{height}, 14 bit, {result['settings']['frames']} a sequence"),
        ("sequences", str(len(result["seconds_per_sequence"]))),
        *((key.replace("_", " "), f"{value:.1f}") for key, value in result["summary"].items()),
    ]
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| what | value |", "| --- | --- |", *lines])


if __name__ == "__main__":
    main()
