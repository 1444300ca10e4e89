r"""Few labels: a tenth of the clips of drone-ir, with implants and with the weights of another run.

    python experiments/few_labels.py --data=DATA/drone-ir --size=cpu --seeds=0,1,2 \
        --start=runs/sky --out=experiments/results
    python experiments/few_labels.py --data=DATA/drone-ir --runs=weights --start=runs/sky

A tenth of the training clips, chosen by kind in turn, have their labels, two of them for
validation. Networks are trained on these labels alone, with simulated targets and interference
implanted into the same clips, from the weights of another run (--start, whose input the network
then has), and with both. All take about as many steps. F1 is that of targets and of birds in every
frame of val.txt, at the thresholds chosen in validation. Writes few_labels.json and few_labels.md;
what is there already is not computed again.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from absl import app, flags, logging
from ml_collections import ConfigDict
from result_files import as_json, markdown, number, versions

sys.path.insert(0, str(Path(__file__).parents[1]))
from drone_rounds import VALIDATION, by_turns, write_splits

from configs import drone_ir
from dimjax.atomic_files import write_text
from dimjax.commands.bundled import make_builder
from dimjax.data.folders import open_folder
from dimjax.data.presets import PRESETS
from dimjax.detection.detector import Detector, restore_detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.evaluation.figures import ANYTHING, evaluate
from dimjax.progress import bar
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, read_config
from dimjax.stages import rounds
from dimjax.tracks import score

# Name of a training -> whether it has implants, and weights of another run.
RUNS = {
    "labels alone": (False, False),
    "implants": (True, False),
    "weights": (False, True),
    "implants and weights": (True, True),
}
_DATA = flags.DEFINE_string("data", None, "Folder of drone-ir.", required=True)
_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu"], "Amount of data and training.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.")
_RUNS = flags.DEFINE_list("runs", None, f"Trainings to make: some of {', '.join(RUNS)}.")
_START = flags.DEFINE_string("start", None, "Run whose weights two of the trainings start from.")
_OUT = flags.DEFINE_string("out", "experiments/results", "Folder to write to.")


class Size(NamedTuple):
    """Clips and training of a size."""

    clips: int  # with labels
    test_clips: int
    frame_step: int
    epochs: int
    epochs_with_implants: int  # which have more chips


SIZES = {"toy": Size(3, 1, 64, 1, 1), "cpu": Size(9, 23, 4, 24, 10)}
# Amplitudes of 9 to 180 grey levels and slow, extended targets, as in these clips.
IMPLANTS = {
    "targets_per_frame": 0.5,
    "interference_per_frame": 0.5,
    "snr": (30.0, 600.0),
    "speed_px": (0.0, 2.0),
    "extent_px": (0.0, 4.0),
    "psf_px": (0.6, 1.6),
}
PARTS = ("frames", "tracks")
_CATEGORIES = ("target", "interference", ANYTHING)


def main(_) -> None:
    """Train and measure each variant with each seed; write and print the table."""
    logging.set_verbosity(logging.ERROR)  # Orbax logs every step
    size, out = SIZES[_SIZE.value], Path(_OUT.value)
    names = _RUNS.value or [name for name in RUNS if _START.value or not RUNS[name][1]]
    results: dict[str, dict] = {}
    for seed in map(int, _SEEDS.value):
        folder = _folder(Path(_DATA.value), size, seed, out / "few_labels.work" / f"clips-{seed}")
        for name in names:
            implants, starts = RUNS[name]
            work = out / "few_labels.work" / f"{_SIZE.value}-{seed}-{name.replace(' ', '-')}"
            config = config_of(folder, size, seed, implants, _START.value if starts else "")
            results.setdefault(name, {})[str(seed)] = run(config, work, make_builder)
            _write(results, out)


def _folder(data: Path, size: Size, seed: int, path: Path) -> Path:
    """Make a data folder of a tenth of the clips, with links to the videos and the labels."""
    if path.exists():
        return path
    folder = open_folder(data, PRESETS["drone-ir"])
    rng = np.random.default_rng(seed)
    train = by_turns(sorted(folder.splits["train"]), rng)[: size.clips]
    test = by_turns(sorted(folder.splits["val"]), rng)[: size.test_clips]
    splits = {"train": train[VALIDATION:], "val": train[:VALIDATION], "test": test}
    write_splits(splits, path)
    for name in ("videos", "labels"):
        os.symlink((data / name).resolve(), path / name)
    return path


def config_of(folder: Path, size: Size, seed: int, implants: bool, start: str):
    """Return configs/drone_ir.py for a part of the labels."""
    config = drone_ir.get_config()
    config.seed = seed
    config.data.folder = str(folder)
    splits = {split: f"splits/{split}.txt" for split in ("train", "val")}
    config.data.layout = ConfigDict(PRESETS["drone-ir"]._replace(splits=splits)._asdict())
    config.chips.frame_step = size.frame_step
    config.training.epochs = size.epochs_with_implants if implants else size.epochs
    if implants:
        config.data.implant.update({"share": 1.0, "seed": seed, **IMPLANTS})
    if start:
        description = read_config(start)
        config.model.update(description.model.to_dict())
        config.evidence.update(description.evidence.to_dict())
        config.training.start = start
        config.training.noise = 0.0 if "evidence" in config.model.input else config.training.noise
    return config


def run(config, work: Path, make_builder: Callable) -> dict:
    """Train one network, and measure it on the clips of the split test."""
    file = work / "few_labels.json"
    if not file.exists():
        rounds.run(config, str(work), make_builder, last="train")
        context = RoundContext(config, Paths(work))
        figures = _measure(context, restore_detector(*context.checkpoint()))
        examples = (context.paths.prepared / "dataset_info.json").read_text()
        lengths = next(
            s["shardLengths"] for s in json.loads(examples)["splits"] if s["name"] == "train"
        )
        figures["chips"] = sum(map(int, lengths)) * config.training.epochs
        write_text(file, as_json(figures))
    return json.loads(file.read_text())


def _measure(context: RoundContext, detector: Detector) -> dict:
    """Return precision, recall and F1 of each category, each frame alone and with tracks."""
    path = Path(context.config.data.folder)
    layout = PRESETS["drone-ir"]._replace(splits={"test": "splits/test.txt"})
    folder = open_folder(path, layout)
    names = folder.splits["test"]
    tables = [detect_in_sequence(detector, folder.sequence(n)) for n in bar(names, "test", "clip")]
    detections = pd.concat(tables, ignore_index=True)
    sizes = (
        {name: folder.shapes[name][0] for name in names},
        {name: folder.shapes[name][1] * folder.shapes[name][2] for name in names},
    )
    tracks = detector.link(detections)
    figures = {}
    for part, table, thresholds in (
        ("frames", detections, detector.description["threshold"]),
        ("tracks", score(tracks), detector.thresholds_of(tracks)),
    ):
        match_px = context.config.detection.match_px
        found = evaluate(folder.labels, table, *sizes, match_px, thresholds)
        figures[part] = {one: (found | found["categories"])[one] for one in _CATEGORIES}
    return figures


def _write(results: dict[str, dict], out: Path) -> None:
    """Write and print the mean, lowest and highest F1 of the seeds so far."""
    lines = [
        [
            "trained on",
            "seeds",
            "chips seen",
            "F1, targets, alone",
            "with tracks",
            "F1, birds, with tracks",
            "both as one, with tracks",
        ]
    ]
    for name, by_seed in results.items():
        row = [name, ", ".join(by_seed), number(np.mean([r["chips"] for r in by_seed.values()]), 0)]
        for part, category in (("frames", "target"), *(("tracks", one) for one in _CATEGORIES)):
            values = [r[part][category]["f1"] for r in by_seed.values()]
            row.append(f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        lines.append(row)
    record = {"size": _SIZE.value, "versions": versions(("dimjax", "jax")), "results": results}
    write_text(out / "few_labels.json", as_json(record))
    write_text(out / "few_labels.md", f"# Few labels on drone-ir\n\n{markdown(lines)}")
    print(markdown(lines))


if __name__ == "__main__":
    app.run(main)
