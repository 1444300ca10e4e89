"""Settings of the motion evidence, with their units.

settings = EvidenceConfig(frames=8, reference="last")
check(settings)
"""

from typing import NamedTuple

from dimjax.settings_rules import Rule, at_least, between, check_fields

REFERENCES = ("first", "middle", "last")


class EvidenceConfig(NamedTuple):
    """Settings of the evidence window, the frame filter and the velocity bank."""

    # Window.
    frames: int = 8  # frames of a window, K
    stride: int = 1  # frames from one frame of a window to the next
    reference: str = "middle"  # position of the reference frame: first, middle (K // 2) or last

    # Filter of each frame.
    sigma_px: float = 1.0  # of the Gaussian, about that of a blurred target, pixels
    box_px: int = 25  # side of the box over which the local RMS is taken, pixels
    clip_sigmas: float = 4.5  # largest contribution of one frame to a path, local sigmas

    # Velocity bank.
    speed_px: float = 6.3  # top speed, pixels a frame
    min_speed_px: float = 0.3  # slower targets vanish in the background, pixels a frame
    path_step_px: float = 2.0  # spacing of the paths in the frame farthest from the reference


_MAX_FRAMES = 32
_FINITE = Rule(lambda value: 0 < value < float("inf"), "above 0 and finite")
_RULES = {
    "frames": between(3, _MAX_FRAMES),
    "stride": at_least(1),
    "reference": Rule(lambda name: name in REFERENCES, f"one of {', '.join(REFERENCES)}"),
    "box_px": at_least(1),
    "sigma_px": _FINITE,
    "clip_sigmas": _FINITE,
    "speed_px": _FINITE,
    "path_step_px": _FINITE,
}


def check(settings: EvidenceConfig) -> None:
    """Raise an InputError if a setting is out of its range."""
    speed = Rule(lambda value: 0 <= value < settings.speed_px, "at least 0 and below speed_px")
    rules = _RULES | {"min_speed_px": speed}
    check_fields("evidence setting `{}`", settings._asdict(), rules)
