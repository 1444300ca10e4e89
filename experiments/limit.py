"""The bound of detection: how many targets the frames hold, if all but the targets is known.

    python experiments/limit.py --size=cpu --seeds=0,1,2 --out=experiments/results

A target of deflection d (deflections.py) is found with probability Q(t - d) at a threshold t, Q the
tail of the normal distribution. Where to search is not known: noise is a false alarm as often as
the maxima of the velocity bank of dimjax.motion exceed t in white noise. An object that is not a
target is a false alarm as often as its own deflection makes it exceed t. t is chosen for 0.1 and
0.65 false alarms per frame, over all frames of a seed. A detector that cannot tell interference
from targets finds no more; the bound of one that always can is the column "told apart".

Skies: those of configs/demo.py and configs/sky.py; the test sequences of a seed are those of its
run. Sizes: toy (a small sequence), cpu (the test sequences), paper (50 of 100 frames). Finished
parts in DIR/limit.parts, one table of objects each, are not measured again. Writes limit.json and
limit.md into DIR.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from absl import app, flags
from deflections import WINDOWS, deflections, evidence_config
from limit_bounds import Frames, bounds, noise_places
from result_files import as_json, interval, markdown, number, versions

sys.path.insert(0, str(Path(__file__).parents[1]))
from configs import demo, sky
from dimjax.atomic_files import write_text
from dimjax.drawing.text_tables import NONE
from dimjax.evaluation.slices import SLICES
from dimjax.progress import bar
from dimjax.sky import SkyConfig, sequence_seed

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "Number and length of sequences.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the skies.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

CONFIGS = {"demo": demo, "default": sky}
_AVERAGED = ("recall", "told_apart", "on_interference")


class Size(NamedTuple):
    """Sequences of a size, and windows of white noise in which maxima are counted."""

    sequences: int | None  # None: as configured
    settings: dict  # that differ from the configuration's
    noise_windows: int
    noise_px: int  # side of their frames


_SMALL = {"frames": 16, "height": 96, "width": 128, "cloud_scale_px": (40.0, 90.0)}
SIZES = {
    "toy": Size(1, _SMALL, 1, 96),
    "cpu": Size(None, {}, 12, 256),
    "paper": Size(50, {"frames": 100}, 48, 256),
}


def configured(sky_name: str, size: Size) -> tuple[SkyConfig, int]:
    """Settings of a sky, and number of its test sequences."""
    config = CONFIGS[sky_name].get_config().sky
    settings = SkyConfig(**{**config.settings.to_dict(), **size.settings})
    return settings, size.sequences or config.sequences.test


def measured(sky_name: str, size: Size, seed: int, path: Path) -> pd.DataFrame:
    """Read the deflections of a seed from a file, or measure them and write it."""
    if not path.exists():
        settings, sequences = configured(sky_name, size)
        tables = [
            deflections(settings, sequence_seed(seed, "test", k), f"test-{k:04d}")
            for k in bar(range(sequences), f"{sky_name}, seed {seed}", "sequence")
        ]
        write_text(path, pd.concat(tables).to_csv(index=False))
    return pd.read_csv(path)


def summary(results: dict[str, list[dict]]) -> list[dict]:
    """Average the rows of all seeds, with intervals."""
    lines = []
    for rows in zip(*results.values(), strict=True):
        line = {key: rows[0][key] for key in ("frames", "false_alarms_per_frame")}
        line |= {key: interval(row[key] for row in rows) for key in _AVERAGED}
        by_slice = zip(*(row["slices"] for row in rows), strict=True)
        lines.append({**line, "slices": [interval(values) for values in by_slice]})
    return lines


def as_markdown(record: dict) -> str:
    """Format the table of each sky."""
    slices = [f"SNR {low:g} to {high:g}" for low, high in SLICES[:-1]]
    head = ["frames", "false alarms per frame", "recall", "95 % interval", *slices]
    head += [f"SNR {SLICES[-1][0]:g} on", "share of false alarms on interference", "told apart"]
    text = f"# Bound of detection\n\nSize {record['size']}, seeds {', '.join(record['seeds'])}.\n"
    for sky_name, lines in record["summary"].items():
        text += f"\n## {sky_name}\n\n{markdown([head, *map(_cells, lines)])}"
    return text


def _cells(line: dict) -> list[str]:
    recall = line["recall"]
    has_interval = not np.isnan(recall["low"])
    return [
        f"{line['frames']}",
        f"{line['false_alarms_per_frame']:g}",
        number(recall["mean"]),
        f"{recall['low']:.3f} to {recall['high']:.3f}" if has_interval else NONE,
        *(number(part["mean"], 2) for part in line["slices"]),
        number(line["on_interference"]["mean"], 2),
        number(line["told_apart"]["mean"]),
    ]


def main(_) -> None:
    """Measure each sky and seed; write the tables."""
    name, seeds, out = _SIZE.value, _SEEDS.value, Path(_OUT.value)
    size, results = SIZES[name], {}
    for sky_name in CONFIGS:
        settings, sequences = configured(sky_name, size)
        noise = size.noise_windows, size.noise_px
        places = {
            window: noise_places(evidence_config(settings, window), *noise)
            for window in bar(WINDOWS, "false alarms in white noise", "window")
        }
        frames = Frames(sequences * settings.frames, settings.height * settings.width, places)
        results[sky_name] = {}
        for seed in seeds:
            path = out / "limit.parts" / f"{sky_name}-{name}-{seed}.csv"
            table = measured(sky_name, size, int(seed), path)
            results[sky_name][seed] = bounds(table, frames)
    record = {"size": name, "seeds": seeds, "versions": versions(("dimjax", "jax"))}
    record |= {"results": results, "summary": {name: summary(r) for name, r in results.items()}}
    write_text(out / "limit.json", as_json(record))
    write_text(out / "limit.md", as_markdown(record))
    print(as_markdown(record))


if __name__ == "__main__":
    app.run(main)
