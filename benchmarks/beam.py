"""Building a data set with Apache Beam: seconds with one worker and with two.

    pip install -e '.[tfds]'
    python benchmarks/beam.py --out=benchmarks/results/beam.json

Builds the data set of dim_targets from simulated sequences of 640x512 pixels, as `tfds build` does
with Beam's direct runner and processes as workers. The cost of a start is measured separately, on a
data set of one chip. All take turns (start 1, start 2, 1, 2, start 1, ...). CPU seconds of all
processes are recorded too: on a machine that does other work they vary less, and two workers get a
larger share of it than one.
"""

import argparse
import itertools
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import apache_beam as beam
import pandas as pd
import tensorflow_datasets as tfds
from machine import describe, write_record

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from dim_targets import dim_targets_dataset_builder as dim_targets

from dimjax.chips.planning import plan_splits
from dimjax.data.csv_files import write_csv
from dimjax.data.folders import open_folder
from dimjax.data.splits import with_validation
from dimjax.label_noise import ErrorRates
from dimjax.sky import SkyConfig, write_folder

WORKERS = (1, 2)
CHIP_PX = 80


def main() -> None:
    """Measure, print a table and write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument(
        "--sequences", type=int, default=80, help="number of simulated sequences"
    )
    arguments.add_argument("--frames", type=int, default=48, help="frames per sequence")
    arguments.add_argument(
        "--shard_mib", type=int, default=64, help="largest shard before compression, MiB"
    )
    arguments.add_argument(
        "--rounds", type=int, default=4, help="timed builds per number of workers"
    )
    given = arguments.parse_args()

    dim_targets.SHARD_BYTES = given.shard_mib * 2**20
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sky = SkyConfig(frames=given.frames)
        write_folder(folder / "sky", sky, {"train": given.sequences}, 0, ErrorRates())
        seconds, cpu_s, start_s, info = measure(folder, given.rounds)
    record = {
        **describe("dimjax", "apache-beam", "tensorflow-datasets", "numpy"),
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
    print(_table(record))
    write_record(given.out, record)


def measure(folder: Path, rounds: int) -> tuple[dict, dict, dict, tfds.core.DatasetInfo]:
    """Measure seconds and CPU seconds of builds, and seconds of starts, by number of workers."""
    plan, one_chip = _plan(folder / "sky"), folder / "one.csv"
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


def _plan(sky: Path) -> pd.DataFrame:
    """Plan the chips that the builder's default configuration would cut."""
    folder, config = open_folder(sky), dim_targets.DimTargetsConfig(name="default")
    return plan_splits(
        folder.labels,
        with_validation(folder.splits, config.val_share, config.seed),
        folder.shapes,
        CHIP_PX,
        config.frame_step,
        config.backgrounds_per_label,
        config.seed,
    )


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
    """CPU seconds of this process and of the workers that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _summary(chips: int, seconds: dict, cpu_s: dict, start_s: dict) -> dict[str, float]:
    """Summarise medians and the gain of two workers, with and without the cost of a start."""
    total = {name: statistics.median(values) for name, values in seconds.items()}
    start = {name: statistics.median(values) for name, values in start_s.items()}
    net = {name: total[name] - start[name] for name in total}
    return {
        **{f"chips_per_second_{name}": chips / value for name, value in total.items()},
        **{f"cpu_seconds_{name}": statistics.median(values) for name, values in cpu_s.items()},
        **{f"seconds_to_start_{name}": value for name, value in start.items()},
        "gain": total["1"] / total["2"],
        "gain_lowest": min(a / b for a, b in zip(seconds["1"], seconds["2"], strict=True)),
        "gain_without_start": net["1"] / net["2"],
    }


def _table(record: dict) -> str:
    rows = [("chips", f"{record['chips']:,}"), ("shards", str(record["shards"]))]
    rows += [(name.replace("_", " "), f"{value:.2f}") for name, value in record["summary"].items()]
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| quantity | value |", "| --- | ---: |", *lines])


if __name__ == "__main__":
    main()
