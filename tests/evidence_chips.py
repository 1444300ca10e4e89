"""A small data folder and its chips with motion evidence, for tests."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.data.labels import write_table
from dimjax.motion import EvidenceConfig

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from dim_targets.dim_targets_dataset_builder import Builder, DimTargetsConfig

SETTINGS = EvidenceConfig(frames=4, speed_px=2.0, box_px=15)
CHIP_PX, LENGTH, HEIGHT, WIDTH = 16, 9, 40, 57
# x0, y0 of chips in the four corners and in the middle of a frame.
ORIGINS = [(0, 0), (WIDTH - CHIP_PX, 0), (0, HEIGHT - CHIP_PX), (WIDTH - CHIP_PX, HEIGHT - CHIP_PX),
           (20, 12)]  # fmt: skip


def moving_target(seed=0, length=LENGTH, height=HEIGHT, width=WIDTH):
    """Frames [T, H, W] of noise of sigma 4 with a target that moves 2 px right, 1 px down."""
    frames = np.random.default_rng(seed).normal(1000, 4, (length, height, width))
    rows, columns = np.mgrid[:height, :width]
    for t in range(length):
        squared = (columns - 20 - 2 * t) ** 2 + (rows - 14 - t) ** 2
        frames[t] += 24 * np.exp(-squared / 2)
    return np.rint(frames).astype(np.uint16)


def write_folder(folder: Path) -> Path:
    """Write two sequences with labels."""
    (folder / "sequences").mkdir(parents=True)
    rows = []
    for seed, name in enumerate(("a", "b")):
        np.save(folder / "sequences" / f"{name}.npy", moving_target(seed))
        rows += [
            (name, t, 20.5 + 2 * t, 14.5 + t, 3.0, 3.0, "target", "one", "person")
            for t in range(LENGTH)
        ]
    columns = ["sequence", "frame", "x", "y", "w", "h", "category", "track", "source"]
    write_table(pd.DataFrame(rows, columns=columns), folder / "labels.csv")
    return folder


def write_plan(path: Path) -> Path:
    """Write a plan of chips in the corners and the middle of frames from first to last."""
    rows = [
        (f"{name}/{t}/{x0}+{y0}", name, t, x0, y0, "background", "train")
        for name in ("a", "b")
        for t in (0, 1, 4, 7, 8)
        for x0, y0 in ORIGINS
    ]
    columns = ["id", "sequence", "frame", "x0", "y0", "reason", "split"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


def build(directory: Path) -> Path:
    """Prepare the data set of the plan, split train."""
    config = DimTargetsConfig(
        name="mine",
        chip_px=CHIP_PX,
        folder=str(write_folder(directory / "data")),
        layout={"splits": {}},
        plan=str(write_plan(directory / "plan.csv")),
        evidence=SETTINGS._asdict(),
    )
    builder = Builder(config=config, data_dir=directory / "prepared")
    builder.download_and_prepare()
    return builder.data_path
