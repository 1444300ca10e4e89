"""A panning camera: recall of the untrained filter with the motion of the camera taken out.

    python experiments/camera_motion.py --size=cpu --seeds=0,1,2,3 --out=experiments/results

Skies of moving targets under a camera that pans by up to 0.1 to 5 px a frame along each axis.
Recall at 0.65 false alarms per frame of the filter that adds up light along
straight paths: on the frames as they are, and aligned. The error is that of a measured step from
one frame to the next, rms. A second sky has no fixed pattern and no dead pixels: these stay where
they are while the scene moves, so that aligned frames show them moving. Writes camera_motion.json
and camera_motion.md; rows that are there already are not computed again.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from absl import app, flags
from result_files import as_json, markdown, number, versions

from dimjax.atomic_files import write_text
from dimjax.data.camera import aligned, camera_shifts
from dimjax.data.sequences import as_sequence
from dimjax.detection.untrained import untrained_detections
from dimjax.evaluation.recall import recall_at
from dimjax.motion import EvidenceConfig
from dimjax.sky import SkyConfig, simulate
from dimjax.sky.motion import camera_path

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu"], "Amount of data.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3"], "Seeds of the sequences.")
_OUT = flags.DEFINE_string("out", "experiments/results", "Folder to write to.")

PANS = {"toy": (5.0,), "cpu": (0.1, 0.5, 1.0, 2.0, 5.0)}  # pixels a frame, along each axis
SKY = SkyConfig(
    frames=16, height=256, width=320, targets_per_frame=4.0, interference_per_frame=0.0,
    speed_px=(0.5, 4.0),
)  # fmt: skip
SKIES = {
    "default": SKY,
    "without fixed pattern": SKY._replace(fixed_pattern=(0.0, 0.0), dead_pixels=0.0),
}
_ALLOWED = 0.65


def main(_) -> None:
    """Measure each sky and pan; write and print the table."""
    out, rows = Path(_OUT.value), []
    seeds = [int(seed) for seed in _SEEDS.value]
    for name, sky in SKIES.items():
        for pan in PANS[_SIZE.value]:
            file = out / "camera_motion.work" / f"{name.replace(' ', '-')}-{pan:g}.json"
            if not file.exists():
                write_text(file, as_json({"sky": name, **measure(sky._replace(pan_px=pan), seeds)}))
            rows.append(json.loads(file.read_text()))
    record = {"sky": SKY._asdict(), "versions": versions(("dimjax", "jax")), "rows": rows}
    write_text(out / "camera_motion.json", as_json(record))
    lines = [["sensor", "pan, px a frame", "error of a step, px", "recall", "aligned", "targets"]]
    for row in rows:
        shares = [number(row[name]["recall"]) for name in ("still", "aligned")]
        figures = [f"{row['pan']:g}", number(row["error_px"]), *shares]
        lines.append([row["sky"], *figures, str(row["aligned"]["truths"])])
    write_text(out / "camera_motion.md", f"# A panning camera\n\n{markdown(lines)}")
    print(markdown(lines))


def camera_of(sky: SkyConfig, seed: int) -> np.ndarray:
    """Draw the path of the camera as `simulate` does, from its second stream of random numbers."""
    _, stream = np.random.default_rng(seed).spawn(9)[:2]
    return camera_path(stream, sky)


def measure(sky: SkyConfig, seeds: list[int]) -> dict:
    """Measure the recall under one sky, with and without alignment."""
    truths, tables, errors = [], {"still": [], "aligned": []}, []
    for seed in seeds:
        frames, truth = simulate(sky, seed, str(seed))
        sequence = as_sequence(frames, str(seed))
        truths.append(truth)
        errors.append(np.diff(camera_shifts(sequence) - camera_of(sky, seed), axis=0))
        for name, one in (("still", sequence), ("aligned", aligned(sequence))):
            tables[name].append(untrained_detections(one, EvidenceConfig()))
    truth = pd.concat(truths, ignore_index=True)
    lengths = {str(seed): sky.frames for seed in seeds}
    row = {"pan": sky.pan_px, "error_px": float(np.sqrt(np.square(errors).mean()))}
    for name, found in tables.items():
        found = pd.concat(found, ignore_index=True)
        row[name] = recall_at(truth, found, lengths, "target", 3.0, (_ALLOWED,))[0]
    return row


if __name__ == "__main__":
    app.run(main)
