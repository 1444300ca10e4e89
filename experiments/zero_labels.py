"""A start without labels, compared with one labelled sequence, all labels and the untrained filter.

    python experiments/zero_labels.py --size=cpu --seeds=40,41,42 --out=experiments/results
    python experiments/zero_labels.py --size=cpu --seeds=40 --runs=all --out=DIR      # a part of it
    python experiments/zero_labels.py --data=DATA/drone-ir --seeds=0 --out=experiments/results

All runs of a seed have the same sequences, the same validation sequences among them and the same
test sequences:

    oracle   no labels; the proposals are decided by the truth, and a network is trained
    auto     no labels and nobody: proposals of a high probability are accepted
    one      the labels of one sequence, eight times the epochs, thresholds chosen on it
    all      all labels, free of errors

The sky is that of configs/demo.py with fewer sequences; with --data the clips of drone-ir take its
place, in the configuration of configs/drone_ir.py. Sizes: toy (tiny sky, a few clips), cpu (24
sequences; 40 clips of 80 frames; two cores), paper (72 sequences, all clips; full width, 100
epochs, for a GPU). The runs lie in DIR/zero_labels.work, where finished ones are not repeated and
killed ones are resumed. Writes zero_labels.json and .md, or zero_labels_drone.json and .md.
"""

import shutil
import sys
from pathlib import Path

import zero_labels_report
from absl import app, flags, logging
from ml_collections import ConfigDict
from result_files import as_json

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
from drone_rounds import by_turns, write_clips

from configs import demo, drone_ir
from dimjax.atomic_files import write_text
from dimjax.commands.bundled import make_builder
from dimjax.data.folders import open_folder
from dimjax.data.layouts import DIMJAX
from dimjax.data.presets import PRESETS
from dimjax.data.splits import with_validation
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds
from dimjax.training.process_settings import restart_with_settings

RUNS = ("oracle", "auto", "one", "all")
_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "Size of data and training.")
_SEEDS = flags.DEFINE_list("seeds", ["40", "41", "42"], "Seeds of the sky and the training.")
_RUNS = flags.DEFINE_list("runs", list(RUNS), "Runs to make and compare.")
_DATA = flags.DEFINE_string("data", None, "Folder drone-ir, measured instead of the sky.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

ONE_EPOCHS = 8  # times as many for one labelled sequence, of which an epoch is short
TOY = {"chips.chip_px": 32, "model.width": 0.25, "training.batch_size": 16, "training.epochs": 2}
SKIES = {  # keys that differ from configs/demo.py
    "toy": {
        **TOY,
        "sky.sequences.new": 4,
        "sky.sequences.test": 2,
        "sky.settings.frames": 16,
        "sky.settings.height": 96,
        "sky.settings.width": 128,
        "sky.settings.snr": (8.0, 15.0),
        "sky.settings.targets_per_frame": 3.0,  # the filter needs room without targets
        "rounds.auto_probability": 0.7,  # of short tracks
    },
    "cpu": {"sky.sequences.new": 24},
    "paper": {"sky.sequences.new": 72, "model.width": 1.0, "training.epochs": 100},
}
CLIPS = {  # training clips, test clips, first frames, keys that differ from configs/drone_ir.py
    "toy": (4, 1, 34, TOY),
    "cpu": (40, 23, 80, {"training.epochs": 16}),
    "paper": (90, 23, None, {"model.width": 1.0, "training.epochs": 100}),
}


def make_sky(size: str, seed: int, work: Path) -> tuple[ConfigDict, Path]:
    """Simulate the sequences of a seed, all of them new or for the test.

    Returns:
      The configuration of all runs, and the data folder.
    """
    config = demo.get_config()
    config.seed = seed
    config.sky.errors.update(dict.fromkeys(config.sky.errors, 0.0))
    config.sky.sequences.update({"train": 0, "val": 0})
    config.update_from_flattened_dict(SKIES[size])
    config.rounds.count = 2
    rounds.run(config, str(work / "sky"), make_builder, last="simulate")
    return config, Paths(work / "sky").sky


def write_drone_ir(data: Path, size: str, seed: int, work: Path) -> tuple[ConfigDict, Path]:
    """Write clips as new sequences, those of val.txt for the test; returns as make_sky does."""
    clips, test_clips, frames, keys = CLIPS[size]
    folder = open_folder(data, PRESETS["drone-ir"])
    splits = {"train": [], "val": []}
    for split, names, count in (("new", "train", clips), ("test", "val", test_clips)):
        splits[split] = by_turns(sorted(folder.splits[names]), np.random.default_rng(seed))[:count]
    write_clips(folder, splits, frames, work / "clips")
    config = drone_ir.get_config()
    config.seed = seed
    config.data.layout = ConfigDict(DIMJAX._asdict())
    # The clips are slow and their objects larger than the sky's.
    slow = {"evidence.stride": 4, "evidence.sigma_px": 1.5}
    config.update_from_flattened_dict({"chips.frame_step": 2, **slow, **keys})
    return config, work / "clips"


def config_of(name: str, config: ConfigDict, folder: Path, work: Path) -> ConfigDict:
    """Return the configuration of one of RUNS; the labelled ones get folders of their own."""
    config = config.copy_and_resolve_references()
    config.refinement.planted_share = 0.0  # nothing is refined
    config.rounds.count = 1 if name in ("one", "all") else 2
    if name in ("oracle", "auto"):
        config.data.folder, config.rounds.reviewer = str(folder), name
        return config
    splits = open_folder(folder).splits
    train = splits["new"]
    if name == "one":
        train = with_validation({"all": train}, config.data.val_share, config.seed)["train"][:1]
        config.training.epochs *= ONE_EPOCHS
    config.data.folder = str(work / f"{name}-data")
    link_folder(folder, {"train": train, "test": splits["test"]}, Path(config.data.folder))
    return config


def link_folder(folder: Path, splits: dict[str, list[str]], path: Path) -> None:
    """Make a data folder of the same sequences and labels with other splits."""
    (path / "splits").mkdir(parents=True, exist_ok=True)
    for file in (path.name for path in folder.iterdir() if path.name != "splits"):
        (path / file).unlink(missing_ok=True)
        (path / file).symlink_to((folder / file).absolute())
    for split, names in splits.items():
        (path / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


def measure(size: str, seed: int, names: list[str], work: Path) -> dict[str, dict[str, float]]:
    """Make the runs of a seed; return the figures of each, and of the untrained filter."""
    data = None if _DATA.value is None else Path(_DATA.value)
    make = make_sky(size, seed, work) if data is None else write_drone_ir(data, size, seed, work)
    figures = {}
    for name in names:
        config, workdir = config_of(name, *make, work), work / name
        if name == "auto":
            share_proposals(Paths(work / "oracle"), Paths(workdir))
        last = Paths(workdir, config.rounds.count - 1)
        if not last.evaluation.exists():
            rounds.run(config, str(workdir), make_builder, last="evaluate")
        figures[name] = zero_labels_report.figures_of(last)
    return {"untrained": zero_labels_report.figures_of_untrained(last), **figures}


def share_proposals(done: Paths, other: Paths) -> None:
    """Let another run start with the detections that a run has proposed labels from."""
    if done.predictions.exists() and not other.round.exists():
        other.round.mkdir(parents=True)
        shutil.copy(done.new, other.new)
        shutil.copy(done.predictions, other.predictions)


def main(_) -> None:
    """Measure all seeds; write and print the table."""
    logging.set_verbosity(logging.ERROR)
    out, size, drone = Path(_OUT.value), _SIZE.value, bool(_DATA.value)
    stem = "zero_labels_drone" if drone else "zero_labels"
    works = {seed: out / "zero_labels.work" / f"{stem}-{size}-{seed}" for seed in _SEEDS.value}
    results = {
        seed: measure(size, int(seed), _RUNS.value, work.absolute()) for seed, work in works.items()
    }
    record = zero_labels_report.record_of(results, size)
    write_text(out / f"{stem}.json", as_json(record))
    text = zero_labels_report.as_markdown(record, "drone-ir" if drone else "the demo's sky")
    write_text(out / f"{stem}.md", text)
    print(text)


if __name__ == "__main__":
    restart_with_settings()
    app.run(main)
