"""Run the detector on the sequences that a round refines and mines.

These are all sequences that the round was trained on, for suspects, and its share of the new
sequences, for misses and false alarms. Detections are kept at all scores.
"""

import pandas as pd

from dimjax.atomic_files import write_parquet
from dimjax.detection.detector import restore_detector
from dimjax.detection.inference import COLUMNS, detect_in_sequence
from dimjax.progress import bar
from dimjax.runs.context import RoundContext
from dimjax.tracks import APPEARANCE


def run(context: RoundContext) -> None:
    """Write paths.predictions."""
    paths, folder = context.paths, context.folder
    if paths.predictions.exists():
        return
    names = context.new_sequences
    if context.config.refinement.planted_share:
        names = context.trained_sequences + names
    detector = restore_detector(*context.checkpoint())
    tables = [
        detect_in_sequence(detector, folder.sequence(name))
        for name in bar(names, "predict", "sequence")
    ]
    no_detections = pd.DataFrame(columns=[*COLUMNS, *APPEARANCE])
    write_parquet(pd.concat(tables or [no_detections], ignore_index=True), paths.predictions)
