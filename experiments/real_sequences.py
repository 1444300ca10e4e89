"""What the detector of configs/drone_ir.py finds on real sequences that it was not trained on.

    python main.py --config=configs/drone_ir.py --config.data.folder=DATA/drone-ir \
        --workdir=runs/drone_ir
    python experiments/real_sequences.py --run=runs/drone_ir --data=DATA --out=DIR

Rows: the validation clips of drone-ir as they are and with sensor noise added (sigma 1 and 3 grey
levels, since their codec took the noise away), and the sets cloud-seqs and sky-seqs, which other
cameras took at lower rates: there F1..F4 lie 2 frames apart. The matching distance is the run's.
Sizes: every frame (paper), every 8th (cpu), every 100th of two clips (toy). Writes
real_sequences.json and .md into DIR.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
from absl import app, flags, logging

import dimjax
from dimjax.data.folders import CLOUD_SEQS, SKY_SEQS, Folder, open_folder
from dimjax.data.sequences import Sequence
from dimjax.detection.detector import count_parameters, make_detector
from dimjax.detection.inference import search
from dimjax.evaluation.figures import evaluate
from dimjax.progress import bar
from dimjax.stages.simulate import data_folder

_RUN = flags.DEFINE_string("run", None, "Directory of a run of configs/drone_ir.py.", required=True)
_DATA = flags.DEFINE_string("data", None, "Folder with cloud-seqs and sky-seqs.", required=True)
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)
_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "How many frames.")
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds of the added noise.")

EVERY = {"toy": 100, "cpu": 8, "paper": 1}
STRIDES = {"cloud-seqs": 2, "sky-seqs": 2}
FIGURES = ("precision", "recall", "f1", "false_alarms_per_frame", "truths")


def with_noise(sequence: Sequence, sigma: float, seed: int) -> Sequence:
    """The sequence with white noise of sigma grey levels, rounded and clipped to its depth."""

    def read(t: int) -> np.ndarray:
        rng = np.random.default_rng([seed, t])
        noisy = sequence.read(t) + rng.normal(0, sigma, sequence.shape[1:])
        top = np.iinfo(sequence.dtype).max
        return np.clip(np.rint(noisy), 0, top).astype(sequence.dtype)

    return dataclasses.replace(sequence, read=read)


def measure(run, folder: Folder, names: list[str], sigma: float, seed: int) -> dict:
    """Figures of the class target on full frames of some sequences."""
    every = EVERY[_SIZE.value]
    stride = STRIDES.get(folder.path.name, run.config.data.stride)
    description = {**run.detector.description, "stride": stride}
    detector = make_detector(run.detector.model, run.detector.variables, description)
    names = names[:2] if _SIZE.value == "toy" else names
    found = []
    for name in bar(names, f"{folder.path.name}, noise {sigma:g}", "sequence"):
        sequence = folder.sequence(name)
        sequence = with_noise(sequence, sigma, seed) if sigma else sequence
        found.append(search(detector, sequence, range(0, len(sequence), every)))
    labels = folder.labels[folder.labels.sequence.isin(names) & (folder.labels.frame % every == 0)]
    figures = evaluate(
        labels,
        pd.concat(found, ignore_index=True),
        {name: -(-folder.shapes[name][0] // every) for name in names},
        {name: folder.shapes[name][1] * folder.shapes[name][2] for name in names},
        run.config.detection.match_px,
        run.detector.description["threshold"],
    )
    target = figures["categories"]["target"]
    row = {name: target[name] for name in FIGURES}
    return {**row, "best_f1": max(target["curve"]["f1"], default=0.0), "frames": figures["images"]}


def main(_) -> None:
    """Measure all rows, for each seed where noise is added, and write them."""
    logging.set_verbosity(logging.ERROR)
    run = dimjax.load(_RUN.value)
    drone_ir = data_folder(run.config, run.paths)
    others = {
        name: open_folder(Path(_DATA.value) / name, layout)
        for name, layout in (("cloud-seqs", CLOUD_SEQS), ("sky-seqs", SKY_SEQS))
    }
    rows = []
    for sigma in (0.0, 1.0, 3.0):
        for seed in map(int, _SEEDS.value if sigma else _SEEDS.value[:1]):
            figures = measure(run, drone_ir, drone_ir.splits["test"], sigma, seed)
            rows.append({"data": "drone-ir val", "noise": sigma, "seed": seed, **figures})
    for name, folder in others.items():
        rows.append(
            {"data": name, "noise": 0.0, "seed": 0, **measure(run, folder, folder.names, 0.0, 0)}
        )
    out = Path(_OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    config = run.config.to_dict()
    del config["data"]["folder"]  # a path of one machine
    record = {
        "config": config,
        "threshold": run.detector.description["threshold"],
        "parameters": count_parameters(run.detector),
        "size": _SIZE.value,
        "rows": rows,
    }
    (out / "real_sequences.json").write_text(json.dumps(record, indent=1) + "\n")
    table = as_markdown(rows)
    (out / "real_sequences.md").write_text(table)
    print(table)


def as_markdown(rows: list[dict]) -> str:
    """The rows as a table."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names)]
    lines += [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in r.values()] for r in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    app.run(main)
