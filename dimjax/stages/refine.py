"""Rank the labels of a round by the probability that they are wrong, and put them up for review.

The ranking is calibrated by the errors that were planted before the training. These are known:
they are never put up.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax import ledger, suspects
from dimjax.data.folders import Folder
from dimjax.data.labels import write_table
from dimjax.detection.detector import restore_detector
from dimjax.progress import say
from dimjax.runs.workdir import Paths
from dimjax.stages.build import open_book, trained_labels
from dimjax.stages.motion import camera_motion
from dimjax.stages.predict import trained_sequences
from dimjax.stages.simulate import data_folder
from dimjax.tracks import Shifts, Tracks

_APART_MATCHES = 2  # a detection within so many matching radii of a label is that label's matter


def run(config, paths: Paths) -> None:
    """Put review items into the ledger, and write paths.suspects."""
    if paths.suspects.exists() or config.refinement.planted_share == 0:
        return
    folder = data_folder(config, paths)
    with open_book(config, folder, paths) as book:
        labels, planted = trained_labels(paths, book)
        reviewed = ledger.item_table(book)
        reviewed = reviewed[(reviewed["round"] < paths.number) & (reviewed.state == "decided")]
        found = find(config, paths, folder, labels, planted, reviewed)
        items = suspects.to_items(found.shown, *found[2:], folder.shapes)
        ledger.add_items(book, items, stage="refine")
    table = suspects.worst_kind(found.ranked[~found.ranked.planted])
    write_table(table.drop(columns="row"), paths.suspects)
    unknown = found.ranked[found.ranked.cut_off.isna()].kind.unique()
    for kind in [] if config.refinement.loss_threshold else unknown:
        say(f"{kind}: too few planted errors among what is ranked, none of this kind is put up")
    say(f"{len(found.shown)} of {len(found.labels)} labels are suspect, in {len(items)} items")


class Found(NamedTuple):
    """What a refinement finds."""

    ranked: pd.DataFrame  # from suspects.rank, planted errors among them
    shown: pd.DataFrame  # its rows that are to be reviewed
    labels: pd.DataFrame  # that were trained on, ids in their index
    measures: pd.DataFrame
    proposals: pd.DataFrame
    points: pd.DataFrame


def find(
    config,
    paths: Paths,
    folder: Folder,
    labels: pd.DataFrame,
    planted: pd.DataFrame,
    reviewed: pd.DataFrame,
) -> Found:
    """Rank a round's labels.

    Args:
      config: Of the run.
      paths: Of the round, which has been trained and predicted.
      folder: Of the raw sequences.
      labels: That were trained on, planted errors among them; ids in the index.
      planted: See dimjax.label_noise.planting.
      reviewed: Places that were decided before, as ledger.item_table gives them: not shown again.
    """
    names, stride = trained_sequences(paths), config.data.stride
    losses = pd.read_parquet(paths.losses, columns=list(suspects.LOSS_COLUMNS))
    all_labels, labels = labels, labels[labels.sequence.isin(names)]
    answers = _answers(paths, all_labels.index, labels.index)
    predictions = pd.read_parquet(paths.predictions)
    shifts = camera_motion(config, folder.sequence, names)
    tracks = linked(paths, predictions[predictions.sequence.isin(names)], shifts)
    label_paths = suspects.link_labels(labels, shifts)
    images = suspects.look(labels, folder.sequence, stride)
    measures = suspects.measure(labels, losses, answers, tracks, label_paths, images)
    apart_px = _APART_MATCHES * config.detection.match_px
    proposals = suspects.propose(labels, losses, tracks, label_paths, folder.shapes, apart_px)
    proposals = suspects.seen_in(proposals, suspects.look(proposals, folder.sequence, stride))
    known = suspects.known(planted, labels, proposals, config.detection.match_px)
    ranked = suspects.rank(labels, measures, proposals, known, config.refinement.target_recall)
    shown = above(config.refinement, suspects.worst_kind(ranked), measures)
    shown = shown[~_seen(shown, proposals, reviewed, config.detection.match_px)]
    shown = shown.head(round(config.refinement.max_items_per_label * len(labels)))
    points = tracks.points[tracks.points.confirmed]
    return Found(ranked, shown, labels, measures, proposals, points)


def _answers(paths: Paths, ids: pd.Index, ranked: pd.Index) -> pd.DataFrame:
    """The answers, which count the rows of all labels, by the rows of those that are ranked."""
    answers = pd.read_parquet(paths.answers)
    return answers.assign(label=ranked.get_indexer(ids[answers.label]))


def above(settings, worst: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """The suspects above the threshold, the worst first; planted errors are not among them.

    Args:
      settings: config.refinement. With a loss_threshold it is the paper's: a label's total loss in
        the last epoch, mean of its chips. Otherwise that of the probability of each kind.
      worst: From suspects.worst_kind.
      measures: From suspects.measure, the labels' ids in the index.

    Returns:
      Rows of `worst`; with a loss_threshold their score is the loss.
    """
    worst = worst[~worst.planted]
    if settings.loss_threshold == 0:
        return worst[worst.probability >= worst.cut_off.clip(lower=settings.min_probability)]
    worst = worst.assign(score=worst.label.map(measures.last_loss))  # NaN where there is no label
    worst = worst[worst.score > settings.loss_threshold]
    return worst.sort_values("score", ascending=False)


def _seen(shown, proposals, reviewed: pd.DataFrame, match_px: float) -> np.ndarray:
    """Which suspects somebody has decided on before: by the label's id, or by the place."""
    seen = shown.label.isin(reviewed.label[reviewed.label > 0]).to_numpy(copy=True)
    alone = (shown.label == 0).to_numpy()
    places = proposals.iloc[shown.row[alone]]
    seen[alone] = suspects.near(places, reviewed[reviewed.label == 0], match_px)
    return seen


def linked(paths: Paths, detections: pd.DataFrame, shifts: Shifts | None) -> Tracks:
    """The tracks of a round's detections, which its own thresholds start.

    Args:
      paths: Of the round.
      detections: At all scores.
      shifts: From dimjax.stages.motion.
    """
    tracks = restore_detector(paths.checkpoints).linked(detections, shifts)
    for note in tracks.notes:
        say(note)
    return tracks
