"""Search the sequences that a round has to say something about: the labelled and its new ones.

A round but the last looks at all sequences it was trained on, for suspects, and at its share of
the new sequences, for misses and false alarms. What it finds is written at all scores.
"""

import pandas as pd

from dimjax.atomic_files import write_parquet
from dimjax.chips import planning
from dimjax.data.csv_files import read_columns
from dimjax.detection.detector import restore_detector
from dimjax.detection.inference import COLUMNS, search
from dimjax.progress import bar
from dimjax.runs.workdir import Paths
from dimjax.stages.intake import new_sequences
from dimjax.stages.simulate import data_folder


def run(config, paths: Paths) -> None:
    """Write paths.predictions."""
    if paths.predictions.exists():
        return
    folder = data_folder(config, paths)
    names = new_sequences(paths)
    if config.refinement.planted_share:
        names = trained_sequences(paths) + names
    detector = restore_detector(paths.checkpoints)
    found = [search(detector, folder.sequence(name)) for name in bar(names, "predict", "sequence")]
    columns = pd.DataFrame(columns=COLUMNS)
    write_parquet(pd.concat(found or [columns], ignore_index=True), paths.predictions)


def trained_sequences(paths: Paths) -> list[str]:
    """Sequences that a round was trained on."""
    plan = read_columns(paths.plan, planning.PLAN_COLUMNS)
    pairs = zip(plan["sequence"], plan["split"], strict=True)
    return sorted({sequence for sequence, split in pairs if split == "train"})
