"""The context of a round: data and labels that stages and commands share, each read once.

    context = RoundContext(read_config("runs/demo"), Paths("runs/demo", round=1))
    context.folder.shapes["flight3"]             # raw sequences and labels
    context.splits["val"]                        # names of the sequences
    with context.open_ledger() as db:
        labels, planted = context.trained_labels(db)
    tracks = context.link(detections, context.new_sequences)

A stage takes the context and reads its own section of `context.config`.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from dimjax import ledger
from dimjax.chips import planning
from dimjax.data.camera import aligned
from dimjax.data.csv_files import read_columns
from dimjax.data.folders import Folder, open_folder
from dimjax.data.labels import COLUMNS
from dimjax.data.layouts import Layout, layout_from
from dimjax.data.splits import LABELLED_SPLITS, starts_without_labels, with_validation
from dimjax.errors import InputError
from dimjax.label_noise import planting
from dimjax.progress import bar, say
from dimjax.runs.integrity import require_ledger
from dimjax.runs.same_folder import check_same_folder
from dimjax.runs.workdir import (
    Paths,
    check_path,
    first_data_folder,
    newest_round,
    read_config,
)
from dimjax.tracks import LinkingConfig, Motions, Tracks, link, linking_of
from dimjax.training.checkpoint_folders import check_folder


class RoundContext:
    """A round of a run: its configuration, its paths, and the data and labels that it works on.

    Attributes:
      config: All keys of the run, see configs/default.py.
      paths: Paths of the round.
    """

    def __init__(self, config, paths: Paths):
        self.config = config
        self.paths = paths
        self._motions: Motions = {}

    @property
    def number(self) -> int:
        """Number of the round, from 0."""
        return self.paths.number

    @property
    def is_last(self) -> bool:
        """Whether this is the run's last round, which is not reviewed."""
        return self.number == self.config.rounds.count - 1

    @property
    def starts_without_labels(self) -> bool:
        """Whether the run's first labels are proposals of the untrained detector."""
        return starts_without_labels(self.folder.splits)

    @property
    def proposes(self) -> bool:
        """Whether the round trains nothing: it proposes the labels of the first training."""
        return self.number == 0 and self.starts_without_labels

    @property
    def trains_first(self) -> bool:
        """Whether the round is the first that trains."""
        return self.number == int(self.starts_without_labels)

    @property
    def epochs(self) -> int:
        """Epochs of the round; the paper trains 100 first and 50 in each later round."""
        config = self.config
        return config.training.epochs if self.trains_first else config.rounds.later_epochs

    @property
    def max_chip_bytes(self) -> float:
        """Chips that take more bytes than this are streamed from the disk."""
        return self.config.training.device_gb * 1e9

    @property
    def layout(self) -> Layout:
        """Locations and formats of the files in the data folder."""
        return layout_of(self.config)

    @cached_property
    def folder(self) -> Folder:
        """The raw sequences and their labels: the user's folder, or the simulated sky."""
        return open_data_folder(self.config, self.paths)

    @cached_property
    def splits(self) -> dict[str, list[str]]:
        """Names of the sequences of the splits that chips are cut from, with a validation split.

        Without labels at the start, the new sequences of round 0 take the place of the split train.
        """
        splits = self.folder.splits
        if self.starts_without_labels:
            splits = {**splits, "train": self.of_round(0).new_sequences}
        return with_validation(splits, self.config.data.val_share, self.config.seed)

    @cached_property
    def labels(self) -> pd.DataFrame:
        """The folder's labels; without labels at the start, those of the round in the ledger."""
        if not self.starts_without_labels:
            return self.folder.labels
        with self.open_ledger() as db:
            return ledger.labels_as_of(db, self.number)

    @property
    def reference(self) -> pd.DataFrame:
        """The labels to evaluate against: the truth if there is one, else the labels."""
        return self.labels if self.folder.truth is None else self.folder.truth

    @cached_property
    def linking(self) -> LinkingConfig:
        """Settings of the linking, from the round's detector."""
        if self.proposes:
            from dimjax.detection.untrained import untrained_linking

            return untrained_linking()
        from dimjax.training import checkpoints  # loads JAX, which not every command needs

        folder, epoch = self.checkpoint()
        with checkpoints.saved_checkpoints(folder) as saved:
            return linking_of(checkpoints.read_description(saved, epoch))

    @cached_property
    def new_sequences(self) -> list[str]:
        """Unlabelled sequences that this round mines, or proposes labels in."""
        return read_columns(self.paths.new, ["sequence"])["sequence"]

    @cached_property
    def trained_sequences(self) -> list[str]:
        """Sequences that the round was trained on."""
        plan = read_columns(self.paths.plan, planning.PLAN_COLUMNS)
        pairs = zip(plan["sequence"], plan["split"], strict=True)
        return sorted({sequence for sequence, split in pairs if split == "train"})

    def checkpoint(self, epoch: int | None = None) -> tuple[Path, int | None]:
        """Find a checkpoint of the round.

        Args:
          epoch: Its epoch; None for that of the round's detector: the best one if
            config.training.checkpoint asks for it and the round has one, or else the last one.

        Returns:
          Its folder, and its epoch, None if there is no checkpoint.
        """
        last, best = _epochs(self.paths.checkpoints), _epochs(self.paths.best)
        wants_best = self.config.training.checkpoint == "best" and bool(best)
        if (wants_best and epoch in (None, best[-1])) or (epoch in best and epoch not in last):
            return self.paths.best, best[-1]
        return self.paths.checkpoints, (last[-1] if last else None) if epoch is None else epoch

    def of_round(self, number: int) -> "RoundContext":
        """Return the context of another round; the folder is shared."""
        other = RoundContext(self.config, self.paths.of_round(number))
        other._motions = self._motions
        other.folder = self.folder
        return other

    def earlier_rounds(self) -> list["RoundContext"]:
        """Return the contexts of the rounds before this one."""
        return [self.of_round(number) for number in range(self.number)]

    def camera_motions(self, names: Iterable[str]) -> Motions | None:
        """Measure the motion of the camera in some sequences.

        Returns:
          Sequence -> motion [T, 2] or [T, 4], see dimjax.tracks.link; None if
          config.detection.camera_motion is off.
        """
        if not self.config.detection.camera_motion:
            return None
        names = list(names)
        missing = [name for name in names if name not in self._motions]
        for name in bar(missing, "measure camera motion", "sequence"):
            sequence = self.folder.sequence(name)
            self._motions[name] = aligned(sequence, self.config.data.align_rotation).motion()
        return {name: self._motions[name] for name in names}

    def link(self, detections: pd.DataFrame, names: Iterable[str]) -> Tracks:
        """Link the detections in some sequences, with the settings of the round's detector.

        Args:
          detections: Detections at all scores, those of other sequences possibly among them.
          names: The sequences to link in.
        """
        names = list(names)
        detections = detections[detections.sequence.isin(names)]
        tracks = link(detections, self.linking, self.camera_motions(names))
        for note in tracks.notes:
            say(note)
        return tracks

    def open_ledger(self) -> ledger.Ledger:
        """Open the run's ledger; a new one holds the labels of the sequences in a split.

        Labels of other sequences, e.g. of new ones, are never read.

        Raises:
          InputError: The ledger is missing although the run has begun.
        """
        require_ledger(self.paths)
        splits = self.folder.splits
        names = [name for split in ("all", *LABELLED_SPLITS) for name in splits.get(split, [])]
        labels = self.folder.labels[self.folder.labels.sequence.isin(names)]
        labels, match_px = labels[list(COLUMNS)], self.config.detection.match_px
        return ledger.create_or_open(self.paths.ledger, labels, self.folder.shapes, match_px)

    def corrected_labels(self) -> pd.DataFrame:
        """Return the labels of the run with all decisions of its reviews, without planted errors.

        Raises:
          InputError: The run has no ledger yet.
        """
        if not self.paths.ledger.exists():
            rule, remedy = "a run's labels must be known", "Run `build` first."
            raise InputError(self.paths.ledger, rule, "no ledger", remedy)
        with self.open_ledger() as db:
            return ledger.labels_as_of(db)

    def trained_labels(self, db: ledger.Ledger) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the labels that the round was trained on, ids in the index, and planted errors."""
        planted = planting.read(self.paths.planted)
        return planting.apply(ledger.labels_as_of(db, self.number), planted), planted


def _epochs(folder: Path) -> list[int]:
    """Epochs of the checkpoints in a folder, in order."""
    return sorted(int(one.name) for one in folder.glob("*") if one.name.isdecimal())


def require_checkpoint(
    workdir: str | Path, round: int | None = None, epoch: int | None = None
) -> None:
    """Check without JAX that a run has checkpoints, before the time that it takes to load them.

    Args:
      workdir: The run's directory.
      round: Round; None for the newest.
      epoch: Epoch of the checkpoint, from 1; None for that of the round's detector.

    Raises:
      InputError: There is no such run, or no folder of checkpoints in it.
    """
    check_path(workdir)
    paths = Paths(workdir, newest_round(workdir) if round is None else round)
    context = RoundContext(read_config(workdir), paths)
    check_folder(context.checkpoint(None if epoch is None else epoch - 1)[0])


def open_data_folder(config, paths: Paths) -> Folder:
    """Open the folder of raw sequences: the user's, with the implants of the run, or its sky.

    Raises:
      InputError: There is no such folder, or it breaks a rule of its layout.
    """
    folder = open_folder(config.data.folder or paths.sky, layout_of(config))
    check_same_folder(folder, first_data_folder(paths))
    folder = aligned_as_asked(folder, config)
    if not paths.implants.exists():
        return folder
    from dimjax.sky.implant_files import with_implants  # loads JAX, which not every command needs

    return with_implants(folder, paths.implants)


def aligned_as_asked(folder: Folder, config) -> Folder:
    """Return a folder of sequences without the motion of the camera, if data.align asks for it."""
    return replace(folder, align=config.data.align, align_rotation=config.data.align_rotation)


def clip_stride(config) -> int:
    """Return the frames from F1 to F2; negative if F1 is the last frame of a clip."""
    return config.data.stride if config.data.reference == "first" else -config.data.stride


def layout_of(config) -> Layout:
    """Return the layout of a configuration's data folder."""
    return layout_from(config.data.layout.to_dict(), "config.data.layout")
