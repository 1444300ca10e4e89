"""The detector of configs/drone_ir.py on clips to which sensor noise is added.

    python main.py --config=configs/drone_ir.py --config.data.folder=DATA/drone-ir \
        --workdir=runs/drone_ir
    python experiments/added_noise.py --run=runs/drone_ir --out=DIR

Rows: the clips of the test split as they are and with noise of sigma 1 and 3 grey levels, because
their codec removed that of the sensor; each frame alone. Sizes: every frame (paper), every 8th
(cpu), every 100th of two clips (toy). Writes added_noise.json and .md into DIR.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from absl import app, flags, logging
from result_files import as_json, markdown

import dimjax
from dimjax.atomic_files import write_text
from dimjax.data.folders import Folder
from dimjax.data.sequences import Sequence
from dimjax.detection.detector import count_parameters
from dimjax.detection.inference import detect_in_sequence
from dimjax.evaluation.figures import evaluate
from dimjax.progress import bar

EVERY = {"toy": 100, "cpu": 8, "paper": 1}
FIGURES = ("precision", "recall", "f1", "false_alarms_per_frame", "truths")


def with_noise(sequence: Sequence, sigma: float, seed: int) -> Sequence:
    """Add white noise of sigma grey levels to a sequence, rounded and clipped to its depth."""

    def read(t: int) -> np.ndarray:
        rng = np.random.default_rng([seed, t])
        noisy = sequence.read(t) + rng.normal(0, sigma, sequence.shape[1:])
        top = np.iinfo(sequence.dtype).max
        return np.clip(np.rint(noisy), 0, top).astype(sequence.dtype)

    return dataclasses.replace(sequence, read=read)


def measure(run, folder: Folder, names: list[str], every: int, sigma: float, seed: int) -> dict:
    """Compute the figures of the class target on full frames of some sequences.

    Args:
      run: From dimjax.load.
      folder: Data folder.
      names: Sequences of it.
      every: Measure every n-th frame.
      sigma: Added noise, grey levels.
      seed: Seed of the noise.
    """
    tables = []
    for name in bar(names, f"{folder.path.name}, noise {sigma:g}", "sequence"):
        sequence = folder.sequence(name)
        sequence = with_noise(sequence, sigma, seed) if sigma else sequence
        tables.append(detect_in_sequence(run.detector, sequence, range(0, len(sequence), every)))
    labels = folder.labels[folder.labels.sequence.isin(names) & (folder.labels.frame % every == 0)]
    figures = evaluate(
        labels,
        pd.concat(tables, ignore_index=True),
        {name: -(-folder.shapes[name][0] // every) for name in names},
        {name: folder.shapes[name][1] * folder.shapes[name][2] for name in names},
        run.config.detection.match_px,
        run.detector.description["threshold"],
    )
    target = figures["categories"]["target"]
    row = {name: target[name] for name in FIGURES}
    return {**row, "best_f1": max(target["curve"]["f1"], default=0.0), "frames": figures["images"]}


def main(_) -> None:
    """Measure all rows and write them; rows with noise are measured for each seed."""
    logging.set_verbosity(logging.ERROR)
    size, seeds = flags.FLAGS.size, [int(seed) for seed in flags.FLAGS.seeds]
    run = dimjax.load(flags.FLAGS.run)
    folder, every = run.context.folder, EVERY[size]
    names = folder.splits["test"][: 2 if size == "toy" else None]
    rows = []
    for sigma in (0.0, 1.0, 3.0):
        for seed in seeds if sigma else seeds[:1]:
            figures = measure(run, folder, names, every, sigma, seed)
            rows.append({"noise": sigma, "seed": seed, **figures})
    out = Path(flags.FLAGS.out)
    config = run.config.to_dict()
    del config["data"]["folder"]  # differs between machines
    record = {
        "config": config,
        "threshold": run.detector.description["threshold"],
        "parameters": count_parameters(run.detector),
        "size": size,
        "rows": rows,
    }
    write_text(out / "added_noise.json", as_json(record))
    table = as_markdown(rows)
    write_text(out / "added_noise.md", table)
    print(table)


def as_markdown(rows: list[dict]) -> str:
    """Format the rows as a table."""
    cells = [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in r.values()] for r in rows]
    return markdown([list(rows[0]), *cells])


if __name__ == "__main__":
    flags.DEFINE_string("run", None, "Directory of a run of configs/drone_ir.py.", required=True)
    flags.DEFINE_string("out", None, "Folder for the results.", required=True)
    flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "How many frames.")
    flags.DEFINE_list("seeds", ["0"], "Seeds of the added noise.")
    app.run(main)
