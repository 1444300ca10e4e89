"""Rounds with mining, as in the paper's Table 3, compared with other ways to add data.

    python experiments/table3.py --size=cpu --seeds=0,1,2 --out=experiments/results
    python experiments/figure11.py --size=cpu --seeds=0,1,2 --out=experiments/results
    python experiments/table3.py --data=DATA/drone-ir --seeds=0 --out=experiments/results

Each seed has a sky with few labelled sequences, 5 % of whose labels are wrong, and new sequences
without labels. A network is trained; its suspects, misses and false alarms are reviewed, and it is
trained again on the result, in six rounds: once with an oracle, once with a reviewer who errs in
5 % of the items. For comparison, from the same first round: no mining, random chips, and all new
data (supplements.py). With --data, the same on drone-ir instead of the sky (drone_rounds.py).

Sizes: toy (2 rounds on frames of 160x128), cpu (6 rounds, two cores), paper (about 74,000 images in
the first round and 90,000 in the last: for a GPU). The runs lie in DIR/table3.work, where finished
parts are not repeated. Writes table3.json, .md and table3-*.svg into DIR.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import supplements
import table3_report
from absl import app, flags, logging
from round_rows import rows_of

sys.path.insert(0, str(Path(__file__).parents[1]))
import drone_rounds
from calm_sky import CALM

from configs import default
from dimjax.commands.bundled import make_builder
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds
from dimjax.training.process_settings import restart_with_settings

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "Size of the simulation.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the sky, errors and training.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)
_DATA = flags.DEFINE_string("data", None, "Folder drone-ir, measured instead of the sky.")

WRONG = 0.05  # share of the first labels that are wrong, the four kinds alike
REVIEW_ERRORS = 0.05  # share of the items that the erring reviewer decides wrongly


class Size(NamedTuple):
    """Simulation and training of a size."""

    rounds: int
    sequences: dict[str, int]  # by split; "new" are divided equally among all rounds but the last
    sky: dict  # settings that differ from the defaults
    epochs: int  # of the first round
    later_epochs: int
    chip_px: int
    width: float
    batch_size: int = 128
    input: str = "difference+evidence"


SIZES = {
    "toy": Size(
        rounds=2,
        sequences={"train": 3, "val": 1, "test": 1, "new": 1},
        sky={**CALM, "frames": 10, "height": 128, "width": 160, "snr": (8.0, 15.0)},
        epochs=10,
        later_epochs=1,
        chip_px=32,
        width=0.25,
        batch_size=16,
        input="difference",
    ),
    "cpu": Size(
        rounds=6,
        sequences={"train": 1, "val": 3, "test": 5, "new": 15},
        # Birds, a tenth of the interference, are not distinguished from targets in this time.
        sky={**CALM, "frames": 16, "interference_per_frame": 0.5},
        epochs=24,
        later_epochs=8,
        chip_px=32,
        width=0.5,
        batch_size=64,
    ),
    "paper": Size(
        rounds=6,
        sequences={"train": 80, "val": 5, "test": 12, "new": 75},
        sky={"frames": 100},
        epochs=100,
        later_epochs=50,
        chip_px=80,
        width=1.0,
    ),
}


def config_of(size: Size, seed: int):
    """Return the configuration with mining, reviewed by the oracle."""
    config = default.get_config()
    config.seed = seed
    config.data.stride = 2
    config.sky.sequences.update(size.sequences)
    config.sky.settings.update(size.sky)
    config.sky.errors.update(dict.fromkeys(config.sky.errors, WRONG / 4))
    config.chips.chip_px = size.chip_px
    if size.chip_px < 64:  # a small chip has little room for background beside its target
        config.chips.backgrounds_per_label = 1.0
    config.model.input = size.input
    config.model.width = size.width
    config.loss.location_weight = 10.0
    config.training.epochs = size.epochs
    config.training.batch_size = size.batch_size
    config.training.learning_rate = 3e-3
    config.rounds.count = size.rounds
    config.rounds.later_epochs = size.later_epochs
    config.rounds.reviewer = "oracle"
    return config


def run(size: Size, seed: int, work: Path) -> dict[str, list[dict]]:
    """Run all methods of a seed; return the rows of each run, one per round."""
    config, mined_workdir = config_of(size, seed), work / "oracle"
    erring = config_of(size, seed)
    erring.rounds.oracle_error = REVIEW_ERRORS
    erring.data.folder = str(mined_workdir / "sky")
    if not Paths(mined_workdir).mined.exists():
        rounds.run(config, str(mined_workdir), make_builder, last="mine")
    supplements.fork(mined_workdir, work / "erring")
    rounds.run(config, str(mined_workdir), make_builder)
    rounds.run(erring, str(work / "erring"), make_builder)
    supplements.run(config, mined_workdir, make_builder)
    return {name: rows_of(work / name) for name in ("oracle", "erring", *supplements.NAMES)}


def main(_) -> None:
    """Run each seed; write the table and the pictures."""
    logging.set_verbosity(logging.ERROR)
    out, seeds = Path(_OUT.value), [int(seed) for seed in _SEEDS.value]
    work = out / "table3.work"
    if _DATA.value:
        drone_rounds.main(Path(_DATA.value), _SIZE.value, seeds, out, make_builder)
        return
    size = SIZES[_SIZE.value]
    results = {str(seed): run(size, seed, work / f"{_SIZE.value}-{seed}") for seed in seeds}
    table3_report.write(results, out, _SIZE.value)


if __name__ == "__main__":
    restart_with_settings()
    app.run(main)
