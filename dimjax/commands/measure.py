"""Measure a trained run on any labelled folder: the figures of `evaluate`, for other data.

run("runs/demo", config, "more_clips")         # config: the run's, with the folder and its layout

runs/demo/evaluations/more_clips/evaluation.json    the figures
runs/demo/evaluations/more_clips/detections.csv     detections at all scores
runs/demo/evaluations/more_clips/outcomes.csv       accepted ones: hit or false alarm; and misses
"""

import contextlib
import json
from pathlib import Path

from dimjax.atomic_files import exclusive_lock, read_record, write_text
from dimjax.commands.results import check_output
from dimjax.data.csv_files import write_csv
from dimjax.data.folders import Folder, open_folder
from dimjax.data.labels import write_table
from dimjax.data.listing import locations
from dimjax.data.patterns import glob_of
from dimjax.data.presets import AUTO
from dimjax.data.splits import LABELLED_SPLITS
from dimjax.errors import InputError
from dimjax.progress import say
from dimjax.runs.context import RoundContext, aligned_as_asked, layout_of, require_checkpoint
from dimjax.runs.same_folder import is_same
from dimjax.runs.workdir import Paths, differing_keys, read_config

_LOCK = "evaluate.lock"
# The keys of the run that may be changed for a measurement.
_KEYS = ("data.layout", "detection.match_px", "detection.camera_motion", "evaluation")


def run(
    workdir: str | Path,
    config,
    output: str | Path | None = None,
    split: str | None = None,
    round: int | None = None,
    epoch: int | None = None,
) -> dict:
    """Measure a run's detector on a labelled folder, print the tables and write the files.

    Args:
      workdir: The run's directory.
      config: The run's configuration, with the folder and its layout in place of its own data.
      output: Folder to write to; by default evaluations/NAME in the run's directory, NAME being
        that of the data folder. Earlier results in it are replaced.
      split: Split to measure on: train, val or test; None for all sequences with labels.
      round: Round; None for the newest.
      epoch: Epoch of the checkpoint, from 1; None for that of the round's detector.

    Returns:
      The figures, as in evaluation.json.

    Raises:
      InputError: There is no such checkpoint, folder or split, the folder has no labels, or its
        files break a rule, or the output folder holds something else.
    """
    require_checkpoint(workdir, round, epoch)
    context, path = RoundContext(config, Paths(workdir)), Path(config.data.folder)
    # Not the run's own folder, with its implants, nor the labels of its ledger.
    context.folder = aligned_as_asked(open_folder(path, layout_of(config)), config)
    context.labels = context.folder.labels
    names = _names(context, split)
    from dimjax.report import figures_text  # loads JAX: a wrong folder is refused before
    from dimjax.runs.config_rules import check
    from dimjax.runs.run import load
    from dimjax.stages.evaluate import measure

    check(config)
    trained = load(workdir, round, epoch)
    context.paths = trained.paths
    say(f"detector: {trained.description}")
    if seen := _trained_on(context.folder, names, workdir, trained.paths):
        trained_on = f"{len(seen)} of the {len(names)} sequences were in the training"
        say(f"note: {trained_on}, {seen[0]} first: the figures flatter; see --split")
    output = Path(output) if output else trained.paths.evaluations / path.resolve().name
    check_output(output, path, locations(context.folder.files), _LOCK, trained.paths)
    _check_same_folder(output / "evaluation.json", str(path.resolve()))
    rule, remedy = "one process at a time measures into a folder", "Wait for its end, or end it."
    with exclusive_lock(output / _LOCK, rule, remedy):
        measured = measure(context, trained.detector, names)
        write_table(measured.detections, output / "detections.csv")
        write_csv(measured.outcomes, output / "outcomes.csv")
        of_split = {
            "folder": str(path.resolve()),
            "split": split or "all",
            "detector": trained.description,
        }
        figures = {**of_split, **measured.figures}
        write_text(output / "evaluation.json", json.dumps(figures, indent=1) + "\n")
    say(figures_text(figures))
    say(f"\nwritten: {output}")
    return figures


def _trained_on(folder: Folder, names: list[str], workdir: str | Path, paths: Paths) -> list[str]:
    """Names of the sequences, among those of a folder, that the detector was trained on."""
    own = RoundContext(read_config(workdir), paths)
    with contextlib.suppress(InputError):  # the data of the run are gone
        trained = set(own.trained_sequences) & set(own.folder.names)
        return [name for name in names if name in trained and is_same(folder, own.folder, name)]
    return []


def _check_same_folder(earlier: Path, folder: str) -> None:
    """Raise if the figures of another folder would be replaced."""
    if not earlier.exists():
        return
    record = read_record(earlier)
    other = record.get("folder") if isinstance(record, dict) else None
    if other != folder:
        rule = "the output folder must be empty, or hold earlier figures of the same data"
        value = f"those of {other or 'an unknown folder'}"
        raise InputError("--output", rule, value, "Choose another folder.")


def check_keys(config, workdir: str | Path) -> None:
    """Raise if a configuration differs from the run's in a key that its measurement ignores."""
    for key, (_, given) in differing_keys(config, workdir).items():
        if not key.startswith(_KEYS):
            rule = f"only keys of {', '.join(_KEYS)} count; the detector has its own for the others"
            raise InputError("--config", rule, f"{key}={given!r}", "Leave it out.")


def use_folder(config, folder: str) -> None:
    """Set the data folder of a run's configuration; its layout is recognised if it does not fit."""
    path, layout = Path(folder), config.data.layout
    patterns = (layout.sequences, layout.labels)
    fits = path.is_dir() and all(any(path.glob(glob_of(one))) for one in patterns)
    with config.unlocked(), config.ignore_type():
        config.data.folder = str(folder)
        if not fits:
            config.data.layout = type(config)(AUTO._asdict())


def _names(context: RoundContext, split: str | None) -> list[str]:
    """Names of the sequences to measure on; those without any label count as well."""
    splits, reference = context.folder.splits, context.reference
    if split is not None:
        chosen = splits.get(split, [])
    else:
        chosen = [name for one in ("all", *LABELLED_SPLITS) for name in splits.get(one, [])]
    if not reference.sequence.isin(chosen).any():
        of_split = f"none in split {split}; the folder has {', '.join(sorted(splits))}"
        value = of_split if split else "no labels"
        remedy = "Name another folder or split; `check --input=FOLDER` shows what it contains."
        raise InputError(context.folder.path, "a labelled sequence is needed", value, remedy)
    return sorted(chosen)
