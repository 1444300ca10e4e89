"""Notes about the parts of a sequence that do not count: unchanging pixels, repeated, flat frames.

describe(measure(sequence), sequence.survey())      # ["33 % of the pixels never change ...", ...]
"""

from collections.abc import Iterable

from dimjax.data.frame_survey import Survey
from dimjax.data.scale import Measurement
from dimjax.progress import counted

_LEAST_STILL_SHARE = 0.005  # of the pixels; fewer are no bars
_CLIPPED = "as if clipped: noise is lost there and measured too small"
_RANGES = 4  # of frame numbers that are named


def describe(
    measurement: Measurement, survey: Survey, skipped: bool = True, replaced: int = 0
) -> list[str]:
    """Describe the parts ignored in a sequence, in phrases with numbers; empty without any.

    Args:
      measurement: Scale of the sequence.
      survey: Its repeated and flat frames.
      skipped: Whether clips skip these frames.
      replaced: Number of bad pixels that are replaced.
    """
    notes = []
    if measurement.noiseless:
        notes.append("nearly all pixels never change; the noise is that of quantisation")
    elif measurement.still_share >= _LEAST_STILL_SHARE:
        share = f"{100 * measurement.still_share:.0f} %"
        notes.append(f"{share} of the pixels never change and are left out of level and noise")
    if measurement.clipped_share:
        share = f"{100 * measurement.clipped_share:.0f} %"
        notes.append(f"{share} of the pixels have the lowest or highest level, {_CLIPPED}")
    if replaced:
        rest = "which never change, are replaced by their neighbours"
        if replaced == 1:
            rest = "which never changes, is replaced by its neighbours"
        notes.append(f"{counted(replaced, 'bad pixel')}, {rest}")
    skip = "clips skip them" if skipped else "clips contain them"
    for frames, what in ((survey.repeated, "repeat the one before"), (survey.flat, "are flat")):
        if frames:
            counts = f"{len(frames)} of {survey.length} frames"
            notes.append(f"{counts} {what}, {_ranges(frames)}; {skip}")
    if measurement.step > 1:
        notes.append(f"grey levels come in steps of {measurement.step}")
    return notes


def summarise(
    measured: Iterable[tuple[Measurement, Survey, int]], skipped: bool = True
) -> str | None:
    """Summarise the parts ignored in many sequences in one line; None without any.

    Args:
      measured: Scale, survey and number of replaced pixels of each sequence.
      skipped: Whether clips skip repeated and flat frames.
    """
    notable = [one for one in measured if describe(one[0], one[1], replaced=one[2])]
    if not notable:
        return None
    measurements, surveys, replaced = zip(*notable, strict=True)
    still = max(measurement.still_share for measurement in measurements)
    repeated = sum(len(survey.repeated) for survey in surveys)
    flat = sum(len(survey.flat) for survey in surveys)
    step = max(measurement.step for measurement in measurements)
    skip = "skipped" if skipped else "kept"
    clipped = max(measurement.clipped_share for measurement in measurements)
    parts = [
        f"up to {100 * still:.0f} % of the pixels never change" if still else "",
        f"bad pixels are replaced, up to {max(replaced):,} in one" if any(replaced) else "",
        f"{repeated:,} repeated and {flat:,} flat frames are {skip}" if repeated + flat else "",
        f"grey levels come in steps of up to {step}" if step > 1 else "",
        f"up to {100 * clipped:.0f} % have the lowest or highest one, {_CLIPPED}"
        if clipped
        else "",
    ]
    return f"ignored in {counted(len(notable), 'sequence')}: {'; '.join(filter(None, parts))}"


def _ranges(frames: tuple[int, ...]) -> str:
    """Name frames as ranges: 1-2, 4-5 and 3 more."""
    starts = [t for t in frames if t - 1 not in frames]
    ends = [t for t in frames if t + 1 not in frames]
    names = [f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    more = f" and {len(names) - _RANGES} more" if len(names) > _RANGES else ""
    return ", ".join(names[:_RANGES]) + more
