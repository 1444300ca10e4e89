"""Suspects: labels that are probably wrong, and targets that probably lack a label.

Pure functions of tables. `measure` collects evidence about each label from the record of a
training, from detections, tracks and the frames; `propose` lists locations of possible unlabelled
targets; `rank` turns both into probabilities of four kinds of error; `to_items` makes review items.

The network was trained on the labels that it judges, and in the end it fits wrong labels too. Its
losses and margins are therefore means over epochs (high losses and low margins are suspect), and
the probabilities are calibrated on errors that were planted before the training.

    tracks, label_tracks = link(detections), link_labels(labels)
    frame_evidence = measure_frames(labels, folder.sequence, stride)
    measures = measure(labels, losses, label_outputs, tracks, label_tracks, frame_evidence)
    proposals = propose(labels, losses, tracks, label_tracks, shapes, match_px=3.0)
    frame_evidence = measure_frames(proposals, folder.sequence, stride)
    proposals = add_frame_evidence(proposals, frame_evidence)
    planted = match_planted(planted, labels, proposals, match_px=3.0)
    suspects = rank(labels, measures, proposals, planted)
    items = to_items(worst_kind(suspects), labels, measures, proposals, points, shapes, 3.0)

`track_item` makes a review item of a track that a reviewer clicked.
"""

from dimjax.suspects.clicked_tracks import track_item
from dimjax.suspects.frame_evidence import measure_frames
from dimjax.suspects.items import MIN_MOVE, to_items
from dimjax.suspects.measures import LOSS_COLUMNS, MEASURES, measure
from dimjax.suspects.proposals import PROPOSAL_MEASURES, add_frame_evidence, propose
from dimjax.suspects.ranking import KINDS, LABEL_KINDS, Planted, match_planted, rank, worst_kind

__all__ = [
    "KINDS",
    "LABEL_KINDS",
    "LOSS_COLUMNS",
    "MEASURES",
    "MIN_MOVE",
    "PROPOSAL_MEASURES",
    "Planted",
    "add_frame_evidence",
    "match_planted",
    "measure",
    "measure_frames",
    "propose",
    "rank",
    "to_items",
    "track_item",
    "worst_kind",
]
