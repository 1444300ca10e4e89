"""Losses of the first and the last round, as in the paper's Fig. 11.

    python experiments/table3.py --size=cpu --seeds=0,1,2 --out=experiments/results
    python experiments/figure11.py --size=cpu --seeds=0,1,2 --out=experiments/results

Reads the runs that table3.py left in DIR/table3.work: the total loss of each chip in the last epoch
of a round, with the oracle as reviewer. The paper shows all chips; their mean fell by 30.94 %. In
dimjax the first round contains planted errors, and the last one has more and harder chips. The
chips of both rounds, without those near planted errors, are therefore shown too. Writes
figure11.json, .md and figure11-*.svg into DIR.
"""

from pathlib import Path

import numpy as np
from absl import app, flags
from kept_losses import last_losses, same_chips
from matplotlib.figure import Figure
from result_files import as_json, interval, markdown, number, versions

from dimjax.atomic_files import write_text
from dimjax.drawing.charts import Axis, Series, chart, to_svg
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, newest_round, read_config

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "Which of the kept runs.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the kept runs.")
_OUT = flags.DEFINE_string("out", None, "Folder of table3.work and the results.", required=True)

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BINS = 40


def losses_of(workdir: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read group of chips -> first and last round -> losses of a run."""
    context = RoundContext(read_config(workdir), Paths(workdir))
    first, last = last_losses(context), last_losses(context.of_round(newest_round(workdir)))
    same = same_chips(first, last)
    return {
        "all chips": {"first": first.total.to_numpy(), "last": last.total.to_numpy()},
        "same chips": {"first": same["first"].to_numpy(), "last": same["last"].to_numpy()},
    }


def figures(losses: dict[str, np.ndarray]) -> dict:
    """Compute counts, means and quantiles of both rounds, and the relative fall of the mean."""
    parts = {
        name: {
            "chips": len(values),
            "mean": float(values.mean()),
            "quantiles": {f"{q:g}": float(np.quantile(values, q)) for q in QUANTILES},
        }
        for name, values in losses.items()
    }
    return {**parts, "fall": 1 - parts["last"]["mean"] / parts["first"]["mean"]}


def summarise(results: dict[str, dict]) -> dict:
    """Compute group of chips -> means and intervals over the seeds."""
    seeds = list(results.values())
    return {
        name: {
            "first": interval(seed[name]["first"]["mean"] for seed in seeds),
            "last": interval(seed[name]["last"]["mean"] for seed in seeds),
            "fall": interval(seed[name]["fall"] for seed in seeds),
        }
        for name in seeds[0]
    }


def picture(losses: dict[str, np.ndarray]) -> Figure:
    """Draw the share of the chips by their loss, both rounds as outlines."""
    pooled = np.concatenate(list(losses.values()))
    low, high = np.quantile(pooled, (0.001, 0.999)).clip(1e-6)
    edges = np.geomspace(low, max(high, 1.01 * low), _BINS + 1)
    series = []
    for style, (name, values) in enumerate(losses.items()):
        counts, _ = np.histogram(values.clip(edges[0], edges[-1]), edges)
        shares = [0.0, *(counts / len(values)).repeat(2).tolist(), 0.0]
        series.append(Series(f"{name} round", edges.repeat(2).tolist(), shares, style, style == 1))
    x = Axis("loss of a chip, last epoch", edges[0], edges[-1], log=True)
    return chart(series, x, Axis("share of the chips", 0))


def as_markdown(summary: dict, seeds: list[str], size: str) -> str:
    """Format the mean losses and their fall."""
    lines = [["chips", "mean loss, first round", "last round", "fall", "95 % interval"]]
    for name, parts in summary.items():
        fall = parts["fall"]
        limits = f"{number(fall['low'])} to {number(fall['high'])}"
        means = [number(parts[part]["mean"]) for part in ("first", "last", "fall")]
        lines.append([name, *means, limits])
    head = f"# Losses of the first and the last round\n\nSize {size}, seeds {', '.join(seeds)}.\n"
    return f"{head}\n{markdown(lines)}"


def main(_) -> None:
    """Read the kept runs and write the results."""
    out, size = Path(_OUT.value), _SIZE.value
    kept = {
        seed: losses_of(out / "table3.work" / f"{size}-{seed}" / "oracle") for seed in _SEEDS.value
    }
    results = {
        seed: {name: figures(losses) for name, losses in groups.items()}
        for seed, groups in kept.items()
    }
    summary = summarise(results)
    record = {
        "size": size,
        "versions": versions(("dimjax", "jax", "numpy")),
        "results": results,
        "summary": summary,
    }
    write_text(out / "figure11.json", as_json(record))
    text = as_markdown(summary, list(results), size)
    write_text(out / "figure11.md", text)
    for name in summary:
        pooled = {
            part: np.concatenate([groups[name][part] for groups in kept.values()])
            for part in ("first", "last")
        }
        file = out / f"figure11-{name.split()[0]}.svg"
        write_text(file, to_svg(picture(pooled)))
    print(text)


if __name__ == "__main__":
    app.run(main)
