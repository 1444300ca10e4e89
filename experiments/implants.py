"""Implants in one's own backgrounds: cloud-seqs, whose cameras move.

    python experiments/implants.py --data=DATA/cloud-seqs --size=cpu --seeds=0,1,2 --out=DIR

One half of the sequences is trained on, the other one is measured, then the other way round. The
network, as that of configs/sky.py, learns from implanted simulated objects alone, from the labels
of two sequences of its half (one of them for validation), or from both. The motion of the cameras
is taken out. Beside them stands the untrained filter on the same frames. Sizes: all frames (cpu),
one epoch on three sequences (toy). Writes implants.json and .md into DIR after each training; what
is in DIR/implants.work is not trained again.
"""

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import app, flags, logging
from ml_collections import ConfigDict
from result_files import as_json, markdown, number, versions

sys.path.insert(0, str(Path(__file__).parents[1]))
from configs import sky
from dimjax.atomic_files import write_text
from dimjax.commands.bundled import make_builder
from dimjax.data.folders import open_folder
from dimjax.data.presets import PRESETS
from dimjax.drawing.text_tables import NONE
from dimjax.evaluation.figures import ANYTHING
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds
from dimjax.training.process_settings import restart_with_settings

_DATA = flags.DEFINE_string("data", None, "Folder of cloud-seqs.", required=True)
_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu"], "Amount of data and training.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of implants and training.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

LABELLED = 2  # sequences of a half; one is for validation
# Names of trainings -> whether they have implants, and labels.
RUNS = {"implants alone": (True, False), "few labels": (False, True), "both": (True, True)}
FILTER = "untrained filter"
PARTS = {"frames": "each frame alone", "tracks": "with tracks"}
_TRAINED = {"frames": "frames", "tracks": "tracks"}
_UNTRAINED = {"frames": "untrained", "tracks": "untrained_tracks"}
_FIGURES = ("F1", "best F1", "recall at 0.65", "recall of anything at 0.65")


class Size(NamedTuple):
    """Sequences of a half, and epochs with and without implants, which are more chips."""

    sequences: int | None
    epochs_with_implants: int
    epochs: int


SIZES = {"toy": Size(3, 1, 1), "cpu": Size(None, 12, 48)}


def main(_) -> None:
    """Train and measure all; write and print the table."""
    logging.set_verbosity(logging.ERROR)  # Orbax logs every step
    size, out = SIZES[_SIZE.value], Path(_OUT.value)
    results: dict[str, list[dict]] = {}
    halves = halves_of(open_folder(_DATA.value, PRESETS["cloud-seqs"]).names, size)
    for seed in map(int, _SEEDS.value):
        for k, half in enumerate(halves):
            for name, (implants, labels) in RUNS.items():
                work = out / "implants.work" / f"{_SIZE.value}-{seed}-{k}-{name.replace(' ', '-')}"
                folder = work.with_name(f"{work.name}.data")
                config = config_of(folder, half, halves[1 - k], size, seed, implants, labels)
                rounds.run(config, str(work), make_builder, last="evaluate")
                evaluation = json.loads(Paths(work).evaluation.read_text())
                results.setdefault(name, []).append(figures_of(evaluation, _TRAINED))
                if name == next(iter(RUNS)) and seed == int(_SEEDS.value[0]):
                    results.setdefault(FILTER, []).append(figures_of(evaluation, _UNTRAINED))
                _write(results, out)


def halves_of(names: list[str], size: Size) -> tuple[list[str], list[str]]:
    """Divide the sequences by turns; both halves have some of each camera."""
    names = sorted(names)
    return names[::2][: size.sequences], names[1::2][: size.sequences]


def config_of(
    folder: Path,
    half: list[str],
    test: list[str],
    size: Size,
    seed: int,
    implants: bool,
    labels: bool,
) -> ConfigDict:
    """Make the data folder and the configuration of a training on a half."""
    labelled, others = half[:LABELLED], half[LABELLED:]
    train = labelled[1:] + (others if implants else [])
    if not folder.exists():
        aside = folder.with_name(f"{folder.name}.part")
        (aside / "anno").mkdir(parents=True, exist_ok=True)
        os.symlink((Path(_DATA.value) / "data").resolve(), aside / "data")
        splits = {"train": train, "val": labelled[:1], "test": test}
        for name, names in splits.items():
            write_text(aside / f"{name}.txt", "\n".join(names) + "\n")
        known = {*test, *(labelled if labels else ())}
        for name in {*train, *labelled, *test}:
            given = (Path(_DATA.value) / "anno" / f"{name}.txt").read_text()
            write_text(aside / "anno" / f"{name}.txt", given if name in known else "")
        aside.rename(folder)
    config = sky.get_config()
    config.seed = seed
    config.data.folder = str(folder)
    splits = {split: f"{split}.txt" for split in ("train", "val", "test")}
    config.data.layout = ConfigDict(PRESETS["cloud-seqs"]._replace(splits=splits)._asdict())
    config.data.align = config.detection.camera_motion = True
    config.training.epochs = size.epochs_with_implants if implants else size.epochs
    if implants:
        config.data.implant.update({"share": 1.0, "seed": seed})
    return config


def figures_of(evaluation: dict, parts: dict[str, str]) -> dict[str, dict[str, float]]:
    """Read the figures of targets: part -> name -> value; NaN for an F1 without a threshold.

    Args:
      evaluation: evaluation.json of a run.
      parts: Part -> its name in the evaluation.
    """
    figures = {}
    for part, name in parts.items():
        found = evaluation[name]
        is_trained = "categories" in found
        target = found["categories"]["target"] if is_trained else {"f1": float("nan")}
        best = max(target["curve"]["f1"]) if is_trained else found["best_f1"]["target"]
        recall = found["recall_at"]["target"][1]["recall"]
        of_anything = found["recall_at"][ANYTHING][1]["recall"]
        values = (target["f1"], best, recall, of_anything)
        figures[part] = dict(zip(_FIGURES, values, strict=True))
    return figures


def _write(results: dict[str, list[dict]], out: Path) -> None:
    """Write and print mean, lowest and highest figure of the halves and seeds so far."""
    lines = [["trained on", "trainings", *(f"{f}, {p}" for p in PARTS.values() for f in _FIGURES)]]
    for name, runs in results.items():
        row = [name, str(len(runs))]
        for part in PARTS:
            for figure in _FIGURES:
                values = np.array([run[part][figure] for run in runs], float)
                mean, *ends = map(number, (values.mean(), values.min(), values.max()))
                row.append(mean if mean == NONE else f"{mean} ({' to '.join(ends)})")
        lines.append(row)
    record = {"size": _SIZE.value, "versions": versions(("dimjax", "jax")), "results": results}
    write_text(out / "implants.json", as_json(record))
    write_text(out / "implants.md", f"# Implants on cloud-seqs\n\n{markdown(lines)}")
    print(markdown(lines), flush=True)


if __name__ == "__main__":
    restart_with_settings()
    app.run(main)
