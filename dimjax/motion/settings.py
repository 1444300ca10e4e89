"""Settings of the motion evidence, each with its unit.

settings = EvidenceConfig(frames=8, reference="last")
check(settings)
"""

from typing import NamedTuple

from dimjax.errors import InputError

REFERENCES = ("first", "middle", "last")


class EvidenceConfig(NamedTuple):
    """Settings of the evidence window, the frame filter and the velocity bank."""

    # Window.
    frames: int = 8  # frames of a window, K
    stride: int = 1  # frames from one frame of a window to the next
    reference: str = "middle"  # place of the reference frame: first, middle (K // 2) or last

    # Filter of each frame.
    sigma_px: float = 1.0  # of the Gaussian, about that of the blurred targets, pixels
    box_px: int = 25  # side of the box over which the local RMS is taken, pixels
    clip_sigmas: float = 4.5  # limit of what one frame may add to a path, in local sigmas

    # Velocity bank.
    speed_px: float = 6.3  # top speed, pixels a frame
    min_speed_px: float = 0.3  # what is slower is left out: differences do not show it
    path_step_px: float = 2.0  # spacing of the paths in the frame farthest from the reference


_MAX_FRAMES = 32
_ABOVE_ZERO = ("sigma_px", "clip_sigmas", "speed_px", "path_step_px")


def check(settings: EvidenceConfig) -> None:
    """Raise an InputError if a setting is out of its range."""
    right = 3 <= settings.frames <= _MAX_FRAMES
    _require(settings, "frames", right, f"must be between 3 and {_MAX_FRAMES}")
    _require(settings, "stride", settings.stride >= 1, "must be 1 or more")
    right = settings.reference in REFERENCES
    _require(settings, "reference", right, f"must be one of {', '.join(REFERENCES)}")
    _require(settings, "box_px", settings.box_px >= 1, "must be 1 or more")
    for name in _ABOVE_ZERO:
        value = getattr(settings, name)
        _require(settings, name, 0 < value < float("inf"), "must be above 0 and finite")
    right = 0 <= settings.min_speed_px < settings.speed_px
    _require(settings, "min_speed_px", right, "must be at least 0 and below speed_px")


def _require(settings: EvidenceConfig, name: str, holds: bool, rule: str) -> None:
    if not holds:
        found = getattr(settings, name)
        raise InputError(f"evidence setting `{name}`", f"it {rule}", found, "Correct the setting.")
