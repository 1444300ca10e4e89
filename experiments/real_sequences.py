"""The detector of configs/drone_ir.py on real sequences that it was not trained on.

    python main.py --config=configs/drone_ir.py --config.data.folder=DATA/drone-ir \
        --workdir=runs/drone_ir
    python experiments/real_sequences.py --run=runs/drone_ir --data=DATA --out=DIR

Rows: the validation clips of drone-ir as they are and with added sensor noise (sigma 1 and 3 grey
levels, because their codec removed the noise), and the sets cloud-seqs and sky-seqs, recorded by
other cameras at lower frame rates, with F1..F4 2 frames apart. The matching distance is the run's.
Sizes: every frame (paper), every 8th (cpu), every 100th of two clips (toy). Writes
real_sequences.json and .md into DIR.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from absl import app, flags, logging
from result_files import as_json, markdown

import dimjax
from dimjax.atomic_files import write_text
from dimjax.data.folders import Folder, open_folder
from dimjax.data.presets import PRESETS
from dimjax.data.sequences import Sequence
from dimjax.detection.detector import count_parameters, make_detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.evaluation.figures import evaluate
from dimjax.progress import bar

_RUN = flags.DEFINE_string("run", None, "Directory of a run of configs/drone_ir.py.", required=True)
_DATA = flags.DEFINE_string("data", None, "Folder with cloud-seqs and sky-seqs.", required=True)
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)
_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "How many frames.")
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds of the added noise.")

EVERY = {"toy": 100, "cpu": 8, "paper": 1}
STRIDES = {"cloud-seqs": 2, "sky-seqs": 2}
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
    stride = STRIDES.get(folder.path.name, run.config.data.stride)
    description = {**run.detector.description, "stride": stride}
    detector = make_detector(run.detector.model, run.detector.variables, description)
    tables = []
    for name in bar(names, f"{folder.path.name}, noise {sigma:g}", "sequence"):
        sequence = folder.sequence(name)
        sequence = with_noise(sequence, sigma, seed) if sigma else sequence
        tables.append(detect_in_sequence(detector, sequence, range(0, len(sequence), every)))
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
    run, size = dimjax.load(_RUN.value), _SIZE.value
    drone_ir, every = run.context.folder, EVERY[size]
    clips = 2 if size == "toy" else None  # of each data set; None: all
    others = {
        name: open_folder(Path(_DATA.value) / name, layout)
        for name, layout in (
            ("cloud-seqs", PRESETS["cloud-seqs"]),
            ("sky-seqs", PRESETS["sky-seqs"]),
        )
    }
    rows = []
    for sigma in (0.0, 1.0, 3.0):
        for seed in map(int, _SEEDS.value if sigma else _SEEDS.value[:1]):
            names = drone_ir.splits["test"][:clips]
            figures = measure(run, drone_ir, names, every, sigma, seed)
            rows.append({"data": "drone-ir val", "noise": sigma, "seed": seed, **figures})
    for name, folder in others.items():
        figures = measure(run, folder, folder.names[:clips], every, 0.0, 0)
        rows.append({"data": name, "noise": 0.0, "seed": 0, **figures})
    out = Path(_OUT.value)
    config = run.config.to_dict()
    del config["data"]["folder"]  # differs between machines
    record = {
        "config": config,
        "threshold": run.detector.description["threshold"],
        "parameters": count_parameters(run.detector),
        "size": size,
        "rows": rows,
    }
    write_text(out / "real_sequences.json", as_json(record))
    table = as_markdown(rows)
    write_text(out / "real_sequences.md", table)
    print(table)


def as_markdown(rows: list[dict]) -> str:
    """Format the rows as a table."""
    cells = [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in r.values()] for r in rows]
    return markdown([list(rows[0]), *cells])


if __name__ == "__main__":
    app.run(main)
