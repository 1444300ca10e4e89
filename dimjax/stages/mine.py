"""Mine a round's new sequences: what its tracks say that the network missed or imagined."""

import pandas as pd

from dimjax import ledger
from dimjax.ledger.values import Item
from dimjax.mining import Mined, Mining, mine, shortlist, write_mined
from dimjax.progress import say
from dimjax.runs.workdir import Paths
from dimjax.stages.build import open_book
from dimjax.stages.intake import new_sequences
from dimjax.stages.motion import camera_motion
from dimjax.stages.refine import linked
from dimjax.stages.simulate import data_folder


def run(config, paths: Paths) -> None:
    """Put review items into the ledger, and write paths.mined: where they and all others are."""
    if paths.mined.exists():
        return
    folder = data_folder(config, paths)
    names = new_sequences(paths)
    predictions = pd.read_parquet(paths.predictions)
    with open_book(config, folder, paths) as book:
        labels = ledger.labels_as_of(book, paths.number)
        tracks = linked(
            paths,
            predictions[predictions.sequence.isin(names)],
            camera_motion(config, folder.sequence, names),
        )
        mined = mine(
            tracks,
            labels[labels.sequence.isin(names)],
            {name: folder.shapes[name] for name in names},
            Mining(match_px=config.detection.match_px),
        )
        frames = sum(folder.shapes[name][0] for name in names)
        shown = shortlist(mined, round(config.rounds.max_items_per_frame * frames))
        ledger.add_items(book, shown, stage="mine")
    write_mined(paths.mined, mined, shown)
    if names:
        _tell(mined, shown, names)


def _tell(mined: Mined, shown: list[Item], names: list[str]) -> None:
    counts = f"{len(mined.misses)} misses, {len(mined.false_alarms)} false alarms"
    say(f"mined in {len(names)} new sequences: {counts}, {len(mined.doubtful)} doubtful")
    count = sum(map(len, mined))
    if len(shown) < count:
        say(f"{len(shown)} of these {count} are put up for review: rounds.max_items_per_frame")
