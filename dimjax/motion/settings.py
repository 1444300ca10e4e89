"""Settings of the motion evidence, with their units.

settings = EvidenceConfig(frames=8, reference="last")
check(settings)
"""

from typing import NamedTuple

from dimjax.errors import InputError
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

    # A second window and bank, for targets that hardly move within the first window.
    slow_stride: int = 0  # frames from one frame of its window to the next; 0: no second bank
    slow_speed_px: float = 0.8  # its top speed, pixels a frame
    slow_min_speed_px: float = 0.1  # its lowest speed, pixels a frame


_MAX_FRAMES = 32
_MAX_STEPS = 200  # of paths, from 0 to the top speed; their number grows with the square
_RULES = {
    "frames": between(3, _MAX_FRAMES),
    "stride": between(1, 1000),
    "reference": Rule(lambda name: name in REFERENCES, f"one of {', '.join(REFERENCES)}"),
    "box_px": between(1, 1001),
    "sigma_px": between(0.1, 100),
    "clip_sigmas": between(0.1, 1000),
    "speed_px": between(0.001, 1000),
    "path_step_px": between(0.001, 1000),
    "slow_stride": between(0, 1000),
    "slow_speed_px": between(0.001, 1000),
}


def bands(settings: EvidenceConfig) -> tuple[EvidenceConfig, ...]:
    """Return the settings of each velocity band: of the main one and of the slow one, if any."""
    main = settings._replace(slow_stride=0)
    if not settings.slow_stride:
        return (main,)
    slow = main._replace(
        stride=settings.slow_stride,
        speed_px=settings.slow_speed_px,
        min_speed_px=settings.slow_min_speed_px,
    )
    return main, slow


def channels(settings: EvidenceConfig) -> int:
    """Return the number of channels of an evidence map: two per velocity band and two others."""
    return 2 * len(bands(settings)) + 2


def check(settings: EvidenceConfig) -> None:
    """Raise an InputError if a setting is out of its range."""
    speeds = {
        f"{prefix}min_speed_px": _below(f"{prefix}speed_px", settings) for prefix in ("", "slow_")
    }
    check_fields("evidence setting `{}`", settings._asdict(), _RULES | speeds)
    reach_px = max(band.speed_px * band.frames * band.stride for band in bands(settings))
    rules = {"path_step_px": at_least(round(reach_px / _MAX_STEPS, 3))}
    check_fields("evidence setting `{}`", settings._asdict(), rules)
    for band in bands(settings):
        _check_paths(band)


def _check_paths(band: EvidenceConfig) -> None:
    """Raise an InputError if a bank has no path along an axis, wherever the reference frame is."""
    for number in range(band.frames // 2, band.frames):
        step = band.path_step_px / (number * band.stride)
        fastest = int(band.speed_px / step) * step
        if fastest < max(step, band.min_speed_px):
            rule = f"a bank needs a path from {band.min_speed_px:g} to {band.speed_px:g} px a frame"
            value = f"none in {band.frames} frames of stride {band.stride}"
            remedy = "Lower path_step_px, or choose more frames or a larger stride."
            raise InputError("evidence settings", rule, value, remedy)


def _below(top: str, settings: EvidenceConfig) -> Rule:
    limit = getattr(settings, top)
    return Rule(lambda value: 0 <= value < limit, f"at least 0 and below {top}")
