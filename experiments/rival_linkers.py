"""Linkers of other packages, in the form that dimjax.tracks.link takes; the extra `compare`.

for name, make in installed().items():
    link(detections, linker=make(fastest_px=8.0))

Both link strong detections only, since they know no second threshold, and are told the highest
speed. All else (confirmation, smoothing, mining) is the same as for dimjax.
"""

import importlib.util
from collections.abc import Callable

import numpy as np
import pandas as pd

from dimjax.tracks import Found, Linking

_SLACK_PX = 3.0  # beyond the speed: three to four sigmas of the noise


def installed() -> dict[str, Callable[[float], Callable]]:
    """The packages that are there, by name: fastest speed in pixels a frame -> linker."""
    known = {"trackpy": trackpy_linker, "laptrack": laptrack_linker}
    return {name: make for name, make in known.items() if importlib.util.find_spec(name)}


def trackpy_linker(fastest_px: float) -> Callable[[Found, Linking], np.ndarray]:
    """Crocker and Grier's linker with a memory of as many frames as dimjax coasts."""
    import trackpy

    trackpy.quiet()

    def linker(found: Found, settings: Linking) -> np.ndarray:
        linked = trackpy.link(
            _strong(found),
            search_range=fastest_px + _SLACK_PX,
            memory=settings.coast_frames,
            adaptive_stop=1.0,
        )
        return _numbers(found, linked.particle)

    return linker


def laptrack_linker(fastest_px: float) -> Callable[[Found, Linking], np.ndarray]:
    """Jaqaman's linker; gaps are closed over twice the distance of a step."""
    from laptrack import LapTrack

    def linker(found: Found, settings: Linking) -> np.ndarray:
        step_px = fastest_px + _SLACK_PX
        tracker = LapTrack(
            cutoff=step_px**2,
            gap_closing_cutoff=(GAP_STEPS * step_px) ** 2,
            gap_closing_max_frame_count=settings.coast_frames + 1,
        )
        linked, _, _ = tracker.predict_dataframe(
            _strong(found), ["x", "y"], frame_col="frame", only_coordinate_cols=False
        )
        return _numbers(found, linked.set_index("row").track_id)

    return linker


GAP_STEPS = 2.0  # chosen among 1, 2, 3 and 7 on seeds 100 to 104


def _strong(found: Found) -> pd.DataFrame:
    table = pd.DataFrame({"x": found.xy[:, 0], "y": found.xy[:, 1], "frame": found.frame})
    return table.assign(row=table.index)[found.strong]


def _numbers(found: Found, of_row: pd.Series) -> np.ndarray:
    numbers = np.full(len(found.frame), -1)
    numbers[of_row.index.to_numpy()] = of_row.to_numpy(int)
    return numbers
