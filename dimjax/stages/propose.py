"""Detect in the new sequences of round 0 without a network, for a run that starts without labels.

The detections of the untrained filter take the place of a network's: their tracks are then mined
and reviewed as misses are, and the labels that the review adds are those of the first training.
"""

import pandas as pd

from dimjax.atomic_files import write_parquet
from dimjax.detection.untrained import untrained_detections
from dimjax.motion import EvidenceConfig
from dimjax.progress import bar, say
from dimjax.runs import intake
from dimjax.runs.context import RoundContext


def run(context: RoundContext) -> None:
    """Write paths.new and, last, paths.predictions."""
    paths, folder = context.paths, context.folder
    if paths.predictions.exists():
        return
    paths.round.mkdir(parents=True, exist_ok=True)
    intake.check_evidence_windows(context)
    intake.check(context)
    intake.assign_to_round(context)
    names = context.new_sequences
    say(f"no sequence is in train: labels are proposed in {len(names)} new sequences")
    settings = EvidenceConfig(**context.config.evidence.to_dict())
    tables = [
        untrained_detections(folder.sequence(name), settings)
        for name in bar(names, "search, untrained", "sequence")
    ]
    write_parquet(pd.concat(tables, ignore_index=True), paths.predictions)
