"""Build the chips of a round from its label snapshot, through the TFDS builder."""

import contextlib
import io
from collections.abc import Callable

from dimjax.labels import write_table
from dimjax.progress import say
from dimjax.runs import Paths
from dimjax.stages.simulate import data_folder


def run(config, paths: Paths, make_builder: Callable) -> None:
    """Write paths.labels and paths.examples.

    Args:
      config: Of the run.
      paths: Of the round.
      make_builder: Keywords of DimTargetsConfig and data_dir -> TFDS builder. It is given,
        because datasets/ is no package that this one could import.
    """
    if paths.built:
        return
    folder = data_folder(config, paths)
    paths.round.mkdir(parents=True, exist_ok=True)
    write_table(folder.labels, paths.labels)
    builder = make_builder(
        data_dir=paths.examples,
        name="chips",
        folder=str(folder.path),
        layout=folder.layout._asdict(),
        labels=str(paths.labels),
        chip_px=config.chips.chip_px,
        frame_step=config.chips.frame_step,
        backgrounds_per_label=config.chips.backgrounds_per_label,
        stride=config.data.stride,
        val_share=config.data.val_share,
        seed=config.seed,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS speaks of downloads of unknown size
        builder.download_and_prepare(file_format="array_record")
    counts = (f"{split.num_examples:,} {name}" for name, split in builder.info.splits.items())
    say(f"chips of {config.chips.chip_px} px: {', '.join(counts)}")
