"""Implants: simulated objects in the frames of a real sequence, with their truth.

Targets and interference have the stamps and the motion of the simulator; the background and its
noise are the sequence's own. So a detector can learn a camera's sky before anybody has labelled it.

    rows = draw_implants(sequence, ImplantConfig(share=1.0, snr=(3.0, 8.0)))     # truth, stamps
    implanted = with_objects(sequence, rows)                # frames are changed as they are read

The peak of an object of SNR s is s times the noise that `measure_scale` finds, in grey levels of
the sequence; all objects are brighter than the background. An object moves with the scene if the
camera does, and a repeated frame repeats its objects. Objects are added to the grey levels, and a
pixel that reaches the highest one stays there. Real clouds have no known depth: an implant is never
hidden by one. Glints, which need the edges of clouds, are left out.
"""

import zlib
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from dimjax.data.camera import camera_shifts, camera_similarities
from dimjax.data.labels import TRUTH_COLUMNS
from dimjax.data.scale import measure
from dimjax.data.sequences import Sequence, place_of
from dimjax.settings_rules import SHARE, at_least, check_fields
from dimjax.sky import objects
from dimjax.sky.settings import RULES as SKY_RULES
from dimjax.sky.settings import Range, SkyConfig
from dimjax.sky.stamps import Objects, extent, stamps

SOURCE = "implant"  # of the labels
# Columns beside those of the truth: stamps, grey levels from one to the next, and the highest one.
STAMP_COLUMNS = ("amplitude", "sigma_px", "along_x", "along_y", "step", "highest")

_DECIMALS = 4
_SLOTS = 16  # the number of objects of a frame is padded to a multiple: few shapes are compiled


class ImplantConfig(NamedTuple):
    """Objects that are implanted into real sequences; a pair is a range, drawn for each object."""

    share: float = 0.0  # of the training sequences that objects are implanted into
    targets_per_frame: float = 2.0  # mean over the sequences
    interference_per_frame: float = 2.0  # birds, flickering pixels, spots and lines
    birds: float = 1.0  # share of birds in the interference
    snr: Range = (2.0, 15.0)  # peak amplitude over the sigma of one frame's noise
    speed_px: Range = (0.0, 6.0)  # of targets, pixels a frame
    extent_px: Range = (0.0, 2.0)  # of targets, length before the optics blur it, pixels
    psf_px: Range = (0.5, 1.2)  # sigma of the Gaussian point spread, pixels; one for a sequence
    seed: int = 0


_SHARED = ("snr", "speed_px", "extent_px", "psf_px", "targets_per_frame", "interference_per_frame")
_RULES = {"share": SHARE, "birds": SHARE, "seed": at_least(0)} | {
    name: SKY_RULES[name] for name in _SHARED
}


def check(settings: ImplantConfig, subject: str = "implant setting `{}`") -> None:
    """Raise InputError if a setting is out of its range.

    Args:
      settings: The settings.
      subject: Subject of the error; {} stands for the name of a setting.
    """
    check_fields(subject, settings._asdict(), _RULES)


def draw_implants(
    sequence: Sequence, settings: ImplantConfig, rotation: bool = False
) -> pd.DataFrame:
    """Draw the objects of a sequence; its frames are read to measure noise and camera motion.

    Args:
      sequence: Sequence.
      settings: Settings; with the sequence's name and frames they determine the result.
      rotation: Whether rotation and scale of the scene are measured beside its shift.

    Returns:
      One row for each object and frame in which its centre is inside the frame, with TRUTH_COLUMNS
      and STAMP_COLUMNS, ordered by frame.

    Raises:
      InputError: The noise of the sequence cannot be measured.
    """
    _, height, width = sequence.shape
    usable = sequence.usable
    seen = _only(sequence, usable)
    measured = measure(sequence)
    size = SkyConfig(frames=len(usable), height=height, width=width)
    shared = size._replace(**{name: getattr(settings, name) for name in _SHARED})
    rng = np.random.default_rng([settings.seed, zlib.crc32(sequence.name.encode())])
    camera = (camera_similarities if rotation else camera_shifts)(seen)
    scene = objects.Scene(shared, rng.uniform(*settings.psf_px), camera)
    rows = pd.concat(_kinds(rng, scene, settings.birds), ignore_index=True)
    rows = rows[objects.in_frame(rows, size)]
    rows = _in_all_frames(rows, sequence, usable)
    rows["snr"] = rows.snr.abs()
    rows = rows.assign(
        amplitude=rows.snr * measured.scale.noise_sigma,
        step=measured.step,
        highest=_highest(seen),
        sequence=sequence.name,
    )
    return _table(rows)


def _kinds(rng: np.random.Generator, scene: objects.Scene, birds: float) -> list[pd.DataFrame]:
    """Draw the tables of all kinds."""
    share = objects.shares_of(birds, has_glints=False)
    return [
        objects.targets(rng, scene),
        objects.birds(rng, scene, share.birds),
        objects.flickers(rng, scene, share.flickers),
        objects.spots(rng, scene, share.spots),
    ]


def with_objects(sequence: Sequence, rows: pd.DataFrame) -> Sequence:
    """Return a sequence whose frames contain objects, which are added when a frame is read.

    Args:
      sequence: Sequence.
      rows: Table from draw_implants, of this sequence.
    """
    by_frame = dict(tuple(rows.groupby("frame")))
    slots = -(-max(map(len, by_frame.values()), default=1) // _SLOTS) * _SLOTS

    @cache
    def dither() -> np.ndarray:
        # One number for each pixel: with another one in each frame, objects would flicker.
        rng = np.random.default_rng(zlib.crc32(sequence.name.encode()))
        return rng.random(sequence.shape[1:], np.float32)

    def read(t: int) -> np.ndarray:
        frame = sequence.read(t)
        if t not in by_frame:
            return frame
        now = by_frame[t]
        light = light_of(now, frame.shape, slots)
        return add_light(frame, light, int(now.step.iloc[0]), int(now.highest.iloc[0]), dither())

    return replace(sequence, read=read)


def light_of(rows: pd.DataFrame, shape: tuple[int, int], slots: int) -> np.ndarray:
    """Compute the light [H, W] float32 of the objects of one frame, grey levels.

    Args:
      rows: Rows of the frame.
      shape: H, W.
      slots: Objects that the compiled function takes, at least as many as rows.
    """

    def column(values, dtype=np.float32):
        return np.pad(np.asarray(values, dtype), (0, slots - len(rows)))

    drawn = Objects(
        x=column(rows.x),
        y=column(rows.y),
        amplitude=column(rows.amplitude),
        sigma=column(rows.sigma_px),
        along_x=column(rows.along_x),
        along_y=column(rows.along_y),
        depth=column(np.zeros(len(rows)), np.int32),
    )
    return np.asarray(_light(drawn, shape))


@partial(jax.jit, static_argnames="shape")
def _light(drawn: Objects, shape: tuple[int, int]):
    patches, rows, columns = stamps(drawn, shape)
    at = (rows[:, :, None], columns[:, None, :])
    return jnp.zeros(shape, jnp.float32).at[at].add(patches, mode="drop")


def add_light(
    frame: np.ndarray, light: np.ndarray, step: int, highest: int, dither: np.ndarray
) -> np.ndarray:
    """Add light to a frame in its own grey levels; the mean over the dither is exact.

    A grey level is the rounded value of some light. Where the light that was rounded away is
    unknown, `dither` stands for it: a frame of level n with the light a gets floor(a + dither)
    levels more.

    Args:
      frame: [H, W] uint8 or uint16.
      light: [H, W] grey levels, 0 or more.
      step: Grey levels from one that occurs to the next.
      highest: Highest grey level of the sensor; pixels do not exceed it.
      dither: [H, W] from 0 to below 1.

    Returns:
      [H, W] of the frame's type; pixels without light are unchanged.
    """
    levels = step * np.floor(light / step + dither).astype(np.int64)
    return np.minimum(frame + levels, highest).astype(frame.dtype)


def _only(sequence: Sequence, usable: np.ndarray) -> Sequence:
    """Return the sequence of the usable frames alone."""
    shape = (len(usable), *sequence.shape[1:])
    return replace(
        sequence, shape=shape, read=lambda t: sequence.read(int(usable[t])), names=(), survey=None
    )


def _highest(sequence: Sequence) -> int:
    """Return the highest grey level of the fewest bits, 8 or more, that hold all frames."""
    brightest = max(int(sequence.frame(t).max()) for t in range(len(sequence)))
    return 2 ** max(8, brightest.bit_length()) - 1


def _in_all_frames(rows: pd.DataFrame, sequence: Sequence, usable: np.ndarray) -> pd.DataFrame:
    """Give repeated frames the objects of the frame that they repeat, flat frames none.

    The frames of the rows count usable ones.
    """
    frames = [t for t in range(len(sequence)) if t not in sequence.flat]
    places = pd.DataFrame({"place": [place_of(t, usable) for t in frames], "frame": frames})
    return rows.rename(columns={"frame": "place"}).merge(places, on="place")


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.assign(
        w=extent(rows.sigma_px, rows.along_x),
        h=extent(rows.sigma_px, rows.along_y),
        source=SOURCE,
        visible=1.0,
    )
    table = table[[*TRUTH_COLUMNS, *STAMP_COLUMNS]].round(_DECIMALS)
    table = table.sort_values(["frame", "track"], kind="stable", ignore_index=True)
    return table.astype({"frame": np.int64, "step": np.int64, "highest": np.int64})
