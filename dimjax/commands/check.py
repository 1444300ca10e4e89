"""Check a data folder without training, and list every problem in it.

    problems = run(config, paths)                # prints them and a table; 0 if all is well

Every sequence is opened and every frame decoded; labels, truth and splits are read. A table counts
them by split, and paths.contact_sheet shows some labels in their frames.
"""

import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.chips import planning
from dimjax.commands.label_checks import evidence_table, measure_labels
from dimjax.commands.problem_list import problem_lines
from dimjax.data.camera import MOVING_STEP_PX, mean_step
from dimjax.data.duplicates import NO_SPLIT, check_splits
from dimjax.data.folders import Folder, open_folder
from dimjax.data.frame_notes import describe
from dimjax.data.frame_survey import Survey, survey_frames
from dimjax.data.labels import CATEGORIES
from dimjax.data.scale import Scale, measure
from dimjax.data.sequences import Sequence, clip_frames
from dimjax.data.splits import check_train_labels, starts_without_labels, with_validation
from dimjax.drawing.contact_sheet import write_sheet
from dimjax.drawing.text_tables import Table, as_text
from dimjax.errors import InputError, OnError
from dimjax.motion import EvidenceConfig
from dimjax.motion.windows import check_length
from dimjax.progress import bar, counted, say
from dimjax.runs import config_rules
from dimjax.runs.context import layout_of
from dimjax.runs.integrity import check_run
from dimjax.runs.workdir import Paths
from dimjax.stages.simulate import check_sky
from dimjax.training import inputs
from dimjax.training.inputs import uses_evidence

_NO_LIMITS = (np.inf, np.inf, np.inf)  # shape of a sequence that could not be opened
_WITHOUT_LABELS = "no sequence is in train: a run of 2 rounds or more starts with proposed labels"


class SequenceSummary(NamedTuple):
    """Properties of a sequence that could be opened."""

    shape: tuple[int, int, int]  # T, H, W
    depth: int  # bits of a stored pixel
    used: int  # bits that the brightest pixel takes
    scale: Scale | None  # None if a frame could not be decoded
    notes: tuple[str, ...] = ()  # parts of it that are ignored
    step_px: float = 0.0  # mean motion of the scene from frame to frame


def run(config, paths: Paths | None, doubts: Iterable[InputError] = ()) -> int:
    """Check the folder of config.data.folder, or the run's simulated one.

    Args:
      config: The configuration.
      paths: Paths of the run; None to check without one and without a contact sheet.
      doubts: Problems that are known already.

    Returns:
      The number of problems. They are printed, see dimjax.commands.problem_list.

    Raises:
      InputError: The configuration is invalid, or there is no folder or no sequence in it.
    """
    config_rules.check(config)
    problems = list(doubts)
    folder = open_folder(config.data.folder or paths.sky, layout_of(config), problems.append)
    unlabelled = starts_without_labels(folder.read_splits(lambda error: None))  # reported below
    summaries = _summaries(config, folder, unlabelled, problems.append)
    labels, notes = _read_labels(folder, summaries, problems.append)
    if unlabelled:
        notes.append(_WITHOUT_LABELS)
    if paths:
        check_run(paths, problems.append)
        check_sky(config, paths, problems.append)
    splits = _splits(folder, config.data.val_share, config.seed, problems.append)
    if len(labels) and "train" in splits:
        files, train = folder.layout.splits, splits["train"]
        check_train_labels(folder.path, labels, train, files, problems.append)
    decoded = [name for name, one in summaries.items() if one and one.scale]
    used = {split: set(decoded) & set(names) for split, names in splits.items()}
    check_splits(folder, used, problems.append, notes.append)
    evidence = pd.DataFrame()
    if len(labels) or not unlabelled:
        evidence = measure_labels(folder, labels, decoded, problems.append)
    compares = unlabelled or config.model.input != "single"  # a network of single frames does not
    _print(problems, notes, summaries, config.data.align or not compares)
    say(as_text(summary(splits, summaries, labels)))
    if len(evidence):
        say(as_text(evidence_table(evidence)))
    shown = labels[labels.sequence.isin(decoded)]
    count = write_sheet(folder, shown, paths.contact_sheet) if paths else 0
    sheet = f"; {count} labelled chips are shown in {paths.contact_sheet}" if count else ""
    say(f"{counted(len(problems), 'problem')}{sheet}")
    return len(problems)


def _summaries(
    config, folder: Folder, unlabelled: bool, on_error: OnError
) -> dict[str, SequenceSummary | None]:
    """Check each sequence."""
    mode = config.model.input
    uses = unlabelled or uses_evidence(mode)
    evidence = EvidenceConfig(**config.evidence.to_dict()) if uses else None
    settings = config.chips.chip_px, config.data.stride, on_error, evidence, mode
    return {
        name: check_sequence(folder, name, *settings)
        for name in bar(folder.names, "decode", "sequence")
    }


def _print(
    problems: list[InputError], notes: list[str], summaries, motion_is_harmless: bool
) -> None:
    for line in problem_lines(problems):
        say(f"problem: {line}")
    for note in notes:
        say(f"note: {note}")
    for name, one in summaries.items():
        if one and one.notes:
            say(f"note: sequence {name}: {'; '.join(one.notes)}")
    steps = [one.step_px for one in summaries.values() if one and one.step_px >= MOVING_STEP_PX]
    if steps and not motion_is_harmless:
        moved = f"in {len(steps)} of {counted(len(summaries), 'sequence')} the scene moves"
        remedy = "data.align=True takes this out"
        say(f"note: {moved} by {_range(steps)} px a frame; {remedy}")


def check_sequence(
    folder: Folder,
    name: str,
    chip_px: int,
    stride: int,
    on_error: OnError,
    evidence: EvidenceConfig | None,
    mode: str = "sequence",
) -> SequenceSummary | None:
    """Open a sequence and decode all its frames; None if it cannot be opened.

    Args:
      folder: Data folder.
      name: Name of the sequence.
      chip_px: Height and width of a chip in pixels, which must fit into a frame.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4; a clip must fit into the sequence.
      on_error: Called with each problem.
      evidence: Settings of the motion evidence, whose window must fit into the sequence; None if
        the network does not use it.
      mode: Input of the network.
    """
    broken: list[InputError] = []
    try:
        sequence = folder.sequence(name)
    except InputError as problem:
        on_error(problem)
        return None
    brightest, survey = _decode(sequence, broken.append)
    if survey.rescaled is not None:
        rule = "its grey levels must be on one scale"
        value = f"others from frame {survey.rescaled} on"
        remedy = "Make a separate sequence of each part."
        broken.append(InputError(f"sequence {name}", rule, value, remedy))
    for problem in broken:
        on_error(problem)
    planning.check_frame_size(name, sequence.shape, chip_px, on_error)
    try:
        _check_length(sequence, stride, evidence, mode)
        measured = None if broken else measure(sequence)
    except InputError as problem:
        on_error(problem)
        measured = None
    skipped = folder.layout.repeated_frames == "skip"
    notes = tuple(describe(measured, survey, skipped, sequence.replaced)) if measured else ()
    depth, used = 8 * sequence.dtype.itemsize, brightest.bit_length()
    step_px = mean_step(sequence) if measured else 0.0
    scale = measured and measured.scale
    return SequenceSummary(sequence.shape, depth, used, scale, notes, step_px)


def summary(
    splits: dict[str, list[str]],
    summaries: dict[str, SequenceSummary | None],
    labels: pd.DataFrame,
) -> Table:
    """Tabulate the sequences and labels by split."""
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
    rows = [[split, *_summary(names, summaries, labels)] for split, names in splits.items()]
    return Table(columns, rows, text_columns=1)


def _check_length(
    sequence: Sequence, stride: int, evidence: EvidenceConfig | None, mode: str
) -> None:
    subject = f"sequence {sequence.name} ({sequence.path})"
    inputs.check_length(len(sequence), mode, subject)
    clip_frames(0, len(sequence), stride, subject)
    if evidence is not None:
        check_length(len(sequence), evidence, subject)


def _decode(sequence: Sequence, on_error: OnError) -> tuple[int, Survey]:
    """Decode all frames; return the brightest grey level, and the repeated and flat frames.

    Each frame that cannot be decoded is reported.
    """
    brightest = [0]

    def frames() -> Iterator[np.ndarray]:
        for t in range(len(sequence)):
            try:
                frame = sequence.read(t)
            except InputError as problem:
                on_error(problem)
                if not sequence.path.is_dir():  # the other frames of a single file would fail too
                    return
                continue
            brightest.append(int(frame.max()))
            yield frame

    survey = survey_frames(frames())
    return max(brightest), survey


def _read_labels(folder: Folder, summaries, on_error: OnError) -> tuple[pd.DataFrame, list[str]]:
    """Read the labels and the truth; return the labels, and notes on both."""
    shapes = {name: one.shape if one else _NO_LIMITS for name, one in summaries.items()}
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        labels = _read(folder.read_labels, shapes, on_error)
        _read(folder.read_truth, shapes, on_error)
    return labels, list(dict.fromkeys(str(note.message) for note in notes))


def _read(reader, shapes, on_error: OnError) -> pd.DataFrame | None:
    try:
        return reader(shapes, on_error)
    except InputError as problem:
        on_error(problem)
        return pd.DataFrame(columns=["sequence", "frame", "category"])


def _splits(folder: Folder, val_share: float, seed: int, on_error: OnError) -> dict[str, list[str]]:
    """The splits of a training, other splits such as "new", and the sequences in no split."""
    named = folder.read_splits(on_error)
    try:
        cut = with_validation(named, val_share, seed) if not starts_without_labels(named) else {}
    except InputError as problem:
        on_error(problem)
        cut = {}
    others = {name: names for name, names in named.items() if name not in (*cut, "all") and names}
    assigned = {name for names in (*cut.values(), *others.values()) for name in names}
    rest = [name for name in folder.names if name not in assigned]
    return {**cut, **others, **({NO_SPLIT: rest} if rest else {})}


def _summary(names: list[str], summaries, labels: pd.DataFrame) -> list[str]:
    opened = [summaries[name] for name in names if summaries[name]]
    scales = [one.scale for one in opened if one.scale]
    labels = labels[labels.sequence.isin(names)]
    counts = labels.category.value_counts()
    return [
        f"{len(names):,}",
        f"{sum(one.shape[0] for one in opened):,}",
        _distinct(f"{one.shape[2]}x{one.shape[1]}" for one in opened),
        _range([one.depth for one in opened]),
        _range([one.used for one in opened]),
        _range([scale.noise_sigma for scale in scales]),
        _range([scale.level for scale in scales]),
        *(f"{counts.get(category, 0):,}" for category in CATEGORIES),
        f"{len(labels[['sequence', 'frame']].drop_duplicates()):,}",
    ]


def _distinct(texts: Iterable[str]) -> str:
    """List the distinct texts, three at most."""
    distinct = list(dict.fromkeys(texts))
    return " | ".join(distinct[:3]) + (f" | {len(distinct) - 3} more" if distinct[3:] else "")


def _range(values: list[float]) -> str:
    if not values:
        return ""
    low, high = (f"{it:.3g}" if it < 1000 else f"{it:.0f}" for it in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
