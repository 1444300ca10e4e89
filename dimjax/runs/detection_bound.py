"""The bound of detection in sequences of a run's own sky, which are simulated once more for it.

bound = detection_bound(context, ["test-0000"])         # None for other data
bound["window"], bound["recall_at"]["target"][0]["recall"]
"""

import numpy as np
import pandas as pd

from dimjax.evaluation.bound import bound_at
from dimjax.motion import EvidenceConfig
from dimjax.motion.deflections import deflections, search_band
from dimjax.motion.noise_places import noise_places
from dimjax.motion.windows import min_length
from dimjax.progress import bar, say
from dimjax.runs.config_rules import sky_settings
from dimjax.runs.context import RoundContext
from dimjax.sky import signal_of

_MAX_PIXELS = 2**29  # of a sequence, for each of which 14 bytes are needed
# As much white noise as there are frames, within limits: 2, 3, 12 and 48 windows of the default
# settings give the same number of places, to the rounding of the evidence.
_WINDOWS, _WINDOW_PIXELS = (2, 12), 256**2
_NUMBERS = ["frame", "x", "y", "snr", "visible"]
_TOLERANCE = 0.01  # pixels or sigmas; another device rounds differently


def detection_bound(context: RoundContext, names: list[str]) -> dict | None:
    """Compute the bound of detection in some sequences, see dimjax.evaluation.bound.

    The window is that of the run's motion evidence, and the paths are those of its speeds, from the
    lowest speed of the sky's targets on.

    Args:
      context: Context of a round.
      names: Names of the sequences.

    Returns:
      window, its number of frames; recall_at: target: rows as from evaluation.recall. None if the
      frames are not those of the run's own sky, or too few for a window. None, and a message, if
      the sky was simulated in another way (by another version, say) or is too large.
    """
    config = context.config
    settings, _ = sky_settings(config.sky)
    band = search_band(EvidenceConfig(**config.evidence.to_dict()), settings.speed_px[0])
    if not _is_own_sky(context) or settings.frames < min_length(band):
        return None
    truth = _with_deflections(context, names, band)
    if truth is None:
        return None
    frames = dict.fromkeys(names, settings.frames)
    pixels = settings.height * settings.width
    windows = len(names) * settings.frames * pixels // _WINDOW_PIXELS
    places = noise_places(band, int(np.clip(windows, *_WINDOWS))) * pixels
    rows = bound_at(truth, frames, places, config.evaluation.false_alarms_per_frame)
    return {"window": band.frames, "recall_at": {"target": rows}}


def _is_own_sky(context: RoundContext) -> bool:
    folder = context.folder
    return folder.truth is not None and folder.path.resolve() == context.paths.sky.resolve()


def _with_deflections(
    context: RoundContext, names: list[str], band: EvidenceConfig
) -> pd.DataFrame | None:
    """Truth of the sequences with deflections; None, which is reported, if it cannot be had."""
    settings, training = sky_settings(context.config.sky)
    if settings.frames * settings.height * settings.width > _MAX_PIXELS:
        say(f"bound of detection: not computed, a sequence has more than {_MAX_PIXELS:,} pixels")
        return None
    tables = []
    for name in bar(names, "bound of detection", "sequence"):
        signal = signal_of(name, settings, training, context.config.seed)
        truth = context.reference[context.reference.sequence == name]
        if not _are_same(signal.truth, truth):
            say(f"bound of detection: not computed, the simulator would now make another {name}")
            return None
        tables.append(signal.truth.assign(deflection=deflections(*signal, band)))
    return pd.concat(tables)


def _are_same(simulated: pd.DataFrame, truth: pd.DataFrame) -> bool:
    """Whether the objects of a sequence that were simulated now are those of its truth."""
    first, second = (table.sort_values(["frame", "track"]) for table in (simulated, truth))
    return len(first) == len(second) and np.allclose(
        first[_NUMBERS], second[_NUMBERS], rtol=0, atol=_TOLERANCE
    )
