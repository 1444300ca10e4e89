"""Tables of detections for tests of tracks."""

import pandas as pd


def detections(*rows, sequence="a"):
    """Detections from (frame, x, y[, score[, category]])."""
    defaults = (None, None, None, 0.9, "target")
    full = [(*row, *defaults[len(row) :]) for row in rows]
    table = pd.DataFrame(full, columns=["frame", "x", "y", "score", "category"])
    table = table.assign(sequence=sequence, w=3.0, h=3.0)
    return table[["sequence", "frame", "x", "y", "w", "h", "category", "score"]]


def flight(frames, start=(50.0, 40.0), speed=(3.0, 1.0), **more):
    """Detections of a straight flight that is at `start` in frame 0."""
    rows = [(t, start[0] + speed[0] * t, start[1] + speed[1] * t) for t in frames]
    return detections(*rows, **more)


def concatenated(*tables):
    """One table."""
    return pd.concat(tables, ignore_index=True)
