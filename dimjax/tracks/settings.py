"""How detections are linked: every number that may be set, with its unit.

    settings = Linking(strong=(0.69, 0.5), noise_px=0.5)
    check(settings)
"""

from typing import NamedTuple

from dimjax.errors import InputError


class Linking(NamedTuple):
    """Settings of `link`; the defaults were measured by experiments/linking.py on other seeds."""

    # Detections.
    strong: tuple[float, float] = (0.5, 0.5)  # score from which a target, an interference starts
    weak_share: float = 0.3  # of `strong`: score from which a detection may continue a track
    most_per_frame: int = 200  # the strongest of a frame are linked

    # Motion: constant velocity, and an acceleration that is white noise.
    noise_px: float = 0.8  # sigma of a detection's x or y
    acceleration_px: float = 0.25  # sigma of what vx or vy gain in a frame, pixels a frame
    speed_px: float = 3.5  # sigma of vx or vy before the second detection, pixels a frame

    # Association.
    gate_sigmas: float = 4.0  # a detection farther from where a track is expected is not its own
    confirm_hits: int = 3  # detections that confirm a track ...
    confirm_frames: int = 5  # ... if they lie within so many frames
    coast_frames: int = 6  # frames without a detection that end a confirmed track, less one
    young_coast_frames: int = 2  # the same of a track that is not confirmed
    join_frames: int = 10  # longest gap between an end and a start that are joined

    # Evidence: log of how much likelier a track's detections are than chance ones.
    least_evidence: float = 4.0  # below it a track that is not confirmed is no track
    sure_evidence: float = 8.0  # from it on a track may be confirmed


_LEAST = {
    "most_per_frame": 1,
    "confirm_hits": 2,
    "coast_frames": 0,
    "young_coast_frames": 0,
    "join_frames": 0,
}
_ABOVE_ZERO = ("noise_px", "acceleration_px", "speed_px", "gate_sigmas")


def check(settings: Linking) -> None:
    """Raises InputError where a setting is out of its range."""
    right = len(settings.strong) == 2 and all(0 < score <= 1 for score in settings.strong)
    _require(settings, "strong", right, "must be two scores above 0 and at most 1")
    _require(settings, "weak_share", 0 <= settings.weak_share <= 1, "must lie between 0 and 1")
    for name, least in _LEAST.items():
        _require(settings, name, getattr(settings, name) >= least, f"must be {least} or more")
    for name in _ABOVE_ZERO:
        _require(settings, name, getattr(settings, name) > 0, "must be above 0")
    room = settings.confirm_hits <= settings.confirm_frames <= 63
    _require(settings, "confirm_frames", room, "must lie between confirm_hits and 63")


def _require(settings: Linking, name: str, holds: bool, rule: str) -> None:
    if not holds:
        found = getattr(settings, name)
        raise InputError(f"linking setting `{name}`", rule, found, "Correct the setting.")
