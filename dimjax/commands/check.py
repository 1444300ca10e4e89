"""Check: look a data folder over without training; list all that is wrong in it.

    problems = run(config, paths)                # prints them and a table; 0 where all is well

Each sequence is opened and each frame decoded, each label, truth and split is read. What can be
read is counted by split, and paths.contact_sheet shows some labels in their frames.
"""

import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.chips import planning
from dimjax.data.folders import Folder, layout_from, natural, open_folder
from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import Scale, Sequence, clip_frames, measure_scale
from dimjax.data.splits import with_validation
from dimjax.drawing.contact_sheet import contact_sheet
from dimjax.drawing.text_tables import Table, as_text
from dimjax.errors import InputError, Report
from dimjax.progress import bar, say
from dimjax.runs.workdir import Paths

_NO_LIMITS = (np.inf, np.inf, np.inf)  # of a sequence that could not be opened
_CHIPS = 40


class Seen(NamedTuple):
    """What is known of a sequence that could be opened."""

    shape: tuple[int, int, int]  # T, H, W
    depth: int  # bits of a pixel as it is stored
    used: int  # bits that the brightest pixel takes
    scale: Scale | None  # None where a frame could not be decoded


def run(config, paths: Paths) -> int:
    """Check the folder of config.data.folder, or the run's simulated one.

    Returns:
      The number of problems, all of which are printed.

    Raises:
      InputError: There is no folder, or no sequence in it.
    """
    problems: list[InputError] = []
    layout = layout_from(config.data.layout.to_dict(), "config.data.layout")
    folder = open_folder(config.data.folder or paths.sky, layout, problems.append)
    seen = {}
    for name in bar(folder.names, "decode", "sequence"):
        seen[name] = look_over(folder, name, config, problems.append)
    shapes = {name: own.shape if own else _NO_LIMITS for name, own in seen.items()}
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        labels = _read(folder.read_labels, shapes, problems.append)
        _read(folder.read_truth, shapes, problems.append)
    splits = _splits(folder, config, problems.append)
    for problem in sorted(map(str, problems), key=natural):
        say(f"problem: {problem}")
    for note in notes:
        say(f"note: {note.message}")
    say(as_text(summary(splits, seen, labels)))
    whole = [name for name, own in seen.items() if own and own.scale]
    count = _write_sheet(folder, labels[labels.sequence.isin(whole)], paths)
    sheet = f"; {count} labelled chips are shown in {paths.contact_sheet}" if count else ""
    say(f"{len(problems)} problems{sheet}")
    return len(problems)


def look_over(folder: Folder, name: str, config, report: Report) -> Seen | None:
    """Open a sequence and decode all its frames; None if it cannot be opened."""
    broken: list[InputError] = []
    try:
        sequence = folder.sequence(name)
    except InputError as problem:
        report(problem)
        return None
    used = _brightest(sequence, broken.append).bit_length()
    for problem in broken:
        report(problem)
    planning.check_size(name, sequence.shape, config.chips.chip_px, report)
    try:
        clip_frames(0, len(sequence), config.data.stride, f"sequence {name} ({sequence.path})")
        scale = None if broken else measure_scale(sequence)
    except InputError as problem:
        report(problem)
        scale = None
    return Seen(sequence.shape, 8 * sequence.dtype.itemsize, used, scale)


def summary(
    splits: dict[str, list[str]], seen: dict[str, Seen | None], labels: pd.DataFrame
) -> Table:
    """What was read, by split."""
    columns = [
        ("split", ""),
        ("sequences", "number"),
        ("frames", "number"),
        ("size", "px"),
        ("depth", "bits"),
        ("used", "bits"),
        ("noise sigma", "grey levels"),
        ("level", "grey levels"),
        *((category, "labels") for category in CATEGORIES),
        ("with label", "frames"),
    ]
    rows = [[split, *_summary(names, seen, labels)] for split, names in splits.items()]
    return Table(columns, rows, names=1)


def _brightest(sequence: Sequence, report: Report) -> int:
    """The brightest grey level; each frame that cannot be decoded is reported."""
    brightest = 0
    for t in range(len(sequence)):
        try:
            brightest = max(brightest, int(sequence.frame(t).max()))
        except InputError as problem:
            report(problem)
            if not sequence.path.is_dir():  # in one file the rest would only fail again
                break
    return brightest


def _read(reader, shapes, report: Report) -> pd.DataFrame | None:
    try:
        return reader(shapes, report)
    except InputError as problem:
        report(problem)
        return pd.DataFrame(columns=["sequence", "frame", "category"])


def _splits(folder: Folder, config, report: Report) -> dict[str, list[str]]:
    """The splits that training would see, others such as "new", and what is in none."""
    there = folder.read_splits(report)
    try:
        cut = with_validation(there, config.data.val_share, config.seed)
    except InputError as problem:
        report(problem)
        cut = {}
    others = {name: names for name, names in there.items() if name not in (*cut, "all") and names}
    named = {name for names in (*cut.values(), *others.values()) for name in names}
    rest = [name for name in folder.names if name not in named]
    return {**cut, **others, **({"in no split": rest} if rest else {})}


def _summary(names: list[str], seen: dict[str, Seen | None], labels: pd.DataFrame) -> list[str]:
    own = [seen[name] for name in names if seen[name]]
    scales = [it.scale for it in own if it.scale]
    labels = labels[labels.sequence.isin(names)]
    counts = labels.category.value_counts()
    return [
        f"{len(names):,}",
        f"{sum(it.shape[0] for it in own):,}",
        _each(f"{it.shape[2]}x{it.shape[1]}" for it in own),
        _range([it.depth for it in own]),
        _range([it.used for it in own]),
        _range([scale.noise_sigma for scale in scales]),
        _range([scale.level for scale in scales]),
        *(f"{counts.get(category, 0):,}" for category in CATEGORIES),
        f"{len(labels[['sequence', 'frame']].drop_duplicates()):,}",
    ]


def _each(texts: Iterable[str]) -> str:
    """The different ones, three at most."""
    different = list(dict.fromkeys(texts))
    return " | ".join(different[:3]) + (f" | {len(different) - 3} more" if different[3:] else "")


def _range(values: list[float]) -> str:
    if not values:
        return ""
    low, high = (f"{it:.3g}" if it < 1000 else f"{it:.0f}" for it in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _write_sheet(folder: Folder, labels: pd.DataFrame, paths: Paths) -> int:
    """Write the contact sheet of labels spread evenly over each category; how many it shows."""
    parts = []
    kinds = [own for _, own in labels.groupby("category") if len(own)]
    for own in kinds:
        count = min(len(own), _CHIPS // len(kinds))
        parts.append(own.iloc[np.linspace(0, len(own) - 1, count).round().astype(int)])
    if not parts:
        return 0
    paths.workdir.mkdir(parents=True, exist_ok=True)
    chosen = pd.concat(parts)
    contact_sheet(folder, chosen).save(paths.contact_sheet)
    return len(chosen)
