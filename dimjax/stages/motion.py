"""Motion of the camera in the sequences of a run, where linking is to take it out."""

from collections.abc import Callable, Iterable

import numpy as np

from dimjax.data.sequences import Sequence
from dimjax.progress import bar
from dimjax.tracks import camera_shifts


def camera_motion(
    config, sequence_of: Callable[[str], Sequence], names: Iterable[str]
) -> dict[str, np.ndarray] | None:
    """What dimjax.tracks.link takes as shifts: each sequence's [T, 2], pixels.

    None where config.detection.camera_motion is off.
    """
    if not config.detection.camera_motion:
        return None
    names = bar(list(names), "measure camera motion", "sequence")
    return {name: camera_shifts(sequence_of(name)) for name in names}
