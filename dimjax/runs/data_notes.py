"""Notes on the data of a run before it is built: ignored frames, labels beside their objects.

report(context)             # prints one line each, or nothing
"""

import pandas as pd

from dimjax.data.frame_notes import summarise
from dimjax.data.label_evidence import measure_sequence
from dimjax.data.label_readings import better_readings
from dimjax.data.scale import measure
from dimjax.progress import bar, say
from dimjax.runs.context import RoundContext
from dimjax.sky.implants import SOURCE


def report(context: RoundContext) -> None:
    """Print what is ignored in the sequences of the splits, and other readings of the labels.

    Raises:
      InputError: A sequence is frozen or cannot be read.
    """
    folder, labels = context.folder, context.folder.labels
    labels = labels[labels.source != SOURCE]  # those are right
    skipped = folder.layout.repeated_frames == "skip"
    measured, evidence = [], []
    names = [name for split in context.splits.values() for name in split]
    by_sequence = dict(list(labels.groupby("sequence")))
    for name in bar(names, "examine", "sequence"):
        sequence = folder.sequence(name)
        measured.append((measure(sequence), folder.survey(name), sequence.replaced))
        if name in by_sequence:
            evidence.append(measure_sequence(by_sequence[name], sequence))
    ignored = summarise(measured, skipped)
    if ignored:
        say(f"{ignored}; `check` names them")
    for problem in better_readings(pd.concat(evidence), folder.layout) if evidence else ():
        say(f"warning: {problem}")
