"""Notes about the parts of a sequence that do not count: unchanging pixels, repeated, flat frames.

describe(measure(sequence), sequence.survey())      # ["33 % of the pixels never change ...", ...]
"""

from collections.abc import Iterable

from dimjax.data.frame_survey import Survey
from dimjax.data.scale import Measurement
from dimjax.progress import counted

_LEAST_STILL_SHARE = 0.005  # of the pixels; fewer are no bars
_RANGES = 4  # of frame numbers that are named


def describe(measurement: Measurement, survey: Survey, skipped: bool = True) -> list[str]:
    """Describe what was ignored in a sequence, in phrases with numbers; empty if nothing was.

    Args:
      measurement: Scale of the sequence.
      survey: Its repeated and flat frames.
      skipped: Whether clips skip these frames.
    """
    notes = []
    if measurement.noiseless:
        notes.append("nearly all pixels never change; the noise is that of quantisation")
    elif measurement.still_share >= _LEAST_STILL_SHARE:
        share = f"{100 * measurement.still_share:.0f} %"
        notes.append(f"{share} of the pixels never change and are left out of level and noise")
    skip = "clips skip them" if skipped else "clips contain them"
    for frames, what in ((survey.repeated, "repeat the one before"), (survey.flat, "are flat")):
        if frames:
            counts = f"{len(frames)} of {survey.length} frames"
            notes.append(f"{counts} {what}, {_ranges(frames)}; {skip}")
    if measurement.step > 1:
        notes.append(f"grey levels come in steps of {measurement.step}")
    return notes


def summarise(measured: Iterable[tuple[Measurement, Survey]], skipped: bool = True) -> str | None:
    """Summarise what was ignored in many sequences in one line; None if nothing was."""
    notable = [pair for pair in measured if describe(*pair)]
    if not notable:
        return None
    still = max(measurement.still_share for measurement, _ in notable)
    repeated = sum(len(survey.repeated) for _, survey in notable)
    flat = sum(len(survey.flat) for _, survey in notable)
    step = max(measurement.step for measurement, _ in notable)
    skip = "skipped" if skipped else "kept"
    parts = [
        f"up to {100 * still:.0f} % of the pixels never change" if still else "",
        f"{repeated:,} repeated and {flat:,} flat frames are {skip}" if repeated + flat else "",
        f"grey levels come in steps of up to {step}" if step > 1 else "",
    ]
    return f"ignored in {counted(len(notable), 'sequence')}: {'; '.join(filter(None, parts))}"


def _ranges(frames: tuple[int, ...]) -> str:
    """Name frames as ranges: 1-2, 4-5 and 3 more."""
    starts = [t for t in frames if t - 1 not in frames]
    ends = [t for t in frames if t + 1 not in frames]
    names = [f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    more = f" and {len(names) - _RANGES} more" if len(names) > _RANGES else ""
    return ", ".join(names[:_RANGES]) + more
