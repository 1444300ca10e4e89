"""A data folder of simulated sequences, in the default layout of dimjax.

    write_folder("data/sky", SkyConfig(), {"train": 200, "val": 20}, 0, ErrorRates())

    data/sky/sequences/train-0000/frames.npy    [T, H, W] uint16
    data/sky/splits/{train,val,test,new}.txt    one sequence name a line
    data/sky/truth.csv                          the error-free labels
    data/sky/labels.csv, errors.csv             the annotator's labels, and the errors in them
    data/sky/sky.json                           settings, seed and versions

A frame of 640x512 takes 655,360 bytes. Of the default two targets in a frame, 1.6 are not hidden
by clouds: the paper's 35,021 chips with a target take 22,000 frames (220 sequences of 100) and
14.4 GB, and the background chips are cut from the same frames.
"""

import contextlib
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax
import numpy as np
import pandas as pd

import dimjax
from dimjax.atomic_files import named_in_errors, read_record, write_text
from dimjax.data.labels import write_table
from dimjax.errors import InputError
from dimjax.label_noise.annotator import ErrorRates, annotate, check_rates
from dimjax.progress import bar
from dimjax.sky.rendering import Signal, simulate, simulate_signal
from dimjax.sky.settings import VERSION, SkyConfig, check

SPLITS = ("train", "val", "test", "new")

_RECORD = "sky.json"
_FOLDERS = ("sequences", "splits")


def write_folder(
    path: str | os.PathLike,
    settings: SkyConfig,
    sequences_per_split: Mapping[str, int],
    seed: int,
    error_rates: ErrorRates,
    training: SkyConfig | None = None,
) -> None:
    """Simulate sequences and write them with truth and labels.

    The folder is written as PATH.part and renamed when it is complete. Sequence i of a split
    depends only on the settings, the seed, the name of the split and i.

    Args:
      path: Folder to create; it may exist if it is empty.
      settings: Settings of the sequences.
      sequences_per_split: Number of sequences by name of the split, one of SPLITS; 0 if missing.
      seed: 0 or more.
      error_rates: Rates of the annotator's errors.
      training: Settings of the training sequences, e.g. with more interference, so that it can be
        learnt; None if they are those of the other sequences.

    Raises:
      InputError: The folder is not empty, or an argument is out of its range.
    """
    of_split = {split: settings for split in SPLITS} | {"train": training or settings}
    check(settings)
    check(of_split["train"])
    check_rates(error_rates)
    _check_arguments(sequences_per_split, seed)
    final, part = Path(path), Path(f"{os.fspath(path)}.part")
    _require_empty(final)
    _make_part(part)
    _write_record(
        part, _arguments(settings, of_split["train"], sequences_per_split, seed, error_rates)
    )
    numbers = [(split, i) for split in SPLITS for i in range(sequences_per_split.get(split, 0))]
    tables, names = [], {split: [] for split in SPLITS}
    for split, index in bar(numbers, "simulate", "sequence"):
        name = f"{split}-{index:04d}"
        frames, truth = simulate(of_split[split], sequence_seed(seed, split, index), name)
        (part / "sequences" / name).mkdir()
        with named_in_errors(_frames_file(part, name)) as file:
            np.save(file, frames)
        tables.append(truth)
        names[split].append(name)
    for split in SPLITS:
        write_text(part / "splits" / f"{split}.txt", "".join(f"{n}\n" for n in names[split]))
    _write_tables(part, pd.concat(tables, ignore_index=True), error_rates, seed)
    os.replace(part, final)


def _check_arguments(sequences_per_split: Mapping[str, int], seed: int) -> None:
    if seed < 0:
        raise InputError("seed", "must be 0 or more", seed, "Choose another seed.")
    for split, count in sequences_per_split.items():
        if split not in SPLITS or count < 0:
            raise InputError(
                "sequences_per_split",
                f"must give numbers of 0 or more for some of {', '.join(SPLITS)}",
                f"{split}: {count}",
                "Correct it.",
            )
    if sum(sequences_per_split.values()) == 0:
        raise InputError(
            "sequences_per_split", "must name at least one sequence", "none", "Name some."
        )


def _require_empty(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        content = sorted(p.name for p in folder.iterdir())[0] if folder.is_dir() else "a file"
        raise InputError(
            folder, "must be a new or empty folder", content, "Choose another one, or empty it."
        )


def _make_part(part: Path) -> None:
    """Make an empty PATH.part with its folders; that of a killed run is removed."""
    if (part / _RECORD).is_file() or _has_only_folders(part):
        shutil.rmtree(part)
    _require_empty(part)
    for folder in _FOLDERS:
        (part / folder).mkdir(parents=True)


def _has_only_folders(part: Path) -> bool:
    """Whether it is as a run leaves it that is killed before it writes the record."""
    names = {path.name for path in part.iterdir()} if part.is_dir() else set()
    return bool(names) and names <= set(_FOLDERS) and not any(part.glob("*/*"))


def check_same_sky(
    path: str | os.PathLike,
    settings: SkyConfig,
    sequences_per_split: Mapping[str, int],
    seed: int,
    error_rates: ErrorRates,
    training: SkyConfig,
) -> None:
    """Check that a folder was written with some arguments of write_folder, if its record is there.

    Raises:
      InputError: It was written with others.
    """
    file, record = Path(path) / _RECORD, {}
    with contextlib.suppress(OSError):
        record = read_record(file)
    asked = _arguments(settings, training, sequences_per_split, seed, error_rates)
    found = record if isinstance(record, dict) else {}
    for name, value, other in _differing(json.loads(json.dumps(asked)), found):
        remedy = "Restore the sky of this run, or choose another --workdir."
        raise InputError(file, f"the run began with {name} = {value}", other, remedy)


def _differing(asked: dict, found: dict) -> Iterator[tuple]:
    """Yield the name and both values of each entry that differs; a missing one does not."""
    for name, value in asked.items():
        other = found.get(name, value)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from _differing(value, other)
        elif value != other:
            yield name, value, other


def _arguments(
    settings: SkyConfig,
    training: SkyConfig,
    sequences_per_split: Mapping[str, int],
    seed: int,
    rates: ErrorRates,
) -> dict:
    return {
        "seed": seed,
        "sequences_per_split": dict(sequences_per_split),
        "settings": settings._asdict(),
        "training_settings": training._asdict(),
        "error_rates": rates._asdict(),
    }


def _write_record(part: Path, arguments: dict) -> None:
    versions = {"simulator": VERSION, "dimjax": dimjax.__version__, "jax": jax.__version__}
    write_text(part / _RECORD, json.dumps(versions | arguments, indent=2) + "\n")


def _write_tables(part: Path, truth: pd.DataFrame, rates: ErrorRates, seed: int) -> None:
    def frames_of(name):
        return np.load(_frames_file(part, name), mmap_mode="r")

    labels, errors = annotate(truth, frames_of, rates, np.random.default_rng([seed, 1]))
    for name, table in (("truth", truth), ("labels", labels), ("errors", errors)):
        write_table(table, part / f"{name}.csv")


def _frames_file(folder: Path, name: str) -> Path:
    return folder / "sequences" / name / "frames.npy"


def signal_of(name: str, settings: SkyConfig, training: SkyConfig, seed: int) -> Signal:
    """Render the light of the objects of a folder's sequence alone, see simulate_signal.

    Args:
      name: Name of the sequence.
      settings: Settings of the folder's sequences.
      training: Those of the training sequences.
      seed: Seed of the folder.
    """
    split, _, index = name.rpartition("-")
    own = training if split == "train" else settings
    return simulate_signal(own, sequence_seed(seed, split, int(index)), name)


def sequence_seed(seed: int, split: str, index: int) -> int:
    """Seed of a sequence of a folder, for `simulate`."""
    source = np.random.SeedSequence([seed, zlib.crc32(split.encode()), index])
    return int(source.generate_state(1, np.uint64)[0])
