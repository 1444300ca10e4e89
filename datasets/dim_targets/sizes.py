"""The paper's Table 1 for a data folder: sizes of chips compared with full frames.

Builds the chips of a data folder in every size, at every 8th frame, in a temporary folder, and
prints the table as Markdown.

    python datasets/dim_targets/sizes.py data/sky
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import pandas as pd

from dimjax.data.folders import open_folder
from dimjax.data.layouts import DIMJAX, Layout

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dim_targets.dim_targets_dataset_builder import Builder, DimTargetsConfig

FRAME_STEP = 8


def size_table(path: str | Path, layout: Layout = DIMJAX) -> pd.DataFrame:
    """Measure full frames and chips, one row for each size.

    Args:
      path: Data folder; its sequences have one shape and bit depth.
      layout: Layout of the folder.

    Returns:
      Table with the columns image (width x height x frames), pixels (of an image), target (median
      width x height, pixels), target_permille (of the pixels), raw_bytes (of the four frames at
      native bit depth) and stored_bytes (of an example in the data set, mean over all splits).
    """
    folder = open_folder(path, layout)
    boxes = folder.labels.query("category == 'target'")
    target = float(boxes.w.median()), float(boxes.h.median())
    first = folder.sequence(folder.names[0])
    _, height, width = first.shape
    depth = first.dtype.itemsize
    rows = [_row(width, height, target, depth, stored=None)]
    for px in sorted((config.chip_px for config in Builder.BUILDER_CONFIGS), reverse=True):
        rows.append(_row(px, px, target, depth, _stored_bytes(path, layout, px)))
    return pd.DataFrame(rows)


def to_markdown(table: pd.DataFrame) -> str:
    """Format the table as in the README."""
    head = ["image", "pixels", "target", "share of target", "raw frames", "stored"]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] + ['---:'] * 5)} |"]
    for row in table.itertuples():
        stored = "" if pd.isna(row.stored_bytes) else f"{round(row.stored_bytes, -2):,.0f} B"
        cells = (f"{row.pixels:,}", row.target, f"{row.target_permille:.3g}‰")
        lines.append(f"| {' | '.join([row.image, *cells, f'{row.raw_bytes:,} B', stored])} |")
    return "\n".join(lines)


def _row(width: int, height: int, target: tuple[float, float], depth: int, stored) -> dict:
    return {
        "image": f"{width}x{height}x4",
        "pixels": width * height,
        "target": f"{target[0]:.2g}x{target[1]:.2g}",
        "target_permille": 1000 * target[0] * target[1] / (width * height),
        "raw_bytes": 4 * depth * width * height,
        "stored_bytes": stored,
    }


def _stored_bytes(path: str | Path, layout: Layout, chip_px: int) -> float:
    with tempfile.TemporaryDirectory() as data_dir:
        config = DimTargetsConfig(
            name=f"sizes{chip_px}",
            chip_px=chip_px,
            frame_step=FRAME_STEP,
            folder=str(path),
            layout=layout._asdict(),
        )
        builder = Builder(config=config, data_dir=data_dir)
        with contextlib.redirect_stdout(sys.stderr):  # TFDS prints its progress to stdout
            builder.download_and_prepare()
        examples = sum(split.num_examples for split in builder.info.splits.values())
        return builder.info.dataset_size / examples


if __name__ == "__main__":
    print(to_markdown(size_table(sys.argv[1])))
