"""Have a round's review items decided: by the oracle, automatically, or by a person elsewhere."""

import json

from dimjax import ledger
from dimjax.atomic_files import write_whole
from dimjax.progress import say
from dimjax.review import simulated
from dimjax.runs.workdir import Paths
from dimjax.stages.build import open_book
from dimjax.stages.simulate import data_folder


def run(config, paths: Paths) -> bool:
    """Write paths.reviewed when nothing waits any more; whether that is so.

    What a person skipped does not wait: it lapses when the next round begins. The oracle knows a
    simulated folder's truth, or else the folder's labels, those of new sequences too.
    """
    if paths.reviewed.exists():
        return True
    folder = data_folder(config, paths)
    with open_book(config, folder, paths) as book:
        if config.rounds.reviewer == "oracle":
            truth = folder.labels if folder.truth is None else folder.truth
            simulated.oracle(
                book,
                truth,
                config.detection.match_px,
                config.rounds.oracle_error,
                config.seed,
            )
        elif config.rounds.reviewer == "auto":
            simulated.auto(book, config.rounds.auto_probability)
        elif (waiting := ledger.progress(book).open) > 0:
            say(
                f"round {paths.number}: {waiting} review items wait. Decide them with\n"
                f"  python main.py review --workdir={paths.workdir}\n"
                "and then give the same command again."
            )
            return False
        figures, skipped = _figures(book, paths.number), ledger.progress(book).skipped
    write_whole(paths.reviewed, json.dumps(figures, indent=1) + "\n")
    say(
        f"round {paths.number}: {figures['decided']} of {figures['items']} items decided, "
        f"{figures['labels_changed']} labels changed"
        + (f"; skipped ones that lapse, their labels as they are: {skipped}" if skipped else "")
    )
    return True


def _figures(book: ledger.Ledger, number: int) -> dict:
    """What the review of a round looked at, and what came of it."""
    items = ledger.item_table(book, number).drop_duplicates("item")
    decisions = ledger.decision_table(book)
    own = decisions[(decisions["round"] == number) & ~decisions.undone & (decisions.verb != "undo")]
    return {
        "items": len(items),
        "decided": int((items.state == "decided").sum()),
        "worth_it": int((own.labels > 0).sum()),
        "labels_changed": int(own.labels.sum()),
        "kinds": {kind: int(count) for kind, count in items.kind.value_counts().items()},
        "verbs": {verb: int(count) for verb, count in own.verb.value_counts().items()},
    }
