"""Have a round's review items decided: by the oracle, automatically, or by a person elsewhere."""

import json

from dimjax import ledger
from dimjax.atomic_files import write_text
from dimjax.errors import program
from dimjax.progress import say
from dimjax.review import simulated
from dimjax.runs.context import RoundContext


def run(context: RoundContext) -> bool:
    """Write paths.reviewed once no item waits.

    Items that a person skipped do not wait: they lapse when the next round begins. The oracle
    decides by a simulated folder's truth, or else by the folder's labels, including those of new
    sequences.

    Returns:
      Whether all items are decided.
    """
    paths = context.paths
    if paths.reviewed.exists():
        return True
    with context.open_ledger() as db:
        refused = _decide(context, db)
        if refused is None:
            say(
                f"round {context.number}: {ledger.progress(db).open} review items wait. "
                f"Decide them with\n  {program()} review --workdir={paths.workdir}\n"
                "and then give the same command again."
            )
            return False
        figures, skipped = _figures(db, context.number, refused), ledger.progress(db).skipped
    write_text(paths.reviewed, json.dumps(figures, indent=1) + "\n")
    say(
        f"round {context.number}: {figures['decided']} of {figures['items']} items decided, "
        f"{figures['labels_changed']} labels changed"
        + (f"; {skipped} skipped items lapsed, labels unchanged" if skipped else "")
    )
    return True


def _decide(context: RoundContext, db: ledger.Ledger) -> int | None:
    """Let the oracle or the automatic reviewer decide.

    Returns:
      Number of items that could not be decided; None if items wait for a person.
    """
    config = context.config
    if config.rounds.reviewer == "oracle":
        error_rate, seed = config.rounds.oracle_error, config.seed
        review = simulated.oracle(db, context.folder.reference, error_rate, seed)
    elif config.rounds.reviewer == "auto":
        review = simulated.auto(db, config.rounds.auto_probability)
    else:
        return None if ledger.progress(db).open else 0
    if review.refused:
        say(
            f"round {context.number}: {review.refused} items were not decided: they are leased to "
            "another reviewer, or their decision would duplicate a label"
        )
    return review.refused


def _figures(db: ledger.Ledger, number: int, refused: int) -> dict:
    """Count the items of a round and the changes that their review made."""
    items = ledger.item_table(db, number).drop_duplicates("item")
    standing = ledger.standing_decisions(db, number)
    return {
        "items": len(items),
        "decided": int((items.state == "decided").sum()),
        "refused": refused,
        "worth_it": int((standing.labels > 0).sum()),
        "labels_changed": int(standing.labels.sum()),
        "kinds": {kind: int(count) for kind, count in items.kind.value_counts().items()},
        "verbs": {verb: int(count) for verb, count in standing.verb.value_counts().items()},
    }
