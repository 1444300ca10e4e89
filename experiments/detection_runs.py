"""Configurations and runs of experiments/detection.py.

config = config_of("demo", "cpu", seed=0, data=None, variant="difference+evidence")
trained(config, Path("detection.work/run"), make_builder)       # its evaluation.json
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from configs import darknet80, demo, drone_ir, sky
from dimjax.atomic_files import write_text
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds
from dimjax.training.inputs import uses_evidence

CONFIGS = {"demo": demo, "default": sky, "drone-ir": drone_ir, "darknet80": darknet80}
VARIANTS = {  # keys that differ from the sky's configuration
    "difference": {"model.input": "difference"},
    "sequence": {"model.input": "sequence"},
    "single+evidence": {"model.input": "single+evidence"},
    "difference+evidence": {"model.input": "difference+evidence"},
    "difference+evidence, one band": {
        "model.input": "difference+evidence",
        "evidence.slow_stride": 0,
    },
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
        "evidence.slow_stride": 0,  # the sequences are shorter than a second window
        "chips.chip_px": 32,
        "model.width": 0.25,
        "training.epochs": 4,
        "training.batch_size": 16,
    },
    "cpu": {},
    "paper": {"model.width": 1.0, "training.epochs": 100},
    "gpu": {
        "sky.sequences.train": 30,
        "sky.sequences.val": 3,
        "sky.sequences.test": 10,
        "model.bf16": True,
        "training.epochs": 15,
    },
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


def trained(config, folder: Path, make_builder: Callable) -> dict:
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
