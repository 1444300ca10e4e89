"""Rank the labels of a round by the probability that they are wrong, and queue them for review."""

from dimjax import ledger, suspects
from dimjax.data.labels import write_table
from dimjax.progress import say
from dimjax.runs.context import RoundContext
from dimjax.runs.round_suspects import UNCALIBRATED_SHARE, find_suspects


def run(context: RoundContext) -> None:
    """Add review items to the ledger; write paths.suspects."""
    settings, paths = context.config.refinement, context.paths
    if paths.suspects.exists() or settings.planted_share == 0:
        return
    with context.open_ledger() as db:
        labels, planted = context.trained_labels(db)
        items = ledger.item_table(db)
        decided = items[(items["round"] < context.number) & (items.state == "decided")]
        result = find_suspects(context, labels, planted, decided)
        match_px = context.config.detection.match_px
        items = suspects.to_items(result.queued, *result[2:], context.folder.shapes, match_px)
        ledger.add_items(db, items, stage="refine")
    table = suspects.worst_kind(result.ranked[~result.ranked.planted])
    write_table(table.drop(columns="row"), paths.suspects)
    if not len(planted):
        say(
            "no errors were planted into the labels of this round: the worst "
            f"{UNCALIBRATED_SHARE:.0%} for each kind of error are queued, without a probability"
        )
    elif not settings.loss_threshold:
        for kind in result.ranked[result.ranked.cut_off.isna()].kind.unique():
            say(f"{kind}: too few planted errors in the ranking, none of this kind is queued")
    left_out = len(result.queued) - sum(len(item.frames) for item in items)
    if left_out:
        say(
            f"{left_out} suspect labels are not queued: the suggested move is shorter than "
            f"{suspects.MIN_MOVE:g} detection.match_px"
        )
    say(f"{len(result.queued)} of {len(result.labels)} labels are suspect, in {len(items)} items")
