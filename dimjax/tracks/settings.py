"""How detections are linked: every number that may be set, with its unit.

settings = Linking(strong=(0.69, 0.5))
check(settings)
"""

from typing import NamedTuple

from dimjax.errors import InputError


class Linking(NamedTuple):
    """Settings of `link`; chosen on seeds 100 to 104 of experiments/linking.py."""

    # Detections.
    strong: tuple[float, float] = (0.5, 0.5)  # score from which a target, an interference starts
    weak_share: float = 0.3  # of `strong`: score from which a detection may continue a track
    most_per_frame: int = 200  # the strongest of a frame are linked

    # Motion: constant velocity, disturbed by an acceleration that is white noise.
    noise_px: float = 0.8  # sigma of a detection's x or y
    acceleration_px: float = 0.2  # sigma of what vx or vy change in a frame, pixels a frame
    speed_px: float = 4.5  # sigma of vx or vy before the second detection, pixels a frame

    # Association.
    gate_sigmas: float = 4.5  # farther from where a track is expected, a detection is not its own
    confirm_hits: int = 3  # detections that confirm a track ...
    confirm_frames: int = 5  # ... if they lie within so many frames
    coast_frames: int = 6  # a confirmed track goes on over so many frames without a detection
    young_coast_frames: int = 2  # a track that is not confirmed yet
    join_frames: int = 10  # the longest gap over which an end is joined to a start

    # Evidence: log of how much likelier the detections are as a track than by chance.
    missing_evidence: float = 1.6  # lost in each frame without a detection: -ln(1 - Pd) of 0.8
    least_evidence: float = 5.0  # what has less and is not confirmed is no track
    sure_evidence: float = 12.0  # what has less is not confirmed


_LEAST = {
    "most_per_frame": 1,
    "confirm_hits": 2,
    "coast_frames": 0,
    "young_coast_frames": 0,
    "join_frames": 0,
    "missing_evidence": 0,
}
_ABOVE_ZERO = ("noise_px", "acceleration_px", "speed_px", "gate_sigmas")
_MOST_BITS = 63  # of the integer in which a track's last frames are remembered


def check(settings: Linking) -> None:
    """Raises InputError where a setting is out of its range."""
    right = len(settings.strong) == 2 and all(0 < score <= 1 for score in settings.strong)
    _require(settings, "strong", right, "must be two scores above 0 and at most 1")
    right = 0 < settings.weak_share <= 1
    _require(settings, "weak_share", right, "must be above 0 and at most 1")
    for name, least in _LEAST.items():
        _require(settings, name, getattr(settings, name) >= least, f"must be {least} or more")
    for name in _ABOVE_ZERO:
        _require(settings, name, getattr(settings, name) > 0, "must be above 0")
    right = settings.confirm_hits <= settings.confirm_frames < _MOST_BITS
    rule = f"must lie between confirm_hits and {_MOST_BITS - 1}"
    _require(settings, "confirm_frames", right, rule)


def _require(settings: Linking, name: str, holds: bool, rule: str) -> None:
    if not holds:
        found = getattr(settings, name)
        raise InputError(f"linking setting `{name}`", rule, found, "Correct the setting.")
