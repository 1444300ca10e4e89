"""The bound of detection: how many targets the frames hold, if all but the targets is known.

    python experiments/limit.py --size=cpu --seeds=0,1,2 --out=experiments/results

The bound of dimjax.evaluation.bound for windows of 4, 8 and 16 frames, at 0.1 and 0.65 false alarms
per frame, over all frames of a seed. A detector that cannot tell interference from targets finds no
more; the bound of one that always can is the column "told apart".

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
from result_files import as_json, interval, markdown, number, versions
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parents[1]))
from configs import demo, sky
from dimjax.atomic_files import write_text
from dimjax.drawing.text_tables import NONE
from dimjax.evaluation.bound import bound_at
from dimjax.evaluation.slices import SLICES, must_be_found
from dimjax.motion import EvidenceConfig
from dimjax.motion.deflections import deflections, search_band
from dimjax.motion.noise_places import noise_places
from dimjax.progress import bar
from dimjax.sky import SkyConfig, signal_of

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "Number and length of sequences.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the skies.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

CONFIGS = {"demo": demo, "default": sky}
WINDOWS = (4, 8, 16)  # frames
ALLOWED = (0.1, 0.65)  # false alarms per frame
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


def band(settings: SkyConfig, window: int) -> EvidenceConfig:
    """Band of velocities that searches the targets of a sky in windows of some frames."""
    return search_band(EvidenceConfig(frames=window), settings.speed_px[0])


def measured(sky_name: str, size: Size, seed: int, path: Path) -> pd.DataFrame:
    """Read the deflections d4, d8 and d16 of a seed from a file, or measure them and write it."""
    if not path.exists():
        settings, sequences = configured(sky_name, size)
        tables = []
        for k in bar(range(sequences), f"{sky_name}, seed {seed}", "sequence"):
            signal = signal_of(f"test-{k:04d}", settings, settings, seed)
            of_window = {f"d{w}": deflections(*signal, band(settings, w)) for w in WINDOWS}
            tables.append(signal.truth.assign(**of_window))
        write_text(path, pd.concat(tables).to_csv(index=False))
    return pd.read_csv(path)


def bounds(table: pd.DataFrame, frames: dict[str, int], places: dict[int, float]) -> list[dict]:
    """Compute the bound of a seed for each window and number of false alarms.

    Args:
      table: From measured.
      frames: Sequence -> number of its frames.
      places: Frames of a window -> independent places of a frame.
    """
    is_target, rows = table.category == "target", []
    for window, of_frame in places.items():
        objects = table.assign(deflection=table[f"d{window}"])
        bound = bound_at(objects, frames, of_frame, ALLOWED)
        apart = bound_at(objects[is_target], frames, of_frame, ALLOWED)
        others = objects.deflection[must_be_found(table) & ~is_target]
        count = sum(frames.values())
        for both in zip(bound, apart, strict=True):
            rows.append({"frames": window, **_row(*both, others, count)})
    return rows


def _row(bound: dict, apart: dict, others: pd.Series, frames: int) -> dict:
    """The figures of one number of false alarms; others: deflections of interference."""
    allowed, threshold = bound["false_alarms_per_frame"], bound["threshold"]
    return {
        "false_alarms_per_frame": allowed,
        "threshold": threshold,
        "recall": _number(bound["recall"]),
        "slices": [_number(part["recall"]) for part in bound["slices"]],
        "on_interference": norm.sf(threshold - others).sum() / frames / allowed,
        "told_apart": _number(apart["recall"]),
    }


def _number(recall: float | None) -> float:
    return np.nan if recall is None else recall


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
        pixels = settings.height * settings.width
        places = {
            window: noise_places(band(settings, window), size.noise_windows, size.noise_px) * pixels
            for window in bar(WINDOWS, "false alarms in white noise", "window")
        }
        frames = {f"test-{k:04d}": settings.frames for k in range(sequences)}
        results[sky_name] = {}
        for seed in seeds:
            path = out / "limit.parts" / f"{sky_name}-{name}-{seed}.csv"
            results[sky_name][seed] = bounds(
                measured(sky_name, size, int(seed), path), frames, places
            )
    record = {"size": name, "seeds": seeds, "versions": versions(("dimjax", "jax"))}
    record |= {"results": results, "summary": {name: summary(r) for name, r in results.items()}}
    write_text(out / "limit.json", as_json(record))
    write_text(out / "limit.md", as_markdown(record))
    print(as_markdown(record))


if __name__ == "__main__":
    app.run(main)
