"""What linking and mining find in planted detections, where the truth is known.

    python experiments/linking.py --size=cpu --out=experiments/results

Rows: false alarms a frame against the chance of detection (Pd), the sorts of false alarms, speeds,
and a crowded scene; trackpy and laptrack beside dimjax where they are installed (pip install -e
'.[compare]'). A seed is some sequences of 640x512 in each scene. Sizes: 1 sequence of 40 frames in
three scenes (toy), 3 of 100 (cpu), 20 of 300 (paper). What DIR/linking.parts has of the same
settings is not measured again: remove it when the code has changed. Writes linking.json,
linking.md and linking-*.svg into DIR.
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
from result_files import svg_file
from rival_linkers import installed

from dimjax.atomic_files import write_whole
from dimjax.data.labels import COLUMNS
from dimjax.mining import Mining, mine
from dimjax.progress import bar
from dimjax.tracks import Linker, Linking, follow_and_join, link

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "How much is planted.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds of what is planted.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

SEQUENCES = {"toy": 1, "cpu": 3, "paper": 20}  # for each seed and scene
FRAMES = {"toy": 40, "cpu": 100, "paper": 300}
COMPARED = ("base", "10 false alarms", "1-3 px/frame", "6-8 px/frame", "crowded")


class Part(NamedTuple):
    """What is measured for each seed."""

    name: str  # of the scene
    scene: Scene
    by: str  # name of the linker
    linker: Linker
    linking: Linking


def scenes(size: str) -> dict[str, Scene]:
    """All scenes by name; base has 3 uniform false alarms a frame and a Pd of 0.8."""
    frames = FRAMES[size]
    base = Scene(frames=frames)
    if size == "toy":
        others = {"edges": base._replace(sort="edges"), "crowded": base._replace(targets=14)}
        return {"base": base, **others}
    grid = {f"{n:g} false alarms": base._replace(false_alarms=n) for n in (0.1, 1.0, 10.0, 20.0)}
    grid |= {f"Pd {p:g}": base._replace(pd=p) for p in (0.6, 0.7, 0.9, 0.95)}
    grid |= {
        f"{n:g} false alarms, Pd {p:g}": base._replace(false_alarms=n, pd=p)
        for n in (0.1, 1.0)
        for p in (0.9, 0.95)
    }
    sorts = {sort: base._replace(sort=sort) for sort in ("edges", "persistent")}
    speeds = {
        f"{low}-{high} px/frame": base._replace(speed_px=(low, high))
        for low, high in ((0, 1), (1, 3), (3, 6), (6, 8))
    }
    crowded = {"crowded": base._replace(targets=14, false_alarms=5.0)}
    return {"base": base, **grid, **sorts, **speeds, **crowded}


def measure(part: Part, seed: int, sequences: int) -> dict[str, float]:
    """Counts of all sequences of a seed, with the time that linking and mining took."""
    total: dict[str, float] = {}
    for k in range(sequences):
        planted = plant(part.scene, [seed, k])
        detections = planted.detections.drop(columns="truth")
        started = time.process_time()
        tracks = link(detections, part.linking, linker=part.linker)
        linked = time.process_time()
        mined = mine(tracks, _NO_LABELS, {"planted": (part.scene.frames, HEIGHT, WIDTH)})
        own = {"link s": linked - started, "mine s": time.process_time() - linked}
        own |= {"frames": part.scene.frames, **counts(planted, tracks, mined)}
        total = {name: total.get(name, 0) + value for name, value in own.items()}
    return total


def parts(size: str) -> list[Part]:
    """All that is measured. The rivals' tracks need no evidence, which is that of our motion."""
    rivals, any_evidence = installed(), -1e9
    lax = Linking(least_evidence=any_evidence, sure_evidence=any_evidence)
    found = []
    for name, scene in scenes(size).items():
        found.append(Part(name, scene, "dimjax", follow_and_join, Linking()))
        for rival, make in rivals.items() if name in COMPARED else ():
            found.append(Part(name, scene, rival, make(scene.speed_px[1]), lax))
    return found


def remembered(part: Part, seed: int, size: str, folder: Path) -> dict[str, float]:
    """Counts of a part as the folder has them, else measured and written there."""
    settings = {"scene": part.scene, "linking": part.linking, "mining": Mining()}
    key: dict = {name: value._asdict() for name, value in settings.items()}
    key = json.loads(json.dumps({**key, "sequences": SEQUENCES[size]}))
    path = folder / f"{part.by}-{part.name.replace('/', ' per ')}-{seed}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("settings") != key:
        known = {"settings": key, "counts": measure(part, seed, SEQUENCES[size])}
        write_whole(path, json.dumps(known))
    return known["counts"]


def main(_) -> None:
    """Measure what is not measured yet, write all results, and draw one scene."""
    size, out = _SIZE.value, Path(_OUT.value)
    folder = out / "linking.parts"
    folder.mkdir(parents=True, exist_ok=True)
    todo = [(part, int(seed)) for part in parts(size) for seed in _SEEDS.value]
    rows = [
        {"scene": part.name, "linker": part.by, "seed": seed} | remembered(part, seed, size, folder)
        for part, seed in bar(todo, "linking", "part")
    ]
    linking_report.write(out, size, scenes(size), pd.DataFrame(rows))
    planted = plant(scenes(size)["crowded"], [int(_SEEDS.value[0]), 0])
    tracks = link(planted.detections.drop(columns="truth"))
    scene = linking_report.draw(planted, tracks.points)
    write_whole(out / "linking-scene.svg", svg_file(scene))


_NO_LABELS = pd.DataFrame({name: pd.Series([], dtype="str") for name in COLUMNS})

if __name__ == "__main__":
    app.run(main)
