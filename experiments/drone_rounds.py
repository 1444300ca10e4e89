"""Rounds with mining on drone-ir: a tenth of the clips labelled, the others as new sequences.

    main(Path("DATA/drone-ir"), "cpu", [0], Path("experiments/results"), make_builder)

The first frames of the clips are written to a data folder. A tenth of the training clips, chosen by
kind in turn, start with their labels, two of them for validation; the reviewer has the labels of
the others. For comparison, a network is trained on the labels of all clips. F1 is that of targets
on full frames of the clips of val.txt. Sizes: 12 clips (toy), the first 80 frames of all clips
(cpu), all frames (paper). Writes table3_drone.json and .md.
"""

import os
import shutil
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict
from result_files import as_json, interval, markdown, number, versions
from round_rows import rows_of

from configs import drone_ir
from dimjax.atomic_files import write_text
from dimjax.data.folders import Folder, open_folder
from dimjax.data.labels import write_table
from dimjax.data.layouts import DIMJAX
from dimjax.data.presets import PRESETS
from dimjax.progress import bar
from dimjax.stages import rounds

VALIDATION = 2  # of the labelled clips


class Size(NamedTuple):
    """Clips, frames and training of a size."""

    clips: int  # of the training split
    test_clips: int
    frames: int | None  # number of first frames of each clip; None: all
    rounds: int
    epochs: int  # of the first round
    later_epochs: int
    all_epochs: int  # of the training on all clips, with ten times the chips


SIZES = {
    "toy": Size(12, 2, 34, 2, 2, 1, 1),
    "cpu": Size(90, 23, 80, 6, 30, 5, 10),
    "paper": Size(90, 23, None, 6, 100, 50, 100),
}
_COLUMNS = ("round", "epochs", "images", "precision", "recall", "f1", "changed", "decisions")


def main(data: Path, name: str, seeds: list[int], out: Path, make_builder: Callable) -> None:
    """Run each seed; write and print the table."""
    size, folder = SIZES[name], open_folder(data, PRESETS["drone-ir"])
    results = {}
    for seed in seeds:
        work = out / "table3.work" / f"drone-{name}-{seed}"
        results[str(seed)] = run(folder, size, seed, work, make_builder)
    first = next(iter(results.values()))
    summary = {
        part: [
            {column: interval(row[column] for row in rows) for column in _COLUMNS}
            for rows in zip(*(parts[part] for parts in results.values()), strict=True)
        ]
        for part in first
    }
    record = {"size": name, "frames": size.frames, "versions": versions(("dimjax", "jax"))}
    record |= {"results": results, "summary": summary}
    write_text(out / "table3_drone.json", as_json(record))
    text = as_markdown(summary, list(results), name)
    write_text(out / "table3_drone.md", text)
    print(text)


def run(
    folder: Folder, size: Size, seed: int, work: Path, make_builder: Callable
) -> dict[str, list[dict]]:
    """Compute the rows of the rounds from a tenth of the labels, and of a training on all."""
    clips = by_turns(sorted(folder.splits["train"]), np.random.default_rng(seed))[: size.clips]
    test = by_turns(sorted(folder.splits["val"]), np.random.default_rng(seed))[: size.test_clips]
    labelled = max(VALIDATION + 1, round(len(clips) / 10))
    val, few, rest = clips[:VALIDATION], clips[VALIDATION:labelled], clips[labelled:]
    splits = {
        "tenth": {"train": few, "val": val, "test": test, "new": rest},
        "all": {"train": few + rest, "val": val, "test": test, "new": []},
    }
    rows = {}
    for name, names_of in splits.items():
        write_clips(folder, names_of, size.frames, work / f"{name}-clips")
        config = config_of(size, seed, work / f"{name}-clips", mined=name == "tenth")
        rounds.run(config, str(work / name), make_builder)
        rows[name] = rows_of(work / name)
    return rows


def config_of(size: Size, seed: int, clips: Path, mined: bool):
    """Return configs/drone_ir.py for a folder of clips, in rounds or all at once."""
    config = drone_ir.get_config()
    config.seed = seed
    config.data.folder = str(clips)
    config.data.layout = ConfigDict(DIMJAX._asdict())
    config.chips.frame_step = 2
    config.refinement.planted_share = 0.0  # the reviewer has no better labels
    config.rounds.count = size.rounds if mined else 1
    config.training.epochs = size.epochs if mined else size.all_epochs
    config.rounds.later_epochs = size.later_epochs
    config.rounds.reviewer = "oracle"
    return config


def by_turns(names: list[str], rng: np.random.Generator) -> list[str]:
    """Order names IR_KIND_NUMBER at random, taking each kind in turn."""
    kinds: dict[str, list[str]] = {}
    for k in rng.permutation(len(names)):
        kinds.setdefault(names[k].split("_")[1], []).append(names[k])
    turns = zip_longest(*(kinds[kind] for kind in sorted(kinds)))
    return [name for turn in turns for name in turn if name is not None]


def write_clips(
    folder: Folder, splits: dict[str, list[str]], frames: int | None, path: Path
) -> None:
    """Write the first frames of the clips of some splits to a folder in dimjax's own layout."""
    if path.exists():
        return
    aside = path.with_name(path.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    names = [name for names_of in splits.values() for name in names_of]
    for name in bar(names, "write clips", "clip"):
        sequence = folder.sequence(name)
        (aside / "sequences" / name).mkdir(parents=True)
        stack = np.stack([sequence.frame(t) for t in range(min(len(sequence), frames or 10**9))])
        np.save(aside / "sequences" / name / "frames.npy", stack)
    write_splits(splits, aside)
    labels = folder.labels[folder.labels.sequence.isin(names)]
    write_table(labels[labels.frame < (frames or 10**9)], aside / "labels.csv")
    os.replace(aside, path)


def write_splits(splits: dict[str, list[str]], path: Path) -> None:
    """Write the names of the sequences of each split to a data folder in dimjax's own layout."""
    (path / "splits").mkdir(parents=True, exist_ok=True)
    for split, names in splits.items():
        (path / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


def as_markdown(summary: dict, seeds: list[str], size: str) -> str:
    """Format the rounds, with the training on all labels as the last line."""
    lines = [["labelled", *_COLUMNS]]
    for part, rows in summary.items():
        for row in rows:
            texts = [number(row[c]["mean"], 3 if c in _COLUMNS[3:6] else 0) for c in _COLUMNS]
            lines.append(["a tenth" if part == "tenth" else "all", *texts])
    head = f"# Rounds with mining on drone-ir\n\nSize {size}, seeds {', '.join(seeds)}."
    return f"{head} Targets on full frames of val.txt.\n\n{markdown(lines)}"
