"""Detect targets in a live stream, and print the results of each frame as a line of JSON.

run(load("runs/demo"), "rtsp://camera/1")

{"frame": 120, "milliseconds": 31.4, "detections": [{"x": 101.2, "y": 54.8, "w": 3.1, "h": 2.9,
 "category": "target", "score": 0.93, "track": "stream/2"}], "tracks": [{"track": "stream/2", ...}]}
"""

import json
import sys
import time

import numpy as np
import pandas as pd

from dimjax.data.live_video import live_frames
from dimjax.errors import InputError
from dimjax.progress import say
from dimjax.runs.run import Run

_DETECTION = ("x", "y", "w", "h", "category", "score", "track")
_TRACK = ("track", "x", "y", "w", "h", "target_probability")
_DECIMALS = 4


def run(trained: Run, source: str) -> None:
    """Print a line for each frame; at the end, frames per second and latency, on stderr.

    Args:
      trained: The run.
      source: See dimjax.data.live_video.

    Raises:
      InputError: The stream cannot be read, or the run compensates the motion of the camera.
    """
    if sys.stdout is None:
        rule, remedy = "it must be open for the answers", "Redirect it to a file or a program."
        raise InputError("standard output", rule, "it is closed", remedy)
    stream = trained.stream()
    _note(f"detector: {trained.description}; a frame is answered {stream.delay} frames later")
    latencies, begun = [], None
    for frame in live_frames(source, _note):
        arrived = time.monotonic()
        begun = begun or arrived
        answers = stream.push(frame)
        latencies += _print(answers, arrived)
    if begun is None:
        rule, remedy = "a stream must have frames", "Check the source."
        raise InputError(source, rule, "none", remedy)
    latencies += _print(stream.finish(), time.monotonic())
    _note(_summary(latencies, time.monotonic() - begun))


def _print(answers: list, arrived: float) -> list[float]:
    """Print answers; return their latencies after the arrival of their last frame, seconds."""
    latencies = []
    for answer in answers:
        latencies.append(time.monotonic() - arrived)
        line = {
            "frame": answer.frame,
            "milliseconds": round(1000 * latencies[-1], 1),
            "detections": _rows(answer.detections, _DETECTION),
            "tracks": _rows(answer.tracks, _TRACK),
        }
        say(json.dumps(line))
    return latencies


def _rows(table: pd.DataFrame, columns: tuple[str, ...]) -> list[dict]:
    table = table[[name for name in columns if name in table]].round(_DECIMALS)
    rows = table.astype(object).where(table.notna(), None)
    return rows.to_dict("records")


def _summary(latencies: list[float], seconds: float) -> str:
    median, slow = 1000 * np.quantile(latencies, (0.5, 0.99))
    return (
        f"{len(latencies):,} frames, {len(latencies) / seconds:.3g} frames/s; latency after the "
        f"last frame that an answer needs: median {median:.1f} ms, 99 % below {slow:.1f} ms"
    )


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
