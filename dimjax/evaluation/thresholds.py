"""Score thresholds: their choice on validation data, and the detections that they accept.

threshold = choose_threshold(outcome, sequence, truths)
accepted(detections, {"target": threshold, "interference": 0.5})

The threshold of the highest F1 is a poor choice if there are few sequences: the frames of one
sequence are alike, and a single target that is detected or missed can decide. Instead, the choice
is the median of all thresholds with an F1 within one standard error of the highest (the rule of
Breiman et al. 1984 for trees). With many sequences it approaches the threshold of the highest F1.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dimjax.evaluation.metrics import Outcome

_MIN_F1 = 0.1
_GRID = np.arange(1, 200) / 200
_DRAWS = 200


def accepted(detections: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Select the detections that reach the threshold of their category.

    Args:
      detections: Table with category and score.
      thresholds: Category -> smallest accepted score.
    """
    return detections[detections.score >= detections.category.map(thresholds).astype(float)]


def choose_threshold(outcome: Outcome, sequence: np.ndarray, truths: np.ndarray) -> float:
    """Choose the median of the thresholds of high F1, Eq. (7).

    Args:
      outcome: Of one category, from dimjax.evaluation.metrics.match.
      sequence: [D] number of the sequence of each detection of the outcome.
      truths: [S] number of truths that count in each sequence.

    Returns:
      Between 0 and 1. 0.5 if no F1 reaches 0.1: a category that the network cannot separate from
      noise would otherwise get a threshold that accepts most of the noise.
    """
    is_accepted = outcome.score[:, None] >= _GRID
    hits, count = np.zeros((2, len(truths), len(_GRID)))
    np.add.at(count, sequence, is_accepted)
    np.add.at(hits, sequence, is_accepted & outcome.hit[:, None])

    def f1(weights: np.ndarray) -> np.ndarray:
        total = weights @ count + (weights @ truths)[:, None]
        return 2 * (weights @ hits) / np.maximum(total, 1)

    (whole,) = f1(np.ones((1, len(truths))))
    if whole.max() < _MIN_F1:
        return 0.5
    # Bootstrap over sequences: other sequences could have been the validation split.
    even = np.full(len(truths), 1 / len(truths))
    draws = np.random.default_rng(0).multinomial(len(truths), even, _DRAWS)
    error = f1(draws)[:, whole.argmax()].std()
    return float(np.median(_GRID[whole >= whole.max() - error]))
