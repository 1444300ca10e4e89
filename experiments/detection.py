"""The ladder of detectors: each change of the configuration alone, beside the untrained filter.

    python experiments/detection.py --size=cpu --seeds=0,1,2 --out=experiments/results
    python experiments/detection.py --skies=drone-ir --data=DATA/drone-ir --out=DIR
    python experiments/detection.py --variants=difference,difference+evidence --out=DIR

A variant (VARIANTS in detection_runs.py) is the configuration of a sky with a few other keys, with
a change of the training that dimjax does not have, or with another use of the weights that were
trained as configured (detection_changes.py). It is trained and measured on the test split, each
frame alone and with tracks. "untrained" is the velocity filter bank on the same frames. Skies: that
of configs/demo.py, that of configs/sky.py, the clips of drone-ir (configs/drone_ir.py, with
--data), and that of the paper's run (configs/darknet80.py). All variants of a sky and seed share
its sequences.

Sizes: toy (tiny sky, four epochs), sixth (a sixth of the training: a quarter of the sequences, two
thirds of the epochs), half (half of the sequences, as many epochs), cpu (as configured, two cores),
paper (100 epochs at full width, for a GPU), gpu (the paper's run with fewer sequences, in minutes
on a large GPU). The runs lie in DIR/detection.work. Writes detection.json and .md into DIR after
each seed, with 95 % intervals over the seeds (Student's t). What is in them already is not
repeated, so that a ladder can be measured in parts.
"""

import itertools
import sys
from pathlib import Path

import detection_report
from absl import app, flags, logging
from result_files import as_json

sys.path.insert(0, str(Path(__file__).parents[1]))
from detection_runs import VARIANTS, SkyRuns, config_of

from dimjax.atomic_files import write_text
from dimjax.commands.bundled import make_builder
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds
from dimjax.training.process_settings import restart_with_settings

_SIZE = flags.DEFINE_enum(
    "size", "cpu", ["toy", "sixth", "half", "cpu", "paper", "gpu"], "Size of sky and training."
)
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the sky, errors and training.")
_SKIES = flags.DEFINE_list("skies", ["demo", "default"], "Of demo, default, drone-ir, darknet80.")
_VARIANTS = flags.DEFINE_list("variants", None, "Names of VARIANTS; default: all.")
_DATA = flags.DEFINE_string("data", None, "Folder drone-ir, for the sky of that name.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)


def measure(sky_name: str, size: str, seed: int, variants: list[str], work: Path) -> dict:
    """Train and measure the variants on a sky of one seed.

    Returns:
      Variant -> part -> figures, see detection_report.figures_of; and "untrained".
    """
    data = _DATA.value
    if sky_name != "drone-ir":
        config = config_of(sky_name, size, seed, None, variants[0])
        rounds.run(config, str(work / "sky"), make_builder, last="simulate")
        data = str(Paths(work / "sky").sky)
    runs = SkyRuns(sky_name, size, seed, data, work)
    results = {}
    for variant in variants:
        evaluation = runs.evaluation(variant, make_builder)
        results[variant] = detection_report.figures_of(evaluation, evaluation["cpu_s"])
    return {"untrained": detection_report.figures_of_untrained(evaluation), **results}


def main(_) -> None:
    """Measure all skies and seeds; write the tables."""
    logging.set_verbosity(logging.ERROR)
    if "drone-ir" in _SKIES.value and not _DATA.value:
        raise app.UsageError("--skies=drone-ir needs --data, the folder of the clips")
    out, size = Path(_OUT.value), _SIZE.value
    variants = _VARIANTS.value or list(VARIANTS)
    results = detection_report.read_results(out / "detection.json", size)
    for sky_name, seed in itertools.product(_SKIES.value, _SEEDS.value):
        measured = results.setdefault(sky_name, {}).setdefault(seed, {})
        if missing := [name for name in variants if name not in measured]:
            work = out / "detection.work" / f"{sky_name}-{size}-{seed}"
            measured.update(measure(sky_name, size, int(seed), missing, work))
            record = detection_report.record_of(results, size)
            write_text(out / "detection.json", as_json(record))
            write_text(out / "detection.md", detection_report.as_markdown(results, size))
    print(detection_report.as_markdown(results, size))


if __name__ == "__main__":
    restart_with_settings()
    app.run(main)
