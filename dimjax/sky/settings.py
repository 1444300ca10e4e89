"""What a simulated sky looks like: every number that may be set, with its unit.

A pair is a range: each sequence (or object, where the comment says so) draws its own value,
uniformly unless the comment says otherwise.

    settings = Sky(frames=50, snr=(3.0, 8.0))
    check(settings)
"""

from typing import NamedTuple

from dimjax.errors import InputError

VERSION = "1.0.0"  # changes whenever the same settings and seed give other frames

Range = tuple[float, float]


class Sky(NamedTuple):
    """Settings of simulated sequences; the defaults are a 14-bit cooled camera of 640x512."""

    frames: int = 100  # frames of a sequence
    height: int = 512  # pixels
    width: int = 640  # pixels

    # Objects. The counts are means over sequences of what is inside the frame, hidden or not.
    targets_per_frame: float = 2.0
    interference_per_frame: float = 2.0
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
    cloud_sharpness: Range = (
        0.6,
        5.0,
    )  # of each layer: optical depth per field sigma, logarithmic
    drift_px: Range = (0.0, 0.15)  # of each layer: wind, pixels a frame
    evolution_frames: int = 400  # time in which a cloud becomes another one

    # Sensor.
    noise_counts: Range = (4.0, 12.0)  # sigma of the temporal white noise
    fixed_pattern: Range = (0.2, 0.8)  # sigma of residual column and pixel offsets, noise sigmas
    dead_pixels: float = 1e-5  # share of pixels that are stuck at one value


_LEAST = {"frames": 4, "height": 32, "width": 32, "evolution_frames": 2}
_NOT_NEGATIVE = ("targets_per_frame", "interference_per_frame", "pan_px")
_SHARES = ("manoeuvres", "exposure", "dead_pixels")
_RANGES = [name for name, hint in Sky.__annotations__.items() if hint == Range]
_ABOVE_ZERO = ("snr", "psf_px", "noise_counts", "cloud_counts", "cloud_scale_px", "cloud_sharpness")
_MOST_PSF_PX = 2.0  # wider ones would not fit into the renderer's patches


def check(settings: Sky) -> None:
    """Raises InputError where a setting is out of its range."""
    for name, least in _LEAST.items():
        _require(settings, name, getattr(settings, name) >= least, f"must be {least} or more")
    for name in _NOT_NEGATIVE:
        _require(settings, name, getattr(settings, name) >= 0, "must be 0 or more")
    for name in _SHARES:
        _require(settings, name, 0 <= getattr(settings, name) <= 1, "must lie between 0 and 1")
    for name in _RANGES:
        low, high = getattr(settings, name)
        _require(settings, name, 0 <= low <= high, "must be (low, high) with 0 <= low <= high")
    for name in _ABOVE_ZERO:
        _require(settings, name, getattr(settings, name)[0] > 0, "must be above 0")
    low, high = settings.cloud_cover
    _require(settings, "cloud_cover", low > 0 and high < 1, "must be above 0 and below 1")
    psf_fits = settings.psf_px[1] <= _MOST_PSF_PX
    _require(settings, "psf_px", psf_fits, f"must be {_MOST_PSF_PX} at most")


def _require(settings: Sky, name: str, holds: bool, rule: str) -> None:
    if not holds:
        found = getattr(settings, name)
        raise InputError(f"sky setting `{name}`", rule, found, "Correct the setting.")
