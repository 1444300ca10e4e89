"""A camera that rolls and zooms: recall of the untrained filter with this motion taken out.

    python experiments/camera_rotation.py --size=cpu --seeds=0,1,2 --out=experiments/results

Skies of moving targets under a camera that rolls by 0.1 to 1 degree a frame or zooms by 0.2 or 1 %
a frame, to either side, beside its usual slow pan and jitter. Frames are resampled from a larger
simulated sky without noise; targets, noise and fixed pattern are added afterwards, so that no
interpolation blurs them. Clouds hide no target. Recall at 0.65 false alarms per frame of the filter
that adds up light along straight paths: on the frames as they are, aligned by the measured shift,
and by the measured shift, rotation and scale. The error is that of a measured step at the corners
of the frame, rms. Dead pixels are replaced, as `detect` does. Writes camera_rotation.json and
camera_rotation.md; rows that are there already are not computed again.
"""

import json
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from absl import app, flags
from result_files import as_json, markdown, number, versions
from scipy import ndimage

from dimjax.atomic_files import write_text
from dimjax.data.bad_pixels import replace_bad_pixels
from dimjax.data.camera import aligned, camera_similarities
from dimjax.data.scene_motion import relative_to, to_frame, to_scene
from dimjax.data.sequences import Sequence
from dimjax.detection.untrained import untrained_detections
from dimjax.evaluation.recall import recall_at
from dimjax.motion import EvidenceConfig
from dimjax.sky import SkyConfig, objects, simulate
from dimjax.sky.implants import light_of
from dimjax.sky.motion import camera_path
from dimjax.sky.sensor import draw_sensor, read_out
from dimjax.sky.stamps import extent

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu"], "Amount of data.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the sequences.")
_OUT = flags.DEFINE_string("out", "experiments/results", "Folder to write to.")

CPU = [(0.0, 0.0), (0.1, 0.0), (0.3, 0.0), (1.0, 0.0), (0.0, 0.2), (0.0, 1.0)]
MOTIONS = {"toy": CPU[3:4], "cpu": CPU}  # degrees and % a frame
SKY = SkyConfig(
    frames=16, height=256, width=320, targets_per_frame=4.0, interference_per_frame=0.0,
    speed_px=(0.5, 4.0),
)  # fmt: skip
CLEAN = {  # a sky that shows its clouds alone
    "targets_per_frame": 0.0, "noise_counts": (1e-3, 1e-3), "fixed_pattern": (0.0, 0.0),
    "dead_pixels": 0.0, "pan_px": 0.0, "jitter_px": (0.0, 0.0),
}  # fmt: skip
_ALLOWED = 0.65
_MARGIN_PX = 40  # of the larger sky around the view of the camera


def main(_) -> None:
    """Measure each motion; write and print the table."""
    out, rows = Path(_OUT.value), []
    seeds = [int(seed) for seed in _SEEDS.value]
    for roll, zoom in MOTIONS[_SIZE.value]:
        file = out / "camera_rotation.work" / f"{roll:g}-{zoom:g}.json"
        if not file.exists():
            write_text(file, as_json(measure(SKY, roll, zoom, seeds)))
        rows.append(json.loads(file.read_text()))
    record = {"sky": SKY._asdict(), "versions": versions(("dimjax", "jax")), "rows": rows}
    write_text(out / "camera_rotation.json", as_json(record))
    names = ("as they are", "by shift", "with rotation and scale")
    lines = [["roll, degrees", "zoom, %", "error of a step, px", *names, "targets"]]
    for row in rows:
        shares = [number(row[name]["recall"]) for name in ("still", "shift", "similarity")]
        motion = f"{row['roll']:g}", f"{row['zoom']:g}", number(row["error_px"])
        lines.append([*motion, *shares, str(row["still"]["truths"])])
    text = f"# A camera that rolls and zooms\n\nMotion per frame.\n\n{markdown(lines)}"
    write_text(out / "camera_rotation.md", text)
    print(markdown(lines))


def motion_of(sky: SkyConfig, roll: float, zoom: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a motion about the centre of the frame, [T, 4]: see dimjax.data.scene_motion."""
    angle = np.radians(roll) * rng.choice([-1, 1])
    steps = (1 + zoom / 100) ** rng.choice([-1, 1]) * np.exp(1j * angle)
    factor = steps ** np.arange(sky.frames)
    centre = complex(sky.width, sky.height) / 2
    shift = camera_path(rng, sky) @ [1, 1j] + centre - factor * centre
    return np.stack([shift.real, shift.imag, factor.real, factor.imag], axis=-1)


def simulate_moving(
    sky: SkyConfig, motion: np.ndarray, seed: int, rng: np.random.Generator
) -> tuple[np.ndarray, pd.DataFrame]:
    """Render a sky [T, H, W] uint16 under the motion of a camera, with its truth."""
    psf_px, sensor = rng.uniform(*sky.psf_px), draw_sensor(rng, sky)
    rows = objects.targets(rng, objects.Scene(sky, psf_px, motion))
    rows = rows.assign(amplitude=rows.snr * float(sensor.noise))
    slots = rows.groupby("frame").size().max()
    size, key = (sky.height, sky.width), jax.random.key(seed)
    frames = [
        read_out(
            view + light_of(rows[rows.frame == t], size, slots), sensor, jax.random.fold_in(key, t)
        )
        for t, view in enumerate(_views(sky, motion, seed))
    ]
    inside = rows[objects.in_frame(rows, sky)]
    boxes = {side: extent(inside.sigma_px, inside[f"along_{axis}"]) for side, axis in ("wx", "hy")}
    return np.array(frames), inside.assign(sequence=str(seed), **boxes).reset_index(drop=True)


def _views(sky: SkyConfig, motion: np.ndarray, seed: int):
    """Yield the clouds [H, W] in view of the camera in each frame, counts."""
    corners = np.array([[x, y] for x in (0, sky.width) for y in (0, sky.height)])
    seen = to_scene(corners[:, None], motion) - [sky.width / 2, sky.height / 2]
    margin = np.ceil(np.abs(seen).max(axis=(0, 1)) + _MARGIN_PX).astype(int)
    width, height = (2 * margin).tolist()
    large, _ = simulate(sky._replace(width=width, height=height, **CLEAN), seed)
    first = margin - [sky.width // 2, sky.height // 2]  # pixel of the larger sky
    rows, columns = np.indices((sky.height, sky.width)) + 0.5
    for frame, moved in zip(large, motion, strict=True):
        x, y = np.moveaxis(to_scene(np.stack([columns, rows], axis=-1), moved) + first - 0.5, -1, 0)
        yield ndimage.map_coordinates(frame.astype(np.float32), [y, x], order=3)


def measure(sky: SkyConfig, roll: float, zoom: float, seeds: list[int]) -> dict:
    """Measure the recall under one motion: frames as they are, and aligned in two ways."""
    truths, errors = [], []
    tables = {"still": [], "shift": [], "similarity": []}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        motion = motion_of(sky, roll, zoom, rng)
        frames, truth = simulate_moving(sky, motion, seed, rng)
        # Not by as_sequence, to which frames that turn fast look like a stack with time last.
        sequence = Sequence(str(seed), Path(), frames.shape, frames.dtype, frames.__getitem__)
        sequence = replace_bad_pixels(sequence)
        truths.append(truth)
        errors.append(step_errors(camera_similarities(sequence), motion, sky))
        views = sequence, aligned(sequence), aligned(sequence, rotation=True)
        for name, one in zip(tables, views, strict=True):
            tables[name].append(untrained_detections(one, EvidenceConfig()))
    truth = pd.concat(truths, ignore_index=True)
    lengths = {str(seed): sky.frames for seed in seeds}
    row = {"roll": roll, "zoom": zoom, "error_px": float(np.sqrt(np.square(errors).mean()))}
    for name, found in tables.items():
        found = pd.concat(found, ignore_index=True)
        row[name] = recall_at(truth, found, lengths, "target", 3.0, (_ALLOWED,))[0]
    return row


def step_errors(measured: np.ndarray, motion: np.ndarray, sky: SkyConfig) -> np.ndarray:
    """Compute how far measured steps miss the corners of the frame, [T - 1, 4] pixels."""
    corners = np.array([[x, y] for x in (0, sky.width) for y in (0, sky.height)], float)
    steps = (relative_to(one[1:], one[:-1])[:, None] for one in (measured, motion))
    found, true = (to_frame(corners, step) for step in steps)
    return np.linalg.norm(found - true, axis=-1)


if __name__ == "__main__":
    app.run(main)
