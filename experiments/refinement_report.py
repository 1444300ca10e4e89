"""What experiments/refinement.py writes: its JSON, its table and its picture."""

import json
import platform
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

import dimjax
from dimjax.runs import write_whole
from dimjax.suspects import KINDS

SCORES = ("calibrated", "mean rank", "last loss")
_GOALS = {"all": 0.95, **dict.fromkeys(KINDS, 0.90)}


def write(results: dict, summaries: dict, out: Path, size: str) -> None:
    """Write refinement.json, .md and .svg; print the table.

    Args:
      results: Data set -> seed -> figures of one seed.
      summaries: Data set -> means over the seeds.
      out: Folder to write to.
      size: "toy", "cpu" or "paper".
    """
    record = {
        "size": size,
        "versions": {"dimjax": dimjax.__version__, "jax": jax.__version__},
        "machine": f"{platform.machine()}, {jax.devices()[0].device_kind}",
        "results": results,
        "summary": {name: {**own, **_spread(results[name])} for name, own in summaries.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "refinement.json", json.dumps(record, indent=1) + "\n")
    text = "\n".join(_markdown(name, results[name], own) for name, own in summaries.items())
    write_whole(out / "refinement.md", text)
    _picture(summaries, results, out / "refinement.svg")
    print(text)


def _spread(seeds: dict) -> dict:
    """Lowest and highest of the seeds, for what is claimed."""
    claimed = {
        "auroc_all": [part["auroc"]["all"]["calibrated"] for part in seeds.values()],
        "reviewed_share_at_90": [
            part["reviewed_share_at_90"]["calibrated"] for part in seeds.values()
        ],
        "f1_fixed": [part["f1"]["fixed"] for part in seeds.values()],
    }
    return {"range": {name: [min(values), max(values)] for name, values in claimed.items()}}


def _markdown(name: str, seeds: dict, own: dict) -> str:
    rows = [["ranking", *SCORES, "goal"]]
    for kind, goal in _GOALS.items():
        values = [own["auroc"].get(kind, {}).get(score, np.nan) for score in SCORES]
        rows.append([f"AUROC, {kind}", *_numbers(values), f"{goal:.2f}"])
    for kind in _GOALS:
        values = [own["precision_at_k"].get(kind, {}).get(score, np.nan) for score in SCORES]
        goal = "0.75" if kind == "all" else ""
        rows.append([f"precision in the top K, {kind}", *_numbers(values), goal])
    for share in (80, 90):
        values = [own[f"reviewed_share_at_{share}"][score] for score in SCORES]
        goal = "0.10" if share == 90 else ""
        rows.append([f"share looked at to find {share} %", *_numbers(values), goal])
    lost = own["f1"]["clean"] - own["f1"]["noisy"]
    back = (own["f1"]["fixed"] - own["f1"]["noisy"]) / lost if lost else np.nan
    effect = [
        ["effect", "value"],
        *[[f"F1, labels {key}", f"{own['f1'][key]:.3f}"] for key in ("noisy", "fixed", "clean")],
        ["share of the lost F1 that comes back", f"{back:.2f}"],
        ["fall of the mean loss", f"{own['mean_loss_drop']:.3f}"],
        ["labels", f"{own['labels']:.0f}"],
        ["share of labels put up for review", f"{own['shown_share']:.3f}"],
        ["labels to a review item", f"{own['labels_per_item']:.2f}"],
    ]
    head = f"## {name}, means of {len(seeds)} seeds ({', '.join(seeds)})\n\n"
    return head + _table(rows) + "\n" + _table(effect)


def _numbers(values: list[float]) -> list[str]:
    return ["–" if np.isnan(value) else f"{value:.3f}" for value in values]


def _table(rows: list[list[str]]) -> str:
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _picture(summaries: dict, results: dict, path: Path) -> None:
    """AUROC of each kind and score; each seed a dot on the bar of the mean."""
    kinds = list(_GOALS)
    figure, axes = plt.subplots(
        1, len(summaries), figsize=(7 * len(summaries), 3.6), squeeze=False, layout="constrained"
    )
    for axis, (name, own) in zip(axes[0], summaries.items(), strict=True):
        for k, (score, colour) in enumerate(
            zip(SCORES, ("#0072b2", "#56b4e9", "#d55e00"), strict=True)
        ):
            place = np.arange(len(kinds)) + 0.27 * (k - 1)
            axis.bar(
                place,
                [own["auroc"][kind][score] for kind in kinds],
                0.25,
                color=colour,
                label=score,
            )
            for part in results[name].values():
                values = [part["auroc"][kind][score] for kind in kinds]
                axis.plot(place, values, "o", color="black", markersize=3)
        goals = [_GOALS[kind] for kind in kinds]
        axis.hlines(goals, np.arange(len(kinds)) - 0.42, np.arange(len(kinds)) + 0.42, "k", ":")
        axis.set_xticks(range(len(kinds)), [kind.replace("_", "\n") for kind in kinds])
        axis.set(ylim=(0.4, 1.0), ylabel="AUROC", title=name)
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, ncols=3, loc="outside lower center")
    figure.savefig(path)
    plt.close(figure)
