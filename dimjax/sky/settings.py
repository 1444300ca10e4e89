"""Settings of simulated sequences, with their units.

A pair is a range: each sequence (or object, if the comment says so) draws its own value, uniformly
unless the comment says otherwise.

    settings = SkyConfig(frames=50, snr=(3.0, 8.0))
    check(settings)
"""

from collections.abc import Callable
from typing import NamedTuple

from dimjax.errors import InputError
from dimjax.settings_rules import SHARE, Rule, at_least, between, check_fields

MAX_BYTES = 2**34  # of a sequence of 16 bit frames, which is simulated in memory
VERSION = "1.0.0"  # changes whenever the same settings and seed give other frames

Range = tuple[float, float]


class SkyConfig(NamedTuple):
    """Settings of simulated sequences; the defaults are a 14-bit cooled camera of 640x512."""

    frames: int = 100  # frames of a sequence
    height: int = 512  # pixels
    width: int = 640  # pixels

    # Objects. The counts are means over sequences of the objects inside the frame, hidden or not.
    targets_per_frame: float = 2.0
    interference_per_frame: float = 2.0
    birds: float = 0.1  # share of birds in the interference
    snr: Range = (2.0, 15.0)  # of each object: peak amplitude over sigma of one raw frame's noise
    speed_px: Range = (0.0, 6.0)  # of each target, pixels a frame
    extent_px: Range = (0.0, 2.0)  # of each target, length before the optics blur it, pixels
    manoeuvres: float = 0.5  # share of targets that turn and change speed

    # Optics and camera motion.
    psf_px: Range = (0.5, 1.2)  # sigma of the Gaussian point spread, pixels
    exposure: float = 0.2  # share of the frame time during which the shutter is open
    pan_px: float = 0.1  # fastest pan of the camera along x or y, pixels a frame
    jitter_px: Range = (0.01, 0.1)  # sigma of the line of sight's white jitter, pixels

    # Sky and clouds.
    level_counts: Range = (3000.0, 5500.0)  # clear sky at the top of the frame
    gradient_counts: Range = (300.0, 2000.0)  # from there to the bottom, towards the horizon
    cloud_counts: Range = (150.0, 800.0)  # contrast of each cloud layer, logarithmic
    cloud_exponent: Range = (3.0, 3.8)  # of each layer: power density ~ frequency ** -exponent
    cloud_scale_px: Range = (250.0, 800.0)  # of each layer: largest structures, logarithmic
    cloud_cover: Range = (0.1, 0.8)  # of each layer: share of the sky that is not clear
    # Of each layer: optical depth per field sigma, logarithmic.
    cloud_sharpness: Range = (0.6, 5.0)
    drift_px: Range = (0.0, 0.15)  # of each layer: wind, pixels a frame
    evolution_frames: int = 400  # time in which a cloud becomes another one

    # Sensor.
    noise_counts: Range = (4.0, 12.0)  # sigma of the temporal white noise
    fixed_pattern: Range = (0.2, 0.8)  # sigma of residual column and pixel offsets, noise sigmas
    dead_pixels: float = 1e-5  # share of pixels that are stuck at one value


_MAX_VALUE = 1_000_000


def _range(text: str, fits: Callable[[float, float], bool]) -> Rule:
    return Rule(
        lambda pair: len(pair) == 2 and pair[0] <= pair[1] <= _MAX_VALUE and fits(*pair),
        f"(low, high) with {text}, at most {_MAX_VALUE:,}",
    )


_NOT_NEGATIVE = _range("0 <= low <= high", lambda low, high: low >= 0)
_POSITIVE = _range("0 < low <= high", lambda low, high: low > 0)
_MAX_PSF_PX = 2.0  # wider point spreads would not fit into the renderer's patches
_MAX_OBJECTS = 10_000  # mean of a frame
RULES = {
    "frames": between(4, 100000),
    "height": between(32, 16384),
    "width": between(32, 16384),
    "targets_per_frame": between(0, _MAX_OBJECTS),
    "interference_per_frame": between(0, _MAX_OBJECTS),
    "birds": SHARE,
    "snr": _POSITIVE,
    "speed_px": _NOT_NEGATIVE,
    "extent_px": _NOT_NEGATIVE,
    "manoeuvres": SHARE,
    "psf_px": _range(
        f"0 < low <= high <= {_MAX_PSF_PX}", lambda low, high: low > 0 and high <= _MAX_PSF_PX
    ),
    "exposure": SHARE,
    "pan_px": at_least(0),
    "jitter_px": _NOT_NEGATIVE,
    "level_counts": _NOT_NEGATIVE,
    "gradient_counts": _NOT_NEGATIVE,
    "cloud_counts": _POSITIVE,
    "cloud_exponent": _NOT_NEGATIVE,
    "cloud_scale_px": _POSITIVE,
    "cloud_cover": _range("0 < low <= high < 1", lambda low, high: low > 0 and high < 1),
    "cloud_sharpness": _POSITIVE,
    "drift_px": _NOT_NEGATIVE,
    "evolution_frames": at_least(2),
    "noise_counts": _POSITIVE,
    "fixed_pattern": _NOT_NEGATIVE,
    "dead_pixels": SHARE,
}


def check(settings: SkyConfig) -> None:
    """Raise InputError if a setting is out of its range, or a sequence takes too much memory."""
    check_fields("sky setting `{}`", settings._asdict(), RULES)
    size = 2 * settings.frames * settings.height * settings.width
    if size > MAX_BYTES:
        rule = f"frames * height * width must take at most {MAX_BYTES:,} bytes"
        raise InputError("sky settings", rule, f"{size:,}", "Simulate smaller or fewer frames.")
