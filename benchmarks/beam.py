"""Building chips with the workers of Apache Beam: seconds with one worker and with two.

    pip install -e '.[tfds]'
    python benchmarks/beam.py --out=benchmarks/results/beam.json

Simulated sequences of 640x512 pixels go in, the data set of dim_targets comes out, as `tfds build`
writes it through Beam's direct runner with processes for workers. What a start costs is measured
apart, on a data set of one chip. All take turns (start 1, start 2, 1, 2, start 1, ...). Seconds of
CPU, of all processes, are told too: on a machine that does other work they change less, and two
workers get a larger share of it than one.
"""

import argparse
import itertools
import json
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import apache_beam as beam
import tensorflow_datasets as tfds
from machine import about

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from dim_targets import dim_targets_dataset_builder as dim_targets

from dimjax.data.csv_files import write_csv
from dimjax.sky import ErrorRates, Sky, write_folder

WORKERS = (1, 2)
CHIP_PX = 80


def main() -> None:
    """Measure, print a table, write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--sequences", type=int, default=80, help="simulated sequences")
    arguments.add_argument("--frames", type=int, default=48, help="frames of a sequence")
    arguments.add_argument("--shard_mib", type=int, default=64, help="of a shard, uncompressed")
    arguments.add_argument("--rounds", type=int, default=4, help="timed builds of each")
    given = arguments.parse_args()

    dim_targets._SHARD_BYTES = given.shard_mib * 2**20
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sky = Sky(frames=given.frames)
        write_folder(folder / "sky", sky, {"train": given.sequences}, 0, ErrorRates())
        seconds, cpu_s, start_s, info = measure(folder, given.rounds)
    result = {
        **about("dimjax", "apache-beam", "tensorflow-datasets", "numpy"),
        "sequences": given.sequences,
        "frames": given.frames,
        "chip_px": CHIP_PX,
        "chips": info.splits.total_num_examples,
        "shards": sum(split.num_shards for split in info.splits.values()),
        "seconds": seconds,
        "cpu_seconds": cpu_s,
        "seconds_to_start": start_s,
        "summary": _summary(info.splits.total_num_examples, seconds, cpu_s, start_s),
    }
    print(_table(result))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")


def measure(folder: Path, rounds: int) -> tuple[dict, dict, dict, tfds.core.DatasetInfo]:
    """By the number of workers: seconds and CPU seconds of builds, seconds of starts; the info."""
    sky, one_chip = folder / "sky", folder / "one.csv"
    first = dim_targets.DimTargetsConfig(name="first", folder=str(sky), chip_px=CHIP_PX)
    plan = dim_targets._plan(first, *_read(sky))
    write_csv(plan, folder / "plan.csv")
    write_csv(plan.head(1), one_chip)
    seconds, cpu_s, start_s = ({str(workers): [] for workers in WORKERS} for _ in range(3))
    for _ in range(rounds):
        for plan, workers in itertools.product((one_chip, folder / "plan.csv"), WORKERS):
            took, cpu, info = _build(folder, plan, workers)
            (start_s if plan == one_chip else seconds)[str(workers)].append(took)
            if plan != one_chip:
                cpu_s[str(workers)].append(cpu)
    return seconds, cpu_s, start_s, info


def _read(sky: Path) -> tuple:
    folder = dim_targets.open_folder(sky)
    return folder, folder.labels


def _build(folder: Path, plan: Path, workers: int) -> tuple[float, float, tfds.core.DatasetInfo]:
    config = dim_targets.DimTargetsConfig(
        name="timed", folder=str(folder / "sky"), plan=str(plan), chip_px=CHIP_PX
    )
    builder = dim_targets.Builder(config=config, data_dir=folder / "built")
    options = beam.options.pipeline_options.PipelineOptions(
        ["--runner=DirectRunner", "--direct_running_mode=multi_processing",
         f"--direct_num_workers={workers}"]
    )  # fmt: skip
    started, cpu = time.perf_counter(), _cpu_seconds()
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(beam_options=options))
    took, cpu = time.perf_counter() - started, _cpu_seconds() - cpu
    shutil.rmtree(folder / "built")
    return took, cpu, builder.info


def _cpu_seconds() -> float:
    """Of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(own.ru_utime + own.ru_stime for own in used)


def _summary(chips: int, seconds: dict, cpu_s: dict, start_s: dict) -> dict[str, float]:
    """Medians; the gain with and without what a start costs, of each round and in the middle."""
    whole = {name: statistics.median(own) for name, own in seconds.items()}
    start = {name: statistics.median(own) for name, own in start_s.items()}
    net = {name: whole[name] - start[name] for name in whole}
    return {
        **{f"chips_per_second_{name}": chips / own for name, own in whole.items()},
        **{f"cpu_seconds_{name}": statistics.median(own) for name, own in cpu_s.items()},
        **{f"seconds_to_start_{name}": own for name, own in start.items()},
        "gain": whole["1"] / whole["2"],
        "gain_least": min(a / b for a, b in zip(seconds["1"], seconds["2"], strict=True)),
        "gain_without_start": net["1"] / net["2"],
    }


def _table(result: dict) -> str:
    rows = [("chips", f"{result['chips']:,}"), ("shards", str(result["shards"]))]
    rows += [(name.replace("_", " "), f"{own:.2f}") for name, own in result["summary"].items()]
    return "\n".join(["| what | value |", "| --- | ---: |", *(f"| {a} | {b} |" for a, b in rows)])


if __name__ == "__main__":
    main()
