"""Suspects: which labels are probably wrong, how, why, and what would be right.

Pure functions of tables. In come labels, the record of a training, detections, tracks and what
the frames show; out come ranked suspects of four kinds, and review items.

    tracks, paths = link(detections), link_labels(labels)
    images = look(labels, folder.sequence, stride)
    measures = measure(labels, losses, answers, tracks, paths, images)
    proposals = propose(labels, losses, tracks, paths, shapes, apart_px=6.0)
    proposals = seen_in(proposals, look(proposals, folder.sequence, stride))
    planted = known(planted, labels, proposals, match_px=3.0)
    suspects = rank(labels, measures, proposals, planted)
    items = to_items(worst_kind(suspects), labels, measures, proposals, points, shapes)
"""

from dimjax.suspects.frame_evidence import look
from dimjax.suspects.items import to_items
from dimjax.suspects.measures import LOSS_COLUMNS, MEASURES, link_labels, measure
from dimjax.suspects.proposals import PROPOSAL_MEASURES, near, propose, seen_in
from dimjax.suspects.ranking import KINDS, LABEL_KINDS, Planted, known, rank, worst_kind

__all__ = [
    "KINDS",
    "LABEL_KINDS",
    "LOSS_COLUMNS",
    "MEASURES",
    "PROPOSAL_MEASURES",
    "Planted",
    "known",
    "link_labels",
    "look",
    "measure",
    "near",
    "propose",
    "rank",
    "seen_in",
    "to_items",
    "worst_kind",
]
