"""Simulated reviewers: an oracle that sees the truth, and one that trusts confident suggestions.

Both decide the open items of a ledger in the order of `get_items`, each item at most once, and
return the figures of the review. A review that was killed continues when it is called again and
ends with the same ledger, since each choice depends only on (seed, round, item) and the labels.

    review = oracle(db, folder.truth, error_rate=0.05, seed=3)
    review.items_changed / review.reviewed          # share of the items that were indeed wrong
    auto(db, min_probability=0.97)
    summary(db, "ann")                              # the same figures of any reviewer
"""

from dimjax.review.simulated.reviewers import Review, auto, oracle, summary

__all__ = ["Review", "auto", "oracle", "summary"]
