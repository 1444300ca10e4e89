"""TFDS builder: small chips with differential images, cut from raw infrared sequences.

Turns a data folder (`dimjax.data.folders`) into a prepared data set with one example per chip,
which `dimjax.chips.examples` reads. Nothing here needs TensorFlow.

    config = DimTargetsConfig(name="chips48", chip_px=48, folder="data")
    Builder(config=config, data_dir="prepared").download_and_prepare()

    tfds build datasets/dim_targets --config=chips80 --manual_dir=data --data_dir=prepared

With options of Apache Beam its workers write the shards; the files are the same.
"""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import tensorflow_datasets as tfds

from dimjax.chips import planning
from dimjax.chips.shard_writing import ShardWriter, write, write_with_beam
from dimjax.chips.shards import Shard, split_up
from dimjax.data import labels
from dimjax.data.folders import Folder, open_folder
from dimjax.data.layouts import DIMJAX, layout_from
from dimjax.data.splits import CUT, with_validation
from dimjax.errors import InputError

_NO_FOLDER = (
    "Give the folder of sequences as --manual_dir=FOLDER or, from Python, as the config's folder; "
    "`python main.py simulate` writes one."
)
# Of a shard before compression: what one worker takes at a time.
_SHARD_BYTES = 256 * 2**20


@dataclasses.dataclass(eq=False)
class DimTargetsConfig(tfds.core.BuilderConfig):
    """What is cut from which folder.

    Attributes:
      chip_px: Height and width of a chip, pixels.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.
      frame_step: Chips are cut at each frame_step-th frame.
      backgrounds_per_label: Background chips to one chip with a label.
      seed: Of the places of chips and of the choice of validation sequences.
      val_share: Share of the training sequences, where the folder has no validation split.
      folder: Data folder; by default the manual_dir of TFDS.
      layout: Keys of `dimjax.data.folders.Layout`; by default the layout of dimjax itself.
      labels: Label table (CSV) in place of the folder's own.
      plan: Chip plan (CSV, `dimjax.chips.planning.PLAN_COLUMNS`) in place of one made here; it also
        assigns each sequence to a split.
    """

    chip_px: int = 80
    stride: int = 1
    frame_step: int = 1
    backgrounds_per_label: float = 54_489 / 35_021  # the paper's mix
    seed: int = 0
    val_share: float = 0.15
    folder: str | None = None
    layout: dict[str, Any] | None = None
    labels: str | None = None
    plan: str | None = None

    def __post_init__(self):
        lowest = {"chip_px": 1, "stride": 1, "frame_step": 1, "backgrounds_per_label": 0}
        for key, least in lowest.items():
            value = getattr(self, key)
            if value < least:
                rule = f"{key} must be {least} or more"
                raise InputError(f"config {self.name}", rule, value, "Correct it.")


class Builder(tfds.core.dataset_builder.FileReaderBuilder):
    """Builds chips shard by shard, in the order of sequences and frames.

    So each frame is decoded once, the frames in memory do not grow with the data set, and the
    workers of Apache Beam can write shards in parallel where a DownloadConfig has options or a
    runner of it. The shuffling builder of TFDS would hold a gigabyte before it needed TensorFlow
    to go on; chips are shuffled anew in each epoch, on the device.
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
        return self.dataset_info_from_configs(
            features=_features(self.builder_config.chip_px),
            homepage="https://doi.org/10.1109/ACCESS.2024.3435872",
            disable_shuffling=True,
        )

    def _download_and_prepare(self, dl_manager, download_config=None) -> None:
        config = download_config or tfds.download.DownloadConfig()
        shards = _shards(self.builder_config, dl_manager)
        paths = {
            split: self._get_filename_template(split).sharded_filepaths(len(own))
            for split, own in shards.items()
        }
        writer = ShardWriter(self.info.features, self.info.file_format)
        pairs = [
            pair for split, own in shards.items() for pair in zip(paths[split], own, strict=True)
        ]
        if config.beam_runner is None and config.beam_options is None:
            write(writer, pairs)
        else:
            write_with_beam(writer, pairs, config.beam_runner, config.beam_options)
        infos = [self._split_info(split, shards[split], paths[split]) for split in shards]
        self.info.set_splits(tfds.core.splits.SplitDict(infos))

    def _split_info(self, split: str, shards: list[Shard], paths: list) -> tfds.core.SplitInfo:
        return tfds.core.SplitInfo(
            name=split,
            shard_lengths=[len(shard.rows) for shard in shards],
            num_bytes=sum(path.stat().length for path in paths),
            filename_template=self._get_filename_template(split),
        )


def _features(chip_px: int) -> tfds.features.FeaturesDict:
    def scalar(dtype, doc):
        return tfds.features.Scalar(dtype=dtype, doc=doc)

    def tensor(shape, dtype, doc, encoding="none"):
        return tfds.features.Tensor(shape=shape, dtype=dtype, doc=doc, encoding=encoding)

    window = (chip_px, chip_px)
    return tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(doc="Name of the chip, stable over rounds and rebuilds."),
            "sequence": tfds.features.Text(doc="Name of the sequence."),
            "frame_number": scalar(np.int32, "Number of the reference frame F1, from 0."),
            "origin": tensor((2,), np.int32, "x, y of the chip's top-left corner, pixels."),
            "reason": tfds.features.ClassLabel(names=planning.REASONS, doc="Why it was cut."),
            "bits": scalar(np.int32, "Depth of the raw frames, 8 or 16 bit."),
            "level": scalar(np.float32, "Median of the sequence, grey levels."),
            "noise_sigma": scalar(np.float32, "Noise of one raw frame, grey levels."),
            # zlib here would build a tenth as fast; the record is compressed as a whole.
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
    where = f"config {config.name}"
    path = config.folder
    if path is None:
        try:
            path = dl_manager.manual_dir
        except AssertionError as error:  # how TFDS says that it is missing or empty
            raise InputError(where, "a data folder must be given", "none", _NO_FOLDER) from error
    return open_folder(path, layout_from(config.layout, where) if config.layout else DIMJAX)


def _labels(config: DimTargetsConfig, folder: Folder) -> pd.DataFrame:
    if config.labels is None:
        return folder.labels
    table = labels.read_table(config.labels)
    labels.check(table, folder.shapes, config.labels)
    return table


def _plan(config: DimTargetsConfig, folder: Folder, table: pd.DataFrame) -> pd.DataFrame:
    """The plan with its column split, ordered by sequence and frame."""
    if config.plan is not None:
        plan = planning.read_plan(config.plan, folder.shapes, config.chip_px)
    else:
        splits = with_validation(folder.splits, config.val_share, config.seed)
        split_of = {name: split for split, names in splits.items() for name in names}
        shapes = {name: folder.shapes[name] for name in split_of}
        mix = config.backgrounds_per_label
        plan = planning.plan(table, shapes, config.chip_px, config.frame_step, mix, config.seed)
        plan["split"] = plan.sequence.map(split_of)
    if plan.empty:
        where, found = f"config {config.name}", f"no chip, from {len(table)} labels"
        remedy = "Label some targets first or give a plan."
        raise InputError(where, "a data set needs one chip or more", found, remedy)
    return plan.sort_values(["sequence", "frame", "y0", "x0"], ignore_index=True)


def _shards(config: DimTargetsConfig, dl_manager) -> dict[str, list[Shard]]:
    """The shards of each split that has any."""
    folder = _folder(config, dl_manager)
    table = _labels(config, folder)
    plan = _plan(config, folder, table)
    return {
        split: split_up(
            folder, plan[plan.split == split], table, config.chip_px, config.stride, _SHARD_BYTES
        )
        for split in CUT
        if (plan.split == split).any()
    }
