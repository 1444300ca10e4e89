"""Suspects: labels and missing labels ranked by the probability that they are wrong.

suspects = rank(labels, measures, proposals, planted)
suspects[suspects.probability >= suspects.cut_off]
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.suspects.fusion import calibrated, cut_off, tail_features
from dimjax.suspects.measures import MEASURES
from dimjax.suspects.proposals import PROPOSAL_MEASURES, near

LABEL_KINDS = tuple(MEASURES)
KINDS = ("unlabelled_target", *LABEL_KINDS)
LEAST_PLANTED = 3  # of a kind: fewer tell nothing


class Planted(NamedTuple):
    """Errors that were planted before the training, and are therefore known."""

    labels: np.ndarray  # [N] kind of error of each label, "" for none
    proposals: np.ndarray  # [P] bool, whether a proposal is where a label was taken away


def known(
    planted: pd.DataFrame, labels: pd.DataFrame, proposals: pd.DataFrame, match_px: float
) -> Planted:
    """Which of the labels and proposals are planted errors.

    Args:
      planted: Table with kind, label (id), sequence, frame, x, y; see dimjax.label_noise.planting.
      labels: That were trained on, ids in the index.
      proposals: From dimjax.suspects.proposals.
      match_px: A proposal nearer than this to a label that was taken away is that error.
    """
    kind_of = planted.set_index("label").kind
    kinds = kind_of.reindex(labels.index).fillna("").to_numpy(object)
    return Planted(kinds, near(proposals, planted[planted.kind == KINDS[0]], match_px))


def rank(
    labels: pd.DataFrame,
    measures: pd.DataFrame,
    proposals: pd.DataFrame,
    planted: Planted | None = None,
    found: float = 0.9,
) -> pd.DataFrame:
    """Probability of each kind of error for each label and proposal, the worst first.

    Args:
      labels: Label table; its index holds their ids.
      measures: From dimjax.suspects.measures, rows as the labels.
      proposals: From dimjax.suspects.proposals, with image_snr.
      planted: Known errors. Without them the score is the mean of the ranks, the probability its
        rank, and there is no cut-off. Of a kind of which fewer than LEAST_PLANTED are among what
        is ranked (an untrained network proposes few places) nothing is known: probability 0, no
        cut-off.
      found: Share of the planted errors that the cut-offs find.

    Returns:
      A row for each label and kind of error of labels, and one for each proposal: kind, label (id,
      0 for a proposal), row (in the table that it comes from), sequence, frame, score (mean of
      the ranks' features), probability, cut_off (of its kind) and planted: whether the label or
      proposal is a planted error, of whatever kind.
    """
    parts = []
    for kind in LABEL_KINDS:
        own = None if planted is None else planted.labels == kind
        judged = _judge(kind, measures, MEASURES[kind], labels.sequence, own, found)
        judged["planted"] = planted is not None and planted.labels != ""
        parts.append(judged.assign(label=labels.index, frame=labels.frame.to_numpy()))
    own = None if planted is None else planted.proposals
    judged = _judge(KINDS[0], proposals, PROPOSAL_MEASURES, proposals.sequence, own, found)
    parts.append(judged.assign(label=0, frame=proposals.frame.to_numpy()))
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["probability", "score"], ascending=False, ignore_index=True)


def worst_kind(suspects: pd.DataFrame) -> pd.DataFrame:
    """Of the rows of each label only the most probable; proposals stay."""
    labels = suspects[suspects.label != 0].drop_duplicates("label")
    return pd.concat([labels, suspects[suspects.label == 0]]).sort_index()


def _judge(
    kind: str, table: pd.DataFrame, measures: dict, sequence: pd.Series, planted, found: float
) -> pd.DataFrame:
    features = tail_features(table, measures)
    score = features.mean(axis=1) if len(features) else np.zeros(0)
    columns = {"kind": kind, "row": np.arange(len(table)), "sequence": sequence.to_numpy()}
    if planted is None:
        share = pd.Series(score).rank(pct=True).to_numpy()
        columns |= {"probability": share, "cut_off": np.nan, "planted": False}
        return pd.DataFrame({**columns, "score": score})
    if planted.sum() < LEAST_PLANTED:
        columns |= {"probability": 0.0, "cut_off": np.nan, "planted": planted}
        return pd.DataFrame({**columns, "score": score})
    probability = calibrated(features, planted, sequence.to_numpy())
    cut = cut_off(probability, planted, found)
    columns |= {"probability": probability, "cut_off": cut, "planted": planted}
    return pd.DataFrame({**columns, "score": score})
