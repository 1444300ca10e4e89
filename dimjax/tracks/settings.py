"""Settings of the linking of detections to tracks, with their units.

settings = LinkingConfig(strong=(0.69, 0.5))
check(settings)
"""

from collections.abc import Mapping
from typing import NamedTuple

from dimjax.settings_rules import ABOVE_ZERO, Rule, at_least, between, check_fields
from dimjax.tracks.category_model import CategoryModel
from dimjax.tracks.score_model import ScoreModel


class LinkingConfig(NamedTuple):
    """Settings of `link`; chosen on seeds 100 to 104 of experiments/linking.py."""

    # Detections.
    strong: tuple[float, float] = (0.5, 0.5)  # scores that a target, an interference alone needs
    start: float = 0.5  # score from which any detection may start a track; strong ones always may
    weak: float = 0.15  # score from which any detection may continue one
    scores: ScoreModel = ScoreModel()  # what scores say about true and false detections
    max_per_frame: int = 200  # only the strongest detections of a frame are linked
    # Models of a track's category, from all of its frames and from past ones; None: its scores vote
    categories: tuple[CategoryModel, CategoryModel] | None = None

    # Motion: constant velocity with white-noise acceleration.
    noise_px: float = 0.8  # sigma of a detection's x or y
    acceleration_px: float = 0.2  # sigma of the change of vx or vy in a frame, pixels a frame
    speed_px: float = 4.5  # sigma of vx or vy before the second detection, pixels a frame

    # Association.
    gate_sigmas: float = 4.5  # largest distance of a detection from the predicted position
    confirm_hits: int = 3  # detections that confirm a track ...
    confirm_frames: int = 5  # ... if they lie within this many frames
    coast_frames: int = 6  # frames without a detection that a confirmed track survives
    young_coast_frames: int = 2  # the same for a track that is not confirmed yet
    join_frames: int = 10  # longest gap over which a track end is joined to a track start

    # Log-likelihood ratio of track against clutter, summed over the frames of a track.
    missed_detection_cost: float = 1.6  # of a frame without a detection: -ln(1 - Pd), Pd = 0.8
    min_log_likelihood_ratio: float = 5.0  # unconfirmed tracks below it are dropped
    confirm_log_likelihood_ratio: float = 12.0  # tracks below it are not confirmed


# Log-likelihood ratios of detections that may start and continue a track.
_START_RATIO, _WEAK_RATIO = -2.5, -5.5

_MAX_BITS = 63  # of the integer that holds a track's last frames
_SCORE = Rule(lambda score: 0 < score <= 1, "above 0 and at most 1")
_RULES = {
    "strong": Rule(
        lambda pair: len(pair) == 2 and all(0 < score <= 1 for score in pair),
        "two scores above 0 and at most 1",
    ),
    "start": _SCORE,
    "weak": _SCORE,
    "max_per_frame": at_least(1),
    "confirm_hits": at_least(2),
    "coast_frames": at_least(0),
    "young_coast_frames": at_least(0),
    "join_frames": at_least(0),
    "missed_detection_cost": at_least(0),
    "noise_px": ABOVE_ZERO,
    "acceleration_px": ABOVE_ZERO,
    "speed_px": ABOVE_ZERO,
    "gate_sigmas": ABOVE_ZERO,
}


def linking_of(description: Mapping) -> LinkingConfig:
    """Make the settings for the detections of a detector, from its description.

    Args:
      description: "threshold" of each category; "score_model", the fields of a ScoreModel; and
        possibly "category_models", the fields of two CategoryModels or None.
    """
    models = description.get("category_models")
    threshold = description["threshold"]
    scores = ScoreModel(**description["score_model"])
    return LinkingConfig(
        strong=(threshold["target"], threshold["interference"]),
        start=scores.score_at(_START_RATIO),
        weak=scores.score_at(_WEAK_RATIO),
        scores=scores,
        categories=models and tuple(CategoryModel(**fields) for fields in models),
    )


def check(settings: LinkingConfig) -> None:
    """Raise InputError if a setting is out of its range."""
    rules = _RULES | {"confirm_frames": between(settings.confirm_hits, _MAX_BITS - 1)}
    check_fields("linking setting `{}`", settings._asdict(), rules)
