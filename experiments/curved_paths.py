"""Curved paths: recall of the untrained filter by how far a target leaves a straight line.

    python experiments/curved_paths.py --size=cpu --out=experiments/results

The filter adds up light along straight paths of constant speed. On a sky where every target turns
and changes its speed, each target in each frame has a deviation: the largest distance of its
positions in the window from the straight, steady path that fits them best. The table gives the
recall by deviation, at 0.65 false alarms per frame of all targets, for windows of 4, 8 and 16
frames. The camera stands still. Writes curved_paths.json and curved_paths.md.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from absl import app, flags
from result_files import as_json, markdown, number, versions

from dimjax.atomic_files import write_text
from dimjax.data.sequences import as_sequence
from dimjax.detection.untrained import untrained_detections
from dimjax.drawing.text_tables import NONE
from dimjax.evaluation.figures import outcome_of
from dimjax.evaluation.recall import recall_at
from dimjax.evaluation.slices import must_be_found
from dimjax.motion import EvidenceConfig
from dimjax.motion.windows import window_of
from dimjax.progress import bar
from dimjax.sky import SkyConfig, simulate

SKY = SkyConfig(
    frames=24, height=256, width=320, targets_per_frame=6.0, interference_per_frame=0.0,
    speed_px=(2.0, 6.0), manoeuvres=1.0, pan_px=0.0, jitter_px=(0.0, 0.0), snr=(2.5, 4.5),
)  # fmt: skip
SKIES = {"toy": SKY._replace(frames=16, height=160, width=192, snr=(5.0, 8.0)), "cpu": SKY}
WINDOWS = (4, 8, 16)  # frames
DEVIATIONS = (0.0, 0.25, 0.5, 1.0, 2.0, np.inf)  # limits of the groups, pixels
_ALLOWED, _MATCH_PX = 0.65, 3.0


def deviations(truth: pd.DataFrame, length: int, settings: EvidenceConfig) -> np.ndarray:
    """Compute the deviation of each row of a sequence's truth from a straight, steady path.

    Args:
      truth: Rows of one sequence, with frame, x, y and track.
      length: Frames of the sequence.
      settings: Settings of the window.

    Returns:
      Distances, pixels; NaN where the track is not in every frame of the window.
    """
    result = pd.Series(np.nan, truth.index)
    for _, track in truth.groupby("track"):
        places = track.set_index("frame")[["x", "y"]]
        for row, t in zip(track.index, track.frame, strict=True):
            frames = window_of(t, length, settings).frames
            if set(frames) <= set(places.index):
                result[row] = _from_line(np.array(frames), places.loc[list(frames)].to_numpy())
    return result.to_numpy()


def _from_line(t: np.ndarray, places: np.ndarray) -> float:
    line = np.stack([np.polyval(np.polyfit(t, axis, 1), t) for axis in places.T], axis=-1)
    return float(np.linalg.norm(places - line, axis=-1).max())


def measure(sky: SkyConfig, seeds: list[str], window: int) -> list[dict]:
    """Count truths and hits of a window by deviation, over all seeds."""
    settings, truths, tables = EvidenceConfig(frames=window), [], []
    for seed in bar(seeds, f"windows of {window} frames", "sequence"):
        frames, truth = simulate(sky, int(seed), seed)
        truths.append(truth.assign(deviation=deviations(truth, sky.frames, settings)))
        tables.append(untrained_detections(as_sequence(frames, seed), settings))
    truth, found = (pd.concat(parts, ignore_index=True) for parts in (truths, tables))
    lengths = dict.fromkeys(seeds, sky.frames)
    (row,) = recall_at(truth, found, lengths, "target", _MATCH_PX, (_ALLOWED,))
    accepted = found[found.score >= (row["threshold"] or np.inf)]
    outcome, truth, _ = outcome_of(truth, accepted, "target", _MATCH_PX)
    is_hit = np.isin(np.arange(len(truth)), outcome.truth[outcome.hit])
    group = np.digitize(truth.deviation, DEVIATIONS[1:])
    counts = (must_be_found(truth) & truth.deviation.notna()).to_numpy()
    return [
        {
            "tracks": len(truth[here].groupby(["sequence", "track"])),
            "truths": int(here.sum()),
            "hits": int((here & is_hit).sum()),
        }
        for here in (counts & (group == k) for k in range(len(DEVIATIONS) - 1))
    ]


def as_markdown(rows: dict[int, list[dict]]) -> str:
    """Format the recall of each window by deviation, and the number of targets."""
    pairs = zip(DEVIATIONS, DEVIATIONS[1:], strict=False)
    groups = [
        f"{low:g} px on" if np.isinf(high) else f"{low:g} to {high:g} px" for low, high in pairs
    ]
    lines = [["frames of a window", *groups]]
    for window, counts in rows.items():
        lines.append([f"{window}", *map(_cell, counts)])
    title = "# Curved paths\n\nRecall by deviation (targets in all frames; tracks)."
    return f"{title}\n\n{markdown(lines)}"


def _cell(count: dict) -> str:
    if not count["truths"]:
        return NONE
    recall = number(count["hits"] / count["truths"], 2)
    return f"{recall} ({count['truths']:,}; {count['tracks']})"


def main(_) -> None:
    """Measure each window; write and print the table."""
    given = flags.FLAGS
    sky, out = SKIES[given.size], Path(given.out)
    rows = {window: measure(sky, given.seeds, window) for window in WINDOWS}
    record = {"sky": sky._asdict(), "seeds": given.seeds, "versions": versions(("dimjax", "jax"))}
    write_text(out / "curved_paths.json", as_json({**record, "rows": rows}))
    write_text(out / "curved_paths.md", as_markdown(rows))
    print(as_markdown(rows))


if __name__ == "__main__":
    flags.DEFINE_enum("size", "cpu", ["toy", "cpu"], "Size of the frames.")
    flags.DEFINE_list("seeds", [str(seed) for seed in range(16)], "Seeds of the sequences.")
    flags.DEFINE_string("out", "experiments/results", "Folder to write to.")
    app.run(main)
