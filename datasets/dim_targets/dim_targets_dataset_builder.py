"""TFDS builder: small chips with differential images, cut from raw infrared sequences.

It builds a data set with one example per chip from a data folder (`dimjax.data.folders`);
`dimjax.chips.examples` reads the data set. TensorFlow is not needed.

    config = DimTargetsConfig(name="chips48", chip_px=48, folder="data")
    Builder(config=config, data_dir="prepared").download_and_prepare()

    tfds build datasets/dim_targets --config=chips80 --manual_dir=data --data_dir=prepared

With options of Apache Beam, its workers write the shards; the files are the same.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import tensorflow_datasets as tfds

from dimjax.chips import planning
from dimjax.chips.shard_writing import ShardWriter, write_shards, write_shards_with_beam
from dimjax.chips.shards import Shard, make_shards
from dimjax.data import labels
from dimjax.data.folders import Folder, open_folder
from dimjax.data.layouts import DIMJAX, layout_from
from dimjax.data.splits import LABELLED_SPLITS, with_validation
from dimjax.errors import InputError
from dimjax.settings_rules import (
    INTEGER,
    NUMBER,
    SWITCH,
    Rule,
    at_least,
    check_fields,
    optional,
    same_type,
)

_NO_FOLDER = (
    "Give the folder of sequences, not a missing or empty one, as --manual_dir=FOLDER or, from "
    "Python, as the config's folder; `python main.py simulate` writes one."
)
SHARD_BYTES = 256 * 2**20  # largest size of a shard before compression

_TYPES = {
    **dict.fromkeys(("chip_px", "stride", "frame_step", "seed"), INTEGER),
    **dict.fromkeys(("backgrounds_per_label", "val_share"), NUMBER),
    **dict.fromkeys(("align", "align_rotation"), SWITCH),
    "evidence": optional(Rule(lambda keys: isinstance(keys, dict), "a dictionary")),
}
_RANGES = {
    "chip_px": at_least(1),
    "stride": Rule(lambda stride: stride != 0, "1 or more, or -1 or less"),
    "frame_step": at_least(1),
    "backgrounds_per_label": at_least(0),
    "seed": at_least(0),
}
_UNALIGNED = {"align_rotation": Rule(lambda value: not value, "False without align=True")}


@dataclasses.dataclass(eq=False)
class DimTargetsConfig(tfds.core.BuilderConfig):
    """Settings of a data set: the folder, and the chips to cut from it.

    Attributes:
      chip_px: Height and width of a chip, pixels.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4; negative if these come before F1.
      frame_step: Chips are cut at every frame_step-th frame.
      backgrounds_per_label: Background chips per chip with a label.
      seed: Seed of the positions of chips and of the choice of validation sequences.
      val_share: Share of the training sequences to validate on if the folder has no such split.
      folder: Data folder; by default the manual_dir of TFDS.
      layout: Keys of `dimjax.data.layouts.Layout`; by default the layout of dimjax itself.
      implants: Table (CSV) of `dimjax.sky.implant_files`, whose objects are added to the frames and
        the labels.
      align: Whether the motion of the camera is taken out of the clips.
      align_rotation: Whether rotation and scale are part of this motion beside the shift.
      labels: Label table (CSV) that replaces the folder's own.
      plan: Chip plan (CSV, `dimjax.chips.planning.PLAN_COLUMNS`), which also assigns each sequence
        to a split; by default a new plan is made.
      evidence: Keys of `dimjax.motion.EvidenceConfig`; examples then contain the motion evidence.
    """

    chip_px: int = 80
    stride: int = 1
    frame_step: int = 1
    backgrounds_per_label: float = 54_489 / 35_021  # the paper's mix
    seed: int = 0
    val_share: float = 0.15
    folder: str | None = None
    layout: dict[str, Any] | None = None
    implants: str | None = None
    align: bool = False
    align_rotation: bool = False
    labels: str | None = None
    plan: str | None = None
    evidence: dict[str, Any] | None = None

    def __post_init__(self):
        for rules in (_TYPES, _RANGES, {} if self.align else _UNALIGNED):
            check_fields(f"config {self.name}, {{}}", vars(self), rules, "Correct it.")
        if self.evidence is not None:
            _evidence_settings(self)


class Builder(tfds.core.dataset_builder.FileReaderBuilder):
    """Builds chips shard by shard, in the order of sequences and frames.

    The clips of a shard decode each frame once, its motion evidence decodes it once more; memory
    does not grow with the data set. If the DownloadConfig has options or a runner of Apache Beam,
    its workers write the shards in parallel. The builder does not shuffle: TFDS would keep up to a
    gigabyte in memory and need TensorFlow beyond that, and training shuffles the chips in each
    epoch, on the device.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = _NO_FOLDER
    BUILDER_CONFIGS = [
        DimTargetsConfig(name=f"chips{px}", chip_px=px, description=f"Chips of {px}x{px}x4 pixels.")
        for px in (16, 32, 64, 80)
    ]
    DEFAULT_BUILDER_CONFIG_NAME = "chips80"

    def __init__(self, *, file_format="array_record", **kwargs):
        super().__init__(file_format=file_format, **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        info = self.dataset_info_from_configs(
            features=_features(self.builder_config),
            homepage="https://doi.org/10.1109/ACCESS.2024.3435872",
            disable_shuffling=True,
        )
        # TFDS would look for the data set in a bucket of Google, and leave a temporary folder.
        info.initialize_from_bucket = lambda: None
        return info

    def _download_and_prepare(self, dl_manager, download_config=None) -> None:
        config = download_config or tfds.download.DownloadConfig()
        shards = _shards(self.builder_config, dl_manager)
        paths = {
            split: self._get_filename_template(split).sharded_filepaths(len(of_split))
            for split, of_split in shards.items()
        }
        writer = ShardWriter(self.info.features, self.info.file_format)
        pairs = [pair for split in shards for pair in zip(paths[split], shards[split], strict=True)]
        if config.beam_runner is None and config.beam_options is None:
            write_shards(writer, pairs)
        else:
            write_shards_with_beam(writer, pairs, config.beam_runner, config.beam_options)
        infos = [self._split_info(split, shards[split], paths[split]) for split in shards]
        self.info.set_splits(tfds.core.splits.SplitDict(infos))

    def _split_info(self, split: str, shards: list[Shard], paths: list) -> tfds.core.SplitInfo:
        return tfds.core.SplitInfo(
            name=split,
            shard_lengths=[len(shard.rows) for shard in shards],
            num_bytes=sum(path.stat().length for path in paths),
            filename_template=self._get_filename_template(split),
        )


def _features(config: DimTargetsConfig) -> tfds.features.FeaturesDict:
    def scalar(dtype, doc):
        return tfds.features.Scalar(dtype=dtype, doc=doc)

    def tensor(shape, dtype, doc, encoding="none"):
        return tfds.features.Tensor(shape=shape, dtype=dtype, doc=doc, encoding=encoding)

    window = (config.chip_px, config.chip_px)
    doc = "Motion evidence: the channels of dimjax.motion.evidence_of, noise sigmas."
    count = _evidence_channels(config)
    evidence = {"evidence": tensor((*window, count), np.float16, doc, "bytes")}
    return tfds.features.FeaturesDict(
        {
            **(evidence if count else {}),
            "id": tfds.features.Text(doc="ID of the chip, the same in all rounds and rebuilds."),
            "sequence": tfds.features.Text(doc="Name of the sequence."),
            "frame_number": scalar(np.int32, "Number of the reference frame F1, from 0."),
            "origin": tensor((2,), np.int32, "x, y of the chip's top-left corner, pixels."),
            "reason": tfds.features.ClassLabel(names=planning.REASONS, doc="Why the chip was cut."),
            "bits": scalar(np.int32, "Depth of the raw frames, 8 or 16 bit."),
            "level": scalar(np.float32, "Median of the sequence, grey levels."),
            "noise_sigma": scalar(np.float32, "Noise of one raw frame, grey levels."),
            # Without zlib: it would take ten times as long, and records are compressed anyway.
            "frame": tensor((*window, 1), np.uint16, "F1, grey levels.", "bytes"),
            "difference": tensor(
                (*window, 3), np.int32, "F1-F2, F1-F3, F1-F4, grey levels.", "bytes"
            ),
            "labels": tfds.features.Sequence(
                {
                    "box": tensor(
                        (4,), np.float32, "Centre x, y and size w, h in the chip, pixels."
                    ),
                    "category": tfds.features.ClassLabel(names=labels.CATEGORIES),
                    "track": tfds.features.Text(doc="Name of the trajectory; empty for none."),
                },
                doc="Labels of F1 whose centre lies in the chip.",
            ),
        }
    )


def _folder(config: DimTargetsConfig, dl_manager) -> Folder:
    subject = f"config {config.name}"
    path = config.folder
    if path is None:
        try:
            path = dl_manager.manual_dir
        except AssertionError as error:  # TFDS raises it if the folder is missing or empty
            raise InputError(subject, "a data folder must be given", "none", _NO_FOLDER) from error
    folder = open_folder(path, layout_from(config.layout, subject) if config.layout else DIMJAX)
    folder = dataclasses.replace(folder, align=config.align, align_rotation=config.align_rotation)
    if config.implants is None:
        return folder
    from dimjax.sky.implant_files import with_implants  # loads JAX

    return with_implants(folder, config.implants)


def _labels(config: DimTargetsConfig, folder: Folder) -> pd.DataFrame:
    if config.labels is None:
        return folder.labels
    table = labels.read_table(config.labels)
    labels.check_labels(table, folder.shapes, config.labels)
    return table


def _plan(config: DimTargetsConfig, folder: Folder, table: pd.DataFrame) -> pd.DataFrame:
    """Read or make the plan, with its column split, ordered by sequence and frame."""
    if config.plan is not None:
        plan = planning.read_plan(config.plan, folder.shapes, config.chip_px)
    else:
        plan = planning.plan_splits(
            table,
            with_validation(folder.splits, config.val_share, config.seed),
            folder.shapes,
            config.chip_px,
            config.frame_step,
            config.backgrounds_per_label,
            config.seed,
        )
    if plan.empty:
        subject, value = f"config {config.name}", f"no chip, from {len(table)} labels"
        remedy = "Label some targets first or give a plan."
        raise InputError(subject, "a data set needs one chip or more", value, remedy)
    return plan.sort_values(["sequence", "frame", "y0", "x0"], ignore_index=True)


def _evidence_settings(config: DimTargetsConfig) -> NamedTuple:
    """The dimjax.motion.EvidenceConfig of a config, once its keys and values are checked."""
    from dimjax.motion.settings import EvidenceConfig, check  # loads JAX

    defaults = EvidenceConfig()._asdict()
    for key in config.evidence:
        if key not in defaults:
            rule = f"its keys are {', '.join(defaults)}"
            raise InputError(f"config {config.name}, evidence", rule, repr(key), "Correct the key.")
    settings = EvidenceConfig(**config.evidence)
    types = {key: same_type(default) for key, default in defaults.items()}
    subject = f"config {config.name}, evidence setting `{{}}`"
    check_fields(subject, settings._asdict(), types)
    check(settings)
    return settings


def _evidence_channels(config: DimTargetsConfig) -> int:
    if config.evidence is None:
        return 0
    from dimjax.motion.settings import channels  # loads JAX

    return channels(_evidence_settings(config))


def _shards(config: DimTargetsConfig, dl_manager) -> dict[str, list[Shard]]:
    """Make the shards of each split that has chips."""
    folder = _folder(config, dl_manager)
    table = _labels(config, folder)
    plan = _plan(config, folder, table)
    maps, count = None, _evidence_channels(config)
    if count:
        from dimjax.motion import evidence_of  # loads JAX

        maps = functools.partial(evidence_of, settings=_evidence_settings(config))
    return {
        split: make_shards(
            folder,
            plan[plan.split == split],
            table,
            config.chip_px,
            config.stride,
            SHARD_BYTES,
            maps,
            count,
        )
        for split in LABELLED_SPLITS
        if (plan.split == split).any()
    }
