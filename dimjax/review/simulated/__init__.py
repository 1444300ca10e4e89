"""Reviewers other than a person: one who knows the truth, and one who trusts what is near certain.

In comes a ledger with items that wait; each gets at most one decision, in the order of `get_items`,
and the figures of the review come out. A review that was killed goes on when it is called again,
and ends with the same ledger: each choice depends on (seed, round, item) and the labels alone.

    review = oracle(book, folder.truth, error_rate=0.05, seed=3)
    review.worth / review.shown                     # how much of what it looked at was wrong
    auto(book, at_least=0.97)
    summary(book, "ann")                            # the same figures of anybody
"""

from dimjax.review.simulated.ground_truth import CLICK_PX, RIGHT_PX
from dimjax.review.simulated.reviewers import Review, as_decision, auto, oracle, summary

__all__ = ["CLICK_PX", "RIGHT_PX", "Review", "as_decision", "auto", "oracle", "summary"]
