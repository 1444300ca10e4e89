"""Label refinement measured: simulated skies whose labels have known errors, and what fixing gives.

    python experiments/refinement.py --size=cpu --seeds=0,1,2 --out=experiments/results

For each seed: a sky whose careless annotator got 5 % of the labels wrong, the four kinds alike.
Round 0 trains on these labels and ranks them; the oracle decides what is put up for review; round 1
trains anew on the labels as they then are. Two more trainings, on the wrong labels and on the
right ones, show what there was to lose. Ranking is measured against what the annotator did. The
work lies in DIR/refinement.work, and what is done there already is not done again. Writes
refinement.json, refinement.md and a picture of each data set into DIR.

The measures were chosen on seed 100.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import objectlab
import pandas as pd
import refinement_report
import suspect_scores
from absl import app, flags, logging
from result_files import as_json

sys.path.insert(0, str(Path(__file__).parents[1]))
from configs import default
from dimjax import ledger, planting, rounds
from dimjax.runs import Paths, write_whole
from dimjax.splits import with_validation
from dimjax.stages import refine
from dimjax.stages.build import open_book, trained_labels
from dimjax.stages.simulate import data_folder
from main import make_builder

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "How much is simulated.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the sky, errors and training.")
_CHIPS = flags.DEFINE_list("chips", ["32"], "Sizes of the chips, pixels.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

WRONG = 0.05  # share of the labels that are wrong
SIZES = {  # sequences (train, val, test), frames, height, width, epochs, width of the network
    "toy": ((4, 1, 1), 12, 128, 160, 3, 0.25),
    "cpu": ((36, 6, 8), 16, 512, 640, 14, 0.5),
    "paper": ((100, 8, 12), 100, 512, 640, 100, 1.0),
}


def config_of(size: str, seed: int, chip_px: int, wrong: float):
    """A run of two rounds whose labels are wrong in a share `wrong`."""
    (train, val, test), frames, height, width, epochs, factor = SIZES[size]
    config = default.get_config()
    config.seed = seed
    config.data.stride = 2
    config.sky.sequences = {"train": train, "val": val, "test": test, "new": 0}
    config.sky.errors.update(dict.fromkeys(config.sky.errors, wrong / 4))
    config.sky.settings.update({"frames": frames, "height": height, "width": width})
    config.sky.settings.update({"targets_per_frame": 5.0, "interference_per_frame": 2.0})
    config.sky.settings.cloud_counts = (150.0, 400.0)
    config.sky.settings.drift_px = (0.0, 0.1)
    config.sky.settings.pan_px = 0.05
    config.sky.settings.jitter_px = (0.01, 0.05)
    config.chips.chip_px = chip_px
    config.chips.backgrounds_per_label = 1.0
    config.model.width = factor
    config.loss.a = 10.0
    config.training.epochs = epochs
    config.training.learning_rate = 3e-3
    config.rounds.count = 2
    config.rounds.later_epochs = epochs
    config.rounds.start = "scratch"
    config.rounds.reviewer = "oracle"
    return config


def measure(size: str, seed: int, chip_px: int, work: Path) -> dict:
    """All figures of one seed; its runs are kept."""
    done = work / "figures.json"
    if done.exists():
        return json.loads(done.read_text())
    refined = config_of(size, seed, chip_px, WRONG)
    rounds.run(refined, str(work / "refined"), make_builder)
    noisy = config_of(size, seed, chip_px, WRONG)
    noisy.data.folder = str(work / "refined" / "sky")
    clean = config_of(size, seed, chip_px, 0.0)
    for name, config in (("noisy", noisy), ("clean", clean)):
        config.rounds.count = 1
        rounds.run(config, str(work / name), make_builder, last="evaluate")
    figures = {**ranking(refined, work / "refined"), **effect(work)}
    write_whole(done, as_json(figures))
    return json.loads(done.read_text())


def ranking(config, workdir: Path) -> dict:
    """How the labels of round 0 are ranked, and what the review looked at."""
    paths = Paths(workdir)
    folder = data_folder(config, paths)
    splits = with_validation(folder.splits, config.data.val_share, config.seed)
    with open_book(config, folder, paths) as book:
        labels, planted = trained_labels(paths, book)
        items = ledger.item_table(book, 0)
    found = refine.find(config, paths, folder, labels, planted, items.iloc[:0])
    errors = pd.read_csv(paths.sky / "errors.csv", keep_default_na=False)
    errors[["true_x", "true_y"]] = errors[["true_x", "true_y"]].apply(pd.to_numeric)
    errors = errors[errors.sequence.isin(splits["train"])]
    rivals = rival_scores(paths, found)
    losses = pd.read_parquet(paths.losses)
    table = suspect_scores.units(found, errors, folder.truth, losses, rivals)
    table.to_parquet(workdir / "units.parquet")
    shown = SimpleNamespace(labels=len(items), items=items["item"].nunique())
    return {
        **suspect_scores.figures(table),
        "labels": len(found.labels),
        "errors": int(errors.kind.isin(planting.KIND_OF).sum()),
        "shown_share": shown.labels / len(found.labels),
        "labels_per_item": shown.labels / max(shown.items, 1),
        "review": json.loads(paths.reviewed.read_text()),
    }


def rival_scores(paths: Paths, found: refine.Found) -> dict[str, suspect_scores.Rival]:
    """What others say of the same labels: cleanlab, where it is installed."""
    if not objectlab.INSTALLED:
        return {}
    detections = pd.read_parquet(paths.predictions)
    detections = detections[detections.sequence.isin(found.labels.sequence.unique())]
    return {"cleanlab": objectlab.rival(found.labels, found.proposals, detections)}


def effect(work: Path) -> dict:
    """F1 on full frames without errors, and how the mean loss of the data set fell."""
    runs = {
        "noisy": Paths(work / "noisy"),
        "fixed": Paths(work / "refined", 1),
        "clean": Paths(work / "clean"),
    }
    f1, loss = {}, {}
    for name, paths in runs.items():
        evaluation = json.loads(paths.evaluation.read_text())
        f1[name] = evaluation["frames"]["categories"]["target"]["f1"]
        losses = pd.read_parquet(paths.losses)
        loss[name] = float(losses[losses.epoch == losses.epoch.max()].total.mean())
    return {
        "f1": f1,
        "mean_loss": loss,
        "mean_loss_drop": 1 - loss["fixed"] / loss["noisy"],
    }


def main(_) -> None:
    """Measure each seed and size of chips, then write the table, the figures and the picture."""
    logging.set_verbosity(logging.ERROR)
    out, size = Path(_OUT.value), _SIZE.value
    seeds = [int(seed) for seed in _SEEDS.value]
    results = {}
    for chip_px in map(int, _CHIPS.value):
        work = out / "refinement.work"
        parts = [measure(size, seed, chip_px, work / f"{size}-{chip_px}-{seed}") for seed in seeds]
        results[f"sky, chips of {chip_px} px"] = dict(zip(map(str, seeds), parts, strict=True))
    refinement_report.write(results, out, size)


if __name__ == "__main__":
    flags.mark_flag_as_required("out")
    app.run(main)
