"""Linkers of other packages for dimjax.tracks.link; they need the extra `compare`.

for name, make in installed_linkers().items():
    link(detections, linker=make(max_speed_px=8.0))

Both link strong detections only, because they have no second threshold, and are given the highest
speed of the scene. Confirmation, smoothing and mining are the same as for dimjax.
"""

import importlib.util
from collections.abc import Callable

import numpy as np
import pandas as pd

from dimjax.tracks import DetectionArrays, Linker, LinkingConfig

_GAP_STEPS = 2.0  # chosen among 1, 2, 3 and 7 on seeds 100 to 104
_NOISE_PX = 3.0  # added to the distance of a step: three to four sigmas of the noise


def installed_linkers() -> dict[str, Callable[[float], Linker]]:
    """List the installed packages: name -> (highest speed in pixels per frame -> linker)."""
    packages = {"trackpy": trackpy_linker, "laptrack": laptrack_linker}
    return {name: make for name, make in packages.items() if importlib.util.find_spec(name)}


def trackpy_linker(max_speed_px: float) -> Linker:
    """Make Crocker and Grier's linker, with a memory as long as dimjax coasts."""
    import trackpy

    trackpy.quiet()

    def linker(detections: DetectionArrays, settings: LinkingConfig) -> np.ndarray:
        linked = trackpy.link(
            _strong(detections),
            search_range=max_speed_px + _NOISE_PX,
            memory=settings.coast_frames,
            adaptive_stop=1.0,
        )
        return _numbers(detections, linked.particle)

    return linker


def laptrack_linker(max_speed_px: float) -> Linker:
    """Make Jaqaman's linker; gaps are closed over twice the distance of a step."""
    from laptrack import LapTrack

    def linker(detections: DetectionArrays, settings: LinkingConfig) -> np.ndarray:
        step_px = max_speed_px + _NOISE_PX
        tracker = LapTrack(
            cutoff=step_px**2,
            gap_closing_cutoff=(_GAP_STEPS * step_px) ** 2,
            gap_closing_max_frame_count=settings.coast_frames + 1,
        )
        linked, _, _ = tracker.predict_dataframe(
            _strong(detections), ["x", "y"], frame_col="frame", only_coordinate_cols=False
        )
        return _numbers(detections, linked.set_index("row").track_id)

    return linker


def _strong(detections: DetectionArrays) -> pd.DataFrame:
    x, y = detections.xy.T
    table = pd.DataFrame({"x": x, "y": y, "frame": detections.frame})
    return table.assign(row=table.index)[detections.starts]


def _numbers(detections: DetectionArrays, track_of_row: pd.Series) -> np.ndarray:
    numbers = np.full(len(detections.frame), -1)
    numbers[track_of_row.index.to_numpy()] = track_of_row.to_numpy(int)
    return numbers
