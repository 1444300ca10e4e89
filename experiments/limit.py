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

import jax
import numpy as np
import pandas as pd
from absl import app, flags
from deflections import WINDOWS, deflections, evidence_config
from result_files import NONE, as_json, interval, markdown, number, versions
from scipy.optimize import brentq
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parents[1]))
from configs import demo, sky
from dimjax.atomic_files import write_text
from dimjax.evaluation.slices import SLICES, in_range, must_be_found
from dimjax.motion import EvidenceConfig, window_evidence, window_of
from dimjax.motion.peaks import find_peaks
from dimjax.progress import bar
from dimjax.sky import SkyConfig, sequence_seed

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "Number and length of sequences.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the skies.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

CONFIGS = {"demo": demo, "default": sky}
ALLOWED = (0.1, 0.65)  # false alarms per frame
_MAXIMA = 5  # of each of them, above which the rate is measured
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


class Frames(NamedTuple):
    """All frames of a seed, and how often noise is a false alarm in them."""

    count: int
    pixels: int  # of a frame
    places: dict[int, float]  # frames of a window -> independent places per pixel

    def false_alarms(self, threshold: float, window: int, interference: np.ndarray) -> float:
        """Mean number in a frame, in noise and on interference of some deflections [N]."""
        in_noise = self.places[window] * self.pixels * norm.sf(threshold)
        return in_noise + norm.sf(threshold - interference).sum() / self.count


def noise_places(config: EvidenceConfig, windows: int, side: int) -> float:
    """Number of independent places per pixel that white noise has for the bank.

    Args:
      config: The window and the paths.
      windows: Number of windows of noise.
      side: Height and width of their frames, pixels.
    """
    times = window_of(config.frames, 2 * config.frames, config).times
    shape, zero = (config.frames, side, side), np.zeros(1, np.float32)
    bank = jax.jit(lambda noise: window_evidence(noise, zero, zero + 1, times, config)[0])
    strengths = [
        np.asarray(
            find_peaks(bank(jax.random.normal(jax.random.key(k), (1, *shape))), 200).strength
        )
        for k in range(windows)
    ]
    # A few maxima in a window: rare enough for a tail, frequent enough to be counted.
    count = _MAXIMA * windows
    threshold = np.sort(np.concatenate(strengths))[-count]
    return count / norm.sf(threshold) / (windows * side**2)


def threshold_at(allowed: float, frames: Frames, window: int, interference: np.ndarray) -> float:
    """Threshold at which there are `allowed` false alarms in a frame on average."""

    def excess(threshold: float) -> float:
        return frames.false_alarms(threshold, window, interference) - allowed

    return brentq(excess, 0.0, 1000.0)


def bounds(table: pd.DataFrame, frames: Frames) -> list[dict]:
    """Compute the recall of a seed for each window and number of false alarms.

    Args:
      table: From deflections, of all sequences.
      frames: Their frames.
    """
    counted = table[must_be_found(table)]
    is_target = (counted.category == "target").to_numpy()
    return [
        {"frames": window, "false_alarms_per_frame": allowed}
        | _bound(counted, is_target, window, allowed, frames)
        for window in frames.places
        for allowed in ALLOWED
    ]


def _bound(table: pd.DataFrame, is_target, window: int, allowed: float, frames: Frames) -> dict:
    d, snr = table[f"d{window}"].to_numpy(), (table.snr * table.visible).to_numpy()[is_target]
    interference = d[~is_target]
    threshold = threshold_at(allowed, frames, window, interference)
    apart = threshold_at(allowed, frames, window, interference[:0])
    found = norm.sf(threshold - d[is_target])
    on_interference = norm.sf(threshold - interference).sum() / frames.count
    return {
        "threshold": threshold,
        "recall": _mean(found),
        "slices": [_mean(found[in_range(snr, *edges)]) for edges in SLICES],
        "on_interference": on_interference / allowed,
        "told_apart": _mean(norm.sf(apart - d[is_target])),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


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
    (out / "limit.parts").mkdir(parents=True, exist_ok=True)
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
