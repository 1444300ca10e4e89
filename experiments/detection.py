"""The ladder of detectors: each change of the configuration alone, beside the untrained filter.

    python experiments/detection.py --size=cpu --seeds=0,1,2 --out=experiments/results
    python experiments/detection.py --skies=drone-ir --data=DATA/drone-ir --out=DIR
    python experiments/detection.py --variants=difference,difference+evidence --out=DIR

A variant is the configuration of a sky with a few other keys (VARIANTS); it is trained and measured
on the test split, each frame alone and with tracks. "untrained" is the velocity filter bank on the
same frames. Skies: that of configs/demo.py, that of configs/sky.py, and the clips of drone-ir
(configs/drone_ir.py, with --data). All variants of a sky and seed share its sequences.

Sizes: toy (tiny sky, four epochs), cpu (as configured, two cores), paper (100 epochs at full width,
for a GPU). The runs lie in DIR/detection.work; finished ones are not repeated. Writes
detection.json and .md into DIR, with 95 % intervals over the seeds (Student's t).
"""

import json
import sys
import time
from pathlib import Path

import detection_report
from absl import app, flags, logging
from result_files import as_json

sys.path.insert(0, str(Path(__file__).parents[1]))
from configs import demo, drone_ir, sky
from dimjax.atomic_files import write_text
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds
from dimjax.training.inputs import uses_evidence
from dimjax.training.memory import restart_with_huge_pages
from main import make_builder

_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu", "paper"], "Size of sky and training.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the sky, errors and training.")
_SKIES = flags.DEFINE_list("skies", ["demo", "default"], "Of demo, default and drone-ir.")
_VARIANTS = flags.DEFINE_list("variants", None, "Names of VARIANTS; default: all.")
_DATA = flags.DEFINE_string("data", None, "Folder drone-ir, for the sky of that name.")
_OUT = flags.DEFINE_string("out", None, "Folder for the results.", required=True)

CONFIGS = {"demo": demo, "default": sky, "drone-ir": drone_ir}
VARIANTS = {  # keys that differ from the sky's configuration
    "difference": {"model.input": "difference"},
    "sequence": {"model.input": "sequence"},
    "single+evidence": {"model.input": "single+evidence"},
    "difference+evidence": {"model.input": "difference+evidence"},
    "sequence+evidence": {"model.input": "sequence+evidence"},
    "difference+evidence, stride 4": {
        "model.input": "difference+evidence",
        "model.output_stride": 4,
    },
}
SIZES = {  # further keys
    "toy": {
        "sky.sequences.train": 1,
        "sky.sequences.val": 1,
        "sky.sequences.test": 2,
        "sky.settings.frames": 10,
        "sky.settings.height": 64,
        "sky.settings.width": 96,
        "sky.settings.snr": (8.0, 15.0),
        "chips.chip_px": 32,
        "model.width": 0.25,
        "training.epochs": 4,
        "training.batch_size": 16,
    },
    "cpu": {},
    "paper": {"model.width": 1.0, "training.epochs": 100},
}


def config_of(sky_name: str, size: str, seed: int, data: str | None, variant: str):
    """Return the configuration of a variant.

    Args:
      sky_name: Of CONFIGS.
      size: Of SIZES.
      seed: Of the sky and the training.
      data: Folder of the sequences; None to simulate them.
      variant: Of VARIANTS.
    """
    config = CONFIGS[sky_name].get_config()
    config.seed = seed
    config.data.folder = data or ""
    config.update_from_flattened_dict({**SIZES[size], **VARIANTS[variant]})
    if uses_evidence(config.model.input):
        config.training.noise = 0.0  # the evidence is computed before noise could be added
    return config


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
    results = {}
    for variant in variants:
        config = config_of(sky_name, size, seed, data, variant)
        folder = work / variant.replace(", ", "-").replace(" ", "-")
        evaluation = trained(config, folder)
        seconds = json.loads((folder / "cpu.json").read_text())["cpu_s"]
        results[variant] = detection_report.figures_of(evaluation, seconds)
    return {"untrained": detection_report.figures_of_untrained(evaluation), **results}


def trained(config, folder: Path) -> dict:
    """Run the main job of a variant, unless it is done, and read its evaluation.

    The processor seconds of all stages are written to cpu.json; null if a run was killed and
    resumed, because those before are lost.
    """
    paths, record = Paths(folder), folder / "cpu.json"
    if not record.exists():
        resumed = paths.config.exists()
        started = time.process_time()
        rounds.run(config, str(folder), make_builder, last="evaluate")
        seconds = None if resumed else time.process_time() - started
        write_text(record, json.dumps({"cpu_s": seconds}))
    return json.loads(paths.evaluation.read_text())


def main(_) -> None:
    """Measure all skies and seeds; write the tables."""
    logging.set_verbosity(logging.ERROR)
    out, size = Path(_OUT.value), _SIZE.value
    variants = _VARIANTS.value or list(VARIANTS)
    results = {
        sky_name: {
            seed: measure(
                sky_name,
                size,
                int(seed),
                variants,
                out / "detection.work" / f"{sky_name}-{size}-{seed}",
            )
            for seed in _SEEDS.value
        }
        for sky_name in _SKIES.value
    }
    record = detection_report.record_of(results, size)
    write_text(out / "detection.json", as_json(record))
    text = detection_report.as_markdown(record)
    write_text(out / "detection.md", text)
    print(text)


if __name__ == "__main__":
    restart_with_huge_pages()
    app.run(main)
