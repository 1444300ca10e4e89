"""Linking and mining of planted detections, for which the truth is known.

    python experiments/linking.py --size=cpu --out=experiments/results

Rows: false alarms per frame against the probability of detection (Pd), types of false alarms,
speeds, and a crowded scene; trackpy and laptrack for comparison if they are installed (pip install
-e '.[compare]'). A seed stands for some sequences of 640x512 pixels in each scene. Sizes: 1
sequence of 40 frames in three scenes (toy), 3 of 100 (cpu), 20 of 300 (paper). Parts with the same
settings in DIR/linking.parts are not measured again: remove this folder when the code has changed.
Writes linking.json, linking.md and linking-*.svg into DIR.
"""

import json
import time
from pathlib import Path
from typing import NamedTuple

import linking_report
import pandas as pd
from absl import app, flags
from linking_counts import counts
from planted_detections import HEIGHT, WIDTH, Scene, plant
from rival_linkers import installed_linkers

from dimjax.atomic_files import write_text
from dimjax.data.labels import COLUMNS
from dimjax.drawing.charts import to_svg
from dimjax.mining import MiningConfig, mine
from dimjax.progress import bar
from dimjax.tracks import Linker, LinkingConfig, follow_and_join, link

_SIZE = flags.DEFINE_enum(
    "size", "cpu", ["toy", "cpu", "paper"], "Number and length of the sequences."
)
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds of the planted detections.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

SEQUENCES = {"toy": 1, "cpu": 3, "paper": 20}  # for each seed and scene
FRAMES = {"toy": 40, "cpu": 100, "paper": 300}
COMPARED = ("base", "10 false alarms", "1-3 px/frame", "6-8 px/frame", "crowded")


class Part(NamedTuple):
    """A scene and a linker, measured for each seed."""

    scene_name: str
    scene: Scene
    linker_name: str
    linker: Linker
    linking: LinkingConfig


def scenes(size: str) -> dict[str, Scene]:
    """List all scenes by name; base has 3 uniform false alarms per frame and a Pd of 0.8."""
    frames = FRAMES[size]
    base = Scene(frames=frames)
    if size == "toy":
        others = {"edges": base._replace(clutter="edges"), "crowded": base._replace(targets=14)}
        return {"base": base, **others}
    grid = {f"{n:g} false alarms": base._replace(false_alarms=n) for n in (0.1, 1.0, 10.0, 20.0)}
    grid |= {f"Pd {p:g}": base._replace(pd=p) for p in (0.6, 0.7, 0.9, 0.95)}
    grid |= {
        f"{n:g} false alarms, Pd {p:g}": base._replace(false_alarms=n, pd=p)
        for n in (0.1, 1.0)
        for p in (0.9, 0.95)
    }
    clutter = {name: base._replace(clutter=name) for name in ("edges", "persistent")}
    speeds = {
        f"{low}-{high} px/frame": base._replace(speed_px=(low, high))
        for low, high in ((0, 1), (1, 3), (3, 6), (6, 8))
    }
    crowded = {"crowded": base._replace(targets=14, false_alarms=5.0)}
    return {"base": base, **grid, **clutter, **speeds, **crowded}


def measure(part: Part, seed: int, sequences: int) -> dict[str, float]:
    """Count over all sequences of a seed, with the processor time of linking and mining."""
    total: dict[str, float] = {}
    for k in range(sequences):
        planted = plant(part.scene, [seed, k])
        detections = planted.detections.drop(columns="truth")
        started = time.process_time()
        tracks = link(detections, part.linking, linker=part.linker)
        linked = time.process_time()
        mined = mine(tracks, _NO_LABELS, {"planted": (part.scene.frames, HEIGHT, WIDTH)})
        row = {"link s": linked - started, "mine s": time.process_time() - linked}
        row |= {"frames": part.scene.frames, **counts(planted, tracks, mined)}
        total = {name: total.get(name, 0) + value for name, value in row.items()}
    return total


def parts(size: str) -> list[Part]:
    """List all parts to measure.

    Rival linkers use another motion model, so their tracks need no minimum likelihood ratio.
    """
    rivals, unlimited = installed_linkers(), -1e9
    unlimited_config = LinkingConfig(
        min_log_likelihood_ratio=unlimited, confirm_log_likelihood_ratio=unlimited
    )
    listed = []
    for name, scene in scenes(size).items():
        listed.append(Part(name, scene, "dimjax", follow_and_join, LinkingConfig()))
        for rival, make in rivals.items() if name in COMPARED else ():
            listed.append(Part(name, scene, rival, make(scene.speed_px[1]), unlimited_config))
    return listed


def cached_counts(part: Part, seed: int, size: str, folder: Path) -> dict[str, float]:
    """Read the counts of a part from a folder, or measure them and write them there."""
    settings = {"scene": part.scene, "linking": part.linking, "mining": MiningConfig()}
    key: dict = {name: value._asdict() for name, value in settings.items()}
    key = json.loads(json.dumps({**key, "sequences": SEQUENCES[size]}))
    path = folder / f"{part.linker_name}-{part.scene_name.replace('/', ' per ')}-{seed}.json"
    cached = json.loads(path.read_text()) if path.exists() else {}
    if cached.get("settings") != key:
        cached = {"settings": key, "counts": measure(part, seed, SEQUENCES[size])}
        write_text(path, json.dumps(cached))
    return cached["counts"]


def main(_) -> None:
    """Measure all parts, write the results, and draw one scene."""
    size, out = _SIZE.value, Path(_OUT.value)
    folder = out / "linking.parts"
    todo = [(part, int(seed)) for part in parts(size) for seed in _SEEDS.value]
    rows = [
        {"scene": part.scene_name, "linker": part.linker_name, "seed": seed}
        | cached_counts(part, seed, size, folder)
        for part, seed in bar(todo, "linking", "part")
    ]
    linking_report.write(out, size, scenes(size), pd.DataFrame(rows))
    planted = plant(scenes(size)["crowded"], [int(_SEEDS.value[0]), 0])
    tracks = link(planted.detections.drop(columns="truth"))
    scene = linking_report.draw(planted, tracks.points)
    write_text(out / "linking-scene.svg", to_svg(scene))


_NO_LABELS = pd.DataFrame({name: pd.Series([], dtype="str") for name in COLUMNS})

if __name__ == "__main__":
    app.run(main)
