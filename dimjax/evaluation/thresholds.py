"""Which threshold to take: one of high F1 that does not hang on a few sequences.

threshold = choose_threshold(outcome, sequence, truths)

The threshold of the highest F1 itself is a poor choice where there are few sequences: frames of
one sequence are alike, and whether the target of one is found decides. So every threshold counts
whose F1 is within one standard error of the highest (the rule of Breiman et al. 1984 for trees),
and the middle of them is taken. Where there are many sequences, it is that of the highest.
"""

import numpy as np

from dimjax.evaluation.metrics import Outcome

_LEAST_F1 = 0.1
_GRID = np.arange(1, 200) / 200
_DRAWS = 200


def choose_threshold(outcome: Outcome, sequence: np.ndarray, truths: np.ndarray) -> float:
    """The middle of the thresholds of high F1, Eq. (7).

    Args:
      outcome: Of a category, from dimjax.evaluation.metrics.match.
      sequence: [D] number of the sequence of each detection of the outcome.
      truths: [S] number of truths that count in each sequence.

    Returns:
      Between 0 and 1. 0.5 where no F1 reaches 0.1: what cannot be told from noise would else be
      let through with all the noise.
    """
    accepted = outcome.score[:, None] >= _GRID
    hits, found = np.zeros((2, len(truths), len(_GRID)))
    np.add.at(found, sequence, accepted)
    np.add.at(hits, sequence, accepted & outcome.hit[:, None])

    def f1(weights: np.ndarray) -> np.ndarray:
        among = weights @ found + (weights @ truths)[:, None]
        return 2 * (weights @ hits) / np.maximum(among, 1)

    (whole,) = f1(np.ones((1, len(truths))))
    if whole.max() < _LEAST_F1:
        return 0.5
    # Sequences are drawn with replacement: what else could have been the validation split.
    even = np.full(len(truths), 1 / len(truths))
    draws = np.random.default_rng(0).multinomial(len(truths), even, _DRAWS)
    error = f1(draws)[:, whole.argmax()].std()
    return float(np.median(_GRID[whole >= whole.max() - error]))
