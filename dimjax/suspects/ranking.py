"""Ranking of labels and missing labels by the probability that they are wrong.

suspects = rank(labels, measures, proposals, planted)
suspects[suspects.probability >= suspects.cut_off]
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.suspects.fusion import calibrated, cut_off, tail_features
from dimjax.suspects.measures import MEASURES
from dimjax.suspects.proposals import PROPOSAL_MEASURES
from dimjax.tracks import has_neighbour

LABEL_KINDS = tuple(MEASURES)
KINDS = ("unlabelled_target", *LABEL_KINDS)
MIN_PLANTED = 3  # planted errors of a kind: fewer do not calibrate it


class Planted(NamedTuple):
    """Errors that were planted before the training, and are therefore known."""

    labels: np.ndarray  # [N] kind of error of each label, "" for none
    proposals: np.ndarray  # [P] bool, whether a label was removed at the proposal


def match_planted(
    planted: pd.DataFrame, labels: pd.DataFrame, proposals: pd.DataFrame, match_px: float
) -> Planted:
    """Find the planted errors among labels and proposals.

    Args:
      planted: Table with kind, label (id), sequence, frame, x, y; see dimjax.label_noise.planting.
      labels: Labels that were trained on, ids in the index.
      proposals: From dimjax.suspects.propose.
      match_px: A proposal nearer than this to a removed label is that error.
    """
    kind_of = planted.set_index("label").kind
    kinds = kind_of.reindex(labels.index).fillna("").to_numpy(object)
    removed = planted[planted.kind == KINDS[0]]
    return Planted(kinds, has_neighbour(proposals, removed, match_px))


def rank(
    labels: pd.DataFrame,
    measures: pd.DataFrame,
    proposals: pd.DataFrame,
    planted: Planted | None = None,
    target_recall: float = 0.9,
) -> pd.DataFrame:
    """Compute the probability of each kind of error for each label and proposal, the worst first.

    Without planted errors the score is the mean of the features, the probability is its rank, and
    there is no cut-off. A kind with fewer than MIN_PLANTED planted errors among the ranked rows is
    not calibrated (an untrained network makes few proposals): probability 0, no cut-off.

    Args:
      labels: Label table, ids in the index.
      measures: From dimjax.suspects.measure, rows as the labels.
      proposals: From dimjax.suspects.propose and add_frame_evidence.
      planted: Known errors, from match_planted.
      target_recall: Share of the planted errors at or above the cut-off of their kind.

    Returns:
      A row for each label and kind of label error, and one for each proposal: kind, label (id, 0
      for a proposal), row (in its table), sequence, frame, score (mean of the features),
      probability, cut_off (of its kind) and planted (whether the label or proposal is a planted
      error of any kind).
    """
    parts = []
    for kind in LABEL_KINDS:
        is_planted = None if planted is None else planted.labels == kind
        part = _rank_kind(
            kind, measures, MEASURES[kind], labels.sequence, is_planted, target_recall
        )
        part["planted"] = planted is not None and planted.labels != ""
        parts.append(part.assign(label=labels.index, frame=labels.frame.to_numpy()))
    is_planted = None if planted is None else planted.proposals
    part = _rank_kind(
        KINDS[0], proposals, PROPOSAL_MEASURES, proposals.sequence, is_planted, target_recall
    )
    parts.append(part.assign(label=0, frame=proposals.frame.to_numpy()))
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["probability", "score"], ascending=False, ignore_index=True)


def worst_kind(suspects: pd.DataFrame) -> pd.DataFrame:
    """Keep only the most probable kind of error of each label; proposals stay."""
    labels = suspects[suspects.label != 0].drop_duplicates("label")
    return pd.concat([labels, suspects[suspects.label == 0]]).sort_index()


def _rank_kind(
    kind: str,
    table: pd.DataFrame,
    measures: dict[str, int],
    sequence: pd.Series,
    is_planted: np.ndarray | None,
    target_recall: float,
) -> pd.DataFrame:
    """Score the rows of a table of measures for one kind of error."""
    features = tail_features(table, measures)
    score = features.mean(axis=1) if len(features) else np.zeros(0)
    columns = {"kind": kind, "row": np.arange(len(table)), "sequence": sequence.to_numpy()}
    if is_planted is None:
        probability, cut = pd.Series(score).rank(pct=True).to_numpy(), np.nan
    elif is_planted.sum() < MIN_PLANTED:
        probability, cut = 0.0, np.nan
    else:
        probability = calibrated(features, is_planted, sequence.to_numpy())
        cut = cut_off(probability, is_planted, target_recall)
    columns |= {"probability": probability, "cut_off": cut}
    columns["planted"] = False if is_planted is None else is_planted
    return pd.DataFrame({**columns, "score": score})
