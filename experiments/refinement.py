"""Label refinement measured: simulated skies whose labels have known errors, and what fixing gives.

    python experiments/refinement.py --seeds=0,1,2 --chips=32,64 --out=experiments/results
    python experiments/refinement.py --seeds=0,1 --wrong=0.3 --out=experiments/results
    python experiments/refinement.py --data=DATA/drone-ir --chips=64 --out=experiments/results

For each seed: a sky whose careless annotator got 5 % of the labels wrong (or --wrong), the four
kinds alike. Round 0 trains on these labels and ranks them; the oracle decides what is put up for
review; round 1 trains anew on the labels as they then are. Two more trainings, on the wrong labels
and on the right ones, show what there was to lose. Ranking is measured against what the annotator
did. The work lies in DIR/refinement.work, and what is done there already is not done again. Writes
refinement.json, refinement.md and a picture of each data set into DIR; what was measured on other
data before stays in them. With --data: clips of drone-ir, whose training labels get such errors.
With --folds=K: K more trainings, each without the labels that it judges (out_of_fold.py).

The measures were chosen on seeds 100 and 101.
"""

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path

import out_of_fold
import pandas as pd
import refinement_ranking
import refinement_report
import suspect_scores
from absl import app, flags, logging
from result_files import as_json

sys.path.insert(0, str(Path(__file__).parents[1]))
import refinement_clips
from calm_sky import CALM

from configs import default
from dimjax.atomic_files import write_whole
from dimjax.data.folders import DRONE_IR, open_folder
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds
from main import make_builder

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "How much is simulated.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the sky, errors and training.")
_CHIPS = flags.DEFINE_list("chips", ["32"], "Sizes of the chips, pixels.")
_DATA = flags.DEFINE_string("data", None, "Folder drone-ir: its clips, not a simulated sky.")
_FOLDS = flags.DEFINE_integer("folds", 0, "Networks for a ranking out of fold; 0: none.")
_WRONG = flags.DEFINE_float("wrong", 0.05, "Share of the labels that are wrong.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

SIZES = {  # sequences (train, val, test), frames, height, width, epochs, width of the network
    "toy": ((4, 1, 1), 12, 128, 160, 2, 0.25),
    "cpu": ((20, 4, 6), 16, 512, 640, 14, 0.5),
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
    config.sky.settings.update({**CALM, "frames": frames, "height": height, "width": width})
    config.chips.chip_px = chip_px
    config.chips.backgrounds_per_label = 1.0
    config.model.width = factor
    config.loss.location_weight = 10.0
    config.training.epochs = epochs
    config.training.batch_size = 64
    config.training.learning_rate = 3e-3
    return _with_review(config)


def _with_review(config):
    """Two rounds, the second anew on the labels that the oracle has decided on."""
    config.rounds.count = 2
    config.rounds.later_epochs = config.training.epochs
    config.rounds.start = "scratch"
    config.rounds.reviewer = "oracle"
    # Where many labels are wrong, as many must be looked at.
    config.refinement.max_items_per_label = max(
        config.refinement.max_items_per_label, 2 * _WRONG.value
    )
    return config


def sky_configs(size: str, seed: int, chip_px: int, work: Path) -> dict:
    """The runs of a simulated sky: the one that is reviewed, and those with all errors and none."""
    made = {name: config_of(size, seed, chip_px, _WRONG.value) for name in ("refined", "noisy")}
    made["noisy"].data.folder = str(work / "refined" / "sky")
    return {**made, "clean": config_of(size, seed, chip_px, 0.0)}


def clip_configs(size: str, seed: int, chip_px: int, work: Path) -> dict:
    """The same of real clips, whose labels are right but for the errors that are put into them."""
    own, clips = refinement_clips.SIZES[size], work / "clips"
    folder = open_folder(_DATA.value, DRONE_IR)
    refinement_clips.write(folder, own, seed, _WRONG.value, clips)
    names = ("refined", "noisy", "clean")
    return {
        name: _with_review(
            refinement_clips.config_of(own, seed, chip_px, clips, wrong=name != "clean")
        )
        for name in names
    }


def measure(configs: Callable[[Path], dict], work: Path) -> dict:
    """All figures of one seed; its runs are kept."""
    done = work / "figures.json"
    if not done.exists():
        made = configs(work)
        rounds.run(made["refined"], str(work / "refined"), make_builder)
        for name in ("noisy", "clean"):
            made[name].rounds.count = 1
            rounds.run(made[name], str(work / name), make_builder, last="evaluate")
        own = refinement_ranking.open_round(made["refined"], work / "refined")
        figures = refinement_ranking.ranking(made["refined"], own)
        write_whole(done, as_json({**figures, **effect(work)}))
    figures = json.loads(done.read_text())
    if not _FOLDS.value:
        return figures
    others = measure_folds(configs, work, work / f"folds-{_FOLDS.value}")
    return refinement_ranking.beside(figures, others, suspect_scores.OUT_OF_FOLD)


def measure_folds(configs: Callable[[Path], dict], work: Path, folded: Path) -> dict:
    """The figures of a ranking in which no network judges what it was trained on."""
    done = folded / "figures.json"
    if not done.exists():
        config = configs(work)["refined"]
        own = refinement_ranking.open_round(config, work / "refined")
        record = out_of_fold.write(config, own, _FOLDS.value, folded, make_builder)
        write_whole(done, as_json(refinement_ranking.ranking_by(config, own, record)))
    return json.loads(done.read_text())


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
    name, configs = "sky", sky_configs
    if _DATA.value:
        name, configs = refinement_clips.NAME, clip_configs
    prefix, suffix = f"{name}-" if _DATA.value else "", ""
    if _WRONG.present:
        prefix, suffix = f"{prefix}wrong{_WRONG.value:g}-", f", {_WRONG.value:.0%} wrong"
    results = {}
    for chip_px in map(int, _CHIPS.value):
        parts = {
            str(seed): measure(
                functools.partial(configs, size, seed, chip_px),
                out / "refinement.work" / f"{prefix}{size}-{chip_px}-{seed}",
            )
            for seed in seeds
        }
        results[f"{name}, chips of {chip_px} px{suffix}"] = parts
    refinement_report.write(results, out, size)


if __name__ == "__main__":
    flags.mark_flag_as_required("out")
    app.run(main)
