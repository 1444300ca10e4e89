"""Suspects of a round: its labels ranked by the probability that they are wrong.

    result = find_suspects(context, labels, planted, decided)
    result.queued                        # rows of result.ranked to be reviewed, the worst first

The ranking is calibrated on the errors that were planted before the training, which are known and
therefore never queued.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax import suspects
from dimjax.runs.context import RoundContext, clip_stride
from dimjax.tracks import has_neighbour, link_labels

# Share of the labels that is queued for each kind of error in a round without planted errors.
UNCALIBRATED_SHARE = 0.02


class RefinementResult(NamedTuple):
    """A ranking of labels and proposed labels, with all that review items are made from."""

    ranked: pd.DataFrame  # from suspects.rank, planted errors included
    queued: pd.DataFrame  # rows of it to be reviewed
    labels: pd.DataFrame  # labels that were trained on, ids in the index
    measures: pd.DataFrame
    proposals: pd.DataFrame
    points: pd.DataFrame


def find_suspects(
    context: RoundContext, labels: pd.DataFrame, planted: pd.DataFrame, decided: pd.DataFrame
) -> RefinementResult:
    """Rank a round's labels.

    Args:
      context: A round that has been trained and predicted.
      labels: Labels that were trained on, planted errors included; ids in the index.
      planted: Planted errors, see dimjax.label_noise.planting.
      decided: Items decided earlier, from ledger.item_table; these are not queued again.
    """
    config, paths, folder = context.config, context.paths, context.folder
    names, stride = context.trained_sequences, clip_stride(config)
    match_px = config.detection.match_px
    losses = paths.training_log.read_losses(suspects.LOSS_COLUMNS)
    all_labels, labels = labels, labels[labels.sequence.isin(names)]
    outputs = _label_outputs(context, all_labels.index, labels.index)
    tracks = context.link(pd.read_parquet(paths.predictions), names)
    label_tracks = link_labels(labels, context.camera_motions(names))
    measured = suspects.measure_frames(labels, folder.sequence, stride)
    measures = suspects.measure(labels, losses, outputs, tracks, label_tracks, measured)
    proposals = suspects.propose(labels, losses, tracks, label_tracks, folder.shapes, match_px)
    measured = suspects.measure_frames(proposals, folder.sequence, stride)
    proposals = suspects.add_frame_evidence(proposals, measured)
    matched = None
    if len(planted):
        matched = suspects.match_planted(planted, labels, proposals, match_px)
    ranked = suspects.rank(labels, measures, proposals, matched, config.refinement.target_recall)
    queued = above_threshold(config.refinement, suspects.worst_kind(ranked), measures)
    queued = queued[~already_decided(queued, proposals, decided, match_px)]
    queued = queued.head(round(config.refinement.max_items_per_label * len(labels)))
    points = tracks.points[tracks.points.confirmed]
    return RefinementResult(ranked, queued, labels, measures, proposals, points)


def _label_outputs(context: RoundContext, ids: pd.Index, ranked: pd.Index) -> pd.DataFrame:
    """Read the network's outputs at the labels, numbered by the rows of the ranked labels."""
    outputs = context.paths.training_log.read_label_outputs()
    return outputs.assign(label=ranked.get_indexer(ids[outputs.label]))


def above_threshold(settings, worst: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Select the suspects above the threshold, the worst first, without planted errors.

    Args:
      settings: config.refinement. With a loss_threshold it is the paper's rule: a label's total
        loss in the last epoch, averaged over its chips. Otherwise the probability of each kind.
      worst: From suspects.worst_kind.
      measures: From suspects.measure, the labels' ids in the index.

    Returns:
      Rows of `worst`; with a loss_threshold their score is the loss.
    """
    worst = worst[~worst.planted]
    if settings.loss_threshold == 0 and worst.cut_off.isna().all() and worst.probability.any():
        # Without planted errors the probability is a rank.
        return worst[worst.probability > 1 - UNCALIBRATED_SHARE].assign(probability=0.0)
    if settings.loss_threshold == 0:
        return worst[worst.probability >= worst.cut_off.clip(lower=settings.min_probability)]
    worst = worst.assign(score=worst.label.map(measures.last_loss))  # NaN without a label
    worst = worst[worst.score > settings.loss_threshold]
    return worst.sort_values("score", ascending=False)


def already_decided(queued, proposals, decided: pd.DataFrame, match_px: float) -> np.ndarray:
    """Whether each suspect was decided earlier, by the label's id or by its location [rows]."""
    known = queued.label.isin(decided.label[decided.label > 0]).to_numpy(copy=True)
    unlabelled = (queued.label == 0).to_numpy()
    locations = proposals.iloc[queued.row[unlabelled]]
    known[unlabelled] = has_neighbour(locations, decided[decided.label == 0], match_px)
    return known
