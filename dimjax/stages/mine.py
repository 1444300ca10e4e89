"""Mine a round's new sequences: misses and false alarms, from the tracks of its detections.

In a run that starts without labels, the tracks of round 0 are those of the untrained detector, and
only items that suggest labels are queued.
"""

import pandas as pd

from dimjax import ledger
from dimjax.ledger.values import Item
from dimjax.mining import Mined, MiningConfig, mine, proposals, shortlist, write_mined
from dimjax.progress import say
from dimjax.runs.context import RoundContext


def run(context: RoundContext) -> None:
    """Add review items to the ledger; write paths.mined with these and all other mined items."""
    config, paths, folder = context.config, context.paths, context.folder
    if paths.mined.exists():
        return
    names = context.new_sequences
    predictions = pd.read_parquet(paths.predictions)
    with context.open_ledger() as db:
        labels = ledger.labels_as_of(db, context.number)
        mined = mine(
            context.link(predictions, names),
            labels[labels.sequence.isin(names)],
            {name: folder.shapes[name] for name in names},
            MiningConfig(match_px=config.detection.match_px),
        )
        frames = sum(folder.shapes[name][0] for name in names)
        candidates = proposals(mined) if context.proposes else mined
        queued = shortlist(candidates, round(config.rounds.max_items_per_frame * frames))
        ledger.add_items(db, queued, stage="mine")
    write_mined(paths.mined, mined, queued)
    if context.proposes:
        labels = sum(len(item.suggestion) for item in queued)
        say(f"{len(queued)} tracks with {labels:,} suggested labels are queued for review")
        _note_limit(len(queued), sum(map(len, candidates)))
    elif names:
        _summarise(mined, queued, names)


def _summarise(mined: Mined, queued: list[Item], names: list[str]) -> None:
    counts = f"{len(mined.misses)} misses, {len(mined.false_alarms)} false alarms"
    say(f"mined in {len(names)} new sequences: {counts}, {len(mined.doubtful)} doubtful")
    _note_limit(len(queued), sum(map(len, mined)))


def _note_limit(queued: int, count: int) -> None:
    if queued < count:
        say(f"{queued} of these {count} are queued for review: rounds.max_items_per_frame")
