"""Label refinement on data with known label errors, and the effect of the corrections.

    python experiments/refinement.py --seeds=0,1,2 --chips=32,64 --out=experiments/results
    python experiments/refinement.py --seeds=0,1 --wrong=0.3 --out=experiments/results
    python experiments/refinement.py --data=DATA/drone-ir --chips=64 --out=experiments/results

Each seed has a sky on which a simulated annotator got 5 % of the labels wrong (or --wrong), the
four kinds alike. Round 0 trains on these labels and ranks them, and the oracle decides the queued
items. Round 1 is trained from scratch on the corrected labels. Two more trainings, on the wrong
labels and on the right ones, show how much F1 the errors cost. The ranking is compared with the
errors of the annotator. The runs lie in DIR/refinement.work, where finished parts are not repeated.
Writes refinement.json, refinement.md and a picture of each data set into DIR; earlier results on
other data are kept in them. With --data: clips of drone-ir, whose training labels get such errors.
With --folds=K: K more trainings, each without the labels that it judges (out_of_fold.py). With
--noeffect: the first training and its review only, which take a third of the time.

The measures were chosen on seeds 100 and 101.
"""

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path

import refinement_ranking
import refinement_report
import suspect_scores
from absl import app, flags, logging
from result_files import as_json

sys.path.insert(0, str(Path(__file__).parents[1]))
import out_of_fold
import refinement_clips
from calm_sky import CALM

from configs import default
from dimjax.atomic_files import write_text
from dimjax.commands.bundled import make_builder
from dimjax.data.folders import open_folder
from dimjax.data.presets import PRESETS
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "Size of the simulation.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the sky, errors and training.")
_CHIPS = flags.DEFINE_list("chips", ["32"], "Sizes of the chips, pixels.")
_DATA = flags.DEFINE_string("data", None, "Folder drone-ir: its clips instead of a sky.")
_FOLDS = flags.DEFINE_integer("folds", 0, "Networks for a ranking out of fold; 0: none.")
_WRONG = flags.DEFINE_float("wrong", 0.05, "Share of the labels that are wrong.")
_EFFECT = flags.DEFINE_bool("effect", True, "Train on the corrected, wrong and right labels too.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

SIZES = {  # sequences (train, val, test), frames, height, width, epochs, width of the network
    "toy": ((4, 1, 1), 12, 128, 160, 2, 0.25),
    "cpu": ((20, 4, 6), 16, 512, 640, 14, 0.5),
    "paper": ((100, 8, 12), 100, 512, 640, 100, 1.0),
}


def config_of(size: str, seed: int, chip_px: int, wrong: float):
    """Return a configuration of two rounds with a share `wrong` of wrong labels."""
    (train, val, test), frames, height, width, epochs, factor = SIZES[size]
    config = default.get_config()
    config.seed = seed
    config.data.stride = 2
    config.sky.sequences = {"train": train, "val": val, "test": test, "new": 0}
    config.sky.errors.update(dict.fromkeys(config.sky.errors, wrong / 4))
    config.sky.settings.update({**CALM, "frames": frames, "height": height, "width": width})
    config.chips.chip_px = chip_px
    config.chips.backgrounds_per_label = 1.0
    config.model.input = "difference" if size == "toy" else "difference+evidence"
    config.model.width = factor
    config.loss.location_weight = 10.0
    config.training.epochs = epochs
    config.training.batch_size = 64
    config.training.learning_rate = 3e-3
    return _with_review(config, wrong)


def _with_review(config, wrong: float):
    """Return a configuration of two rounds: the second trains from scratch on corrected labels."""
    config.rounds.count = 2
    config.rounds.later_epochs = config.training.epochs
    config.rounds.start = "scratch"
    config.rounds.reviewer = "oracle"
    # If many labels are wrong, as many must be reviewed.
    config.refinement.max_items_per_label = max(config.refinement.max_items_per_label, 2 * wrong)
    return config


def sky_configs(size: str, seed: int, chip_px: int, wrong: float, work: Path) -> dict:
    """Return the runs on a simulated sky: the reviewed one, one with all errors, one with none."""
    configs = {name: config_of(size, seed, chip_px, wrong) for name in ("refined", "noisy")}
    configs["noisy"].data.folder = str(work / "refined" / "sky")
    return {**configs, "clean": config_of(size, seed, chip_px, 0.0)}


def clip_configs(data: Path, size: str, seed: int, chip_px: int, wrong: float, work: Path) -> dict:
    """Write the clips with their errors, and return the same three runs on them."""
    clip_size, clips = refinement_clips.SIZES[size], work / "clips"
    refinement_clips.write(open_folder(data, PRESETS["drone-ir"]), clip_size, seed, wrong, clips)
    configs = {
        name: refinement_clips.config_of(clip_size, seed, chip_px, clips, wrong=name != "clean")
        for name in ("refined", "noisy", "clean")
    }
    return {name: _with_review(config, wrong) for name, config in configs.items()}


def measure(
    make_configs: Callable[[Path], dict], folds: int, with_effect: bool, work: Path
) -> dict:
    """Compute all figures of one seed; its runs are kept.

    Args:
      make_configs: Folder of the runs -> configurations refined, noisy and clean.
      folds: Number of networks of a ranking out of fold; 0 for none.
      with_effect: Whether to measure the effect of the corrections.
      work: Folder of the runs.
    """
    configs = make_configs(work)
    figures = _once(work / "ranking.json", lambda: _ranking(configs["refined"], work / "refined"))
    if with_effect:
        figures |= _once(work / "effect.json", lambda: _effect(configs, work))
    if not folds:
        return figures
    others = measure_folds(folds, work)
    return refinement_ranking.with_score(figures, others, suspect_scores.OUT_OF_FOLD)


def _once(path: Path, compute: Callable[[], dict]) -> dict:
    """Read figures, which are computed and written if the file is not there."""
    if not path.exists():
        write_text(path, as_json(compute()))
    return json.loads(path.read_text())


def _ranking(config, workdir: Path) -> dict:
    """Train on the wrong labels, rank and review them; return the figures of the ranking."""
    while not Paths(workdir).reviewed.exists():  # after the review the second round is built
        rounds.run(config, str(workdir), make_builder, last="build")
    return refinement_ranking.ranking(refinement_ranking.open_round(workdir))


def _effect(configs: dict, work: Path) -> dict:
    """Train on the corrected, wrong and right labels; return the figures of the effect."""
    rounds.run(configs["refined"], str(work / "refined"), make_builder)
    for name in ("noisy", "clean"):
        configs[name].rounds.count = 1
        rounds.run(configs[name], str(work / name), make_builder, last="evaluate")
    return effect(work)


def measure_folds(folds: int, work: Path) -> dict:
    """Compute the figures of a ranking in which no network judges its own training data."""
    folder = work / f"folds-{folds}"

    def compute() -> dict:
        reviewed = refinement_ranking.open_round(work / "refined")
        record = out_of_fold.write(reviewed, folds, folder, make_builder)
        return refinement_ranking.ranking_by(reviewed, record)

    return _once(folder / "figures.json", compute)


def effect(work: Path) -> dict:
    """Read F1 on full frames, and the fall of the mean loss of the data set."""
    runs = {
        "noisy": Paths(work / "noisy"),
        "fixed": Paths(work / "refined", 1),
        "clean": Paths(work / "clean"),
    }
    f1, loss = {}, {}
    for name, paths in runs.items():
        evaluation = json.loads(paths.evaluation.read_text())
        f1[name] = evaluation["frames"]["categories"]["target"]["f1"]
        loss[name] = float(paths.training_log.read_losses(["total"], last=True).total.mean())
    return {
        "f1": f1,
        "mean_loss": loss,
        "mean_loss_drop": 1 - loss["fixed"] / loss["noisy"],
    }


def main(_) -> None:
    """Measure each seed and chip size; write the tables and pictures."""
    logging.set_verbosity(logging.ERROR)
    out, size, wrong = Path(_OUT.value), _SIZE.value, _WRONG.value
    name, configs = "sky", sky_configs
    if _DATA.value:
        name, configs = refinement_clips.NAME, functools.partial(clip_configs, Path(_DATA.value))
    prefix, suffix = f"{name}-" if _DATA.value else "", ""
    if _WRONG.present:
        prefix, suffix = f"{prefix}wrong{wrong:g}-", f", {wrong:.0%} wrong"
    results = {}
    for chip_px in map(int, _CHIPS.value):
        results[f"{name}, chips of {chip_px} px{suffix}"] = {
            str(seed): measure(
                functools.partial(configs, size, seed, chip_px, wrong),
                _FOLDS.value,
                _EFFECT.value,
                out / "refinement.work" / f"{prefix}{size}-{chip_px}-{seed}",
            )
            for seed in map(int, _SEEDS.value)
        }
    refinement_report.write(results, out, size)


if __name__ == "__main__":
    app.run(main)
