"""Frames of 640x512 pixels that the sky simulates per second.

    python benchmarks/sky.py --out=sky.json

Times complete calls of `dimjax.sky.simulate`, including textures, objects, truth and the copy to
the host's memory. The first call, which compiles, is timed separately.
"""

import argparse
import statistics
import time
from pathlib import Path

import jax
from machine import describe, write_record

from dimjax.sky import VERSION, SkyConfig, simulate


def main() -> None:
    """Measure, print a table and write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--frames", type=int, default=100, help="frames of a sequence")
    arguments.add_argument("--sequences", type=int, default=5, help="number of timed sequences")
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    given = arguments.parse_args()

    settings = SkyConfig(frames=given.frames)
    first = _seconds(settings, seed=0)
    # Sequences with many objects have wider tables; these shapes are compiled before the timing.
    seeds = range(1, given.sequences + 1)
    for seed in seeds:
        _seconds(settings, seed)
    seconds = [_seconds(settings, seed) for seed in seeds]
    rates = [settings.frames / each for each in seconds]
    device = jax.devices()[0]
    record = {
        **describe("dimjax", "jax", "jaxlib", "numpy"),
        "device": f"{device.platform}: {device.device_kind}",
        "simulator": VERSION,
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
    print(_table(record))
    write_record(given.out, record)


def _seconds(settings: SkyConfig, seed: int) -> float:
    start = time.perf_counter()
    simulate(settings, seed)
    return time.perf_counter() - start


def _table(record: dict) -> str:
    height, width = record["settings"]["height"], record["settings"]["width"]
    machine = record["machine"]
    rows = [
        ("device", record["device"]),
        ("processor, cores", f"{machine['cpu']}, {machine['cores']}"),
        ("frames", f"{width}x{height}, 14 bit, {record['settings']['frames']} per sequence"),
        ("sequences", str(len(record["seconds_per_sequence"]))),
        *((key.replace("_", " "), f"{value:.1f}") for key, value in record["summary"].items()),
    ]
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| quantity | value |", "| --- | --- |", *lines])


if __name__ == "__main__":
    main()
