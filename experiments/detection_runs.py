"""Configurations and runs of experiments/detection.py.

run = SkyRuns("demo", "cpu", seed=0, data="sky", work=Path("detection.work/demo-cpu-0"))
run.evaluation("difference", make_builder)          # figures and processor seconds of a variant
"""

import contextlib
import functools
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from detection_changes import CHANGES, USES, replaced

from configs import darknet80, demo, drone_ir, sky
from dimjax.atomic_files import write_text
from dimjax.data.sequences import Sequence
from dimjax.detection.detector import Detector, make_detector, restore_detector
from dimjax.detection.untrained import untrained_detections
from dimjax.motion import EvidenceConfig
from dimjax.runs.context import RoundContext
from dimjax.runs.threshold_choice import choose_thresholds
from dimjax.runs.workdir import Paths, write_config
from dimjax.stages import rounds
from dimjax.training.inputs import uses_evidence

CONFIGS = {"demo": demo, "default": sky, "drone-ir": drone_ir, "darknet80": darknet80}
AS_CONFIGURED = "as configured"


class Variant(NamedTuple):
    """What differs from the configuration of a sky."""

    keys: dict = {}  # in their values, {evidence} is "+evidence" if the sky's network has it
    change: str | None = None  # of the training, one of CHANGES
    use: str | None = None  # of the weights that were trained as configured, one of USES


_FRAMES = {"model.input": "sequence{evidence}"}
VARIANTS = {
    AS_CONFIGURED: Variant(change="averaging"),  # which changes nothing but keeps an average
    "other rounding": Variant(change="other rounding"),
    "averaged weights": Variant(use="averaged weights"),
    "symmetries at evaluation": Variant(use="symmetries"),
    "focal confidence": Variant(change="focal confidence"),
    "balanced confidence": Variant(change="balanced confidence"),
    "hard negatives weighted": Variant(change="hard negatives weighted"),
    "soft assignment": Variant(change="soft assignment"),
    "learnable differences": Variant(_FRAMES, "learnable differences"),
    "reference beside differences": Variant(_FRAMES, "reference beside differences"),
    "stride 4": Variant({"model.output_stride": 4}),
    "stride 2": Variant({"model.output_stride": 2}, "stride 2"),
    "difference": Variant({"model.input": "difference"}),
    "sequence": Variant({"model.input": "sequence"}),
    "single+evidence": Variant({"model.input": "single+evidence"}),
    "difference+evidence": Variant({"model.input": "difference+evidence"}),
    "difference+evidence, one band": Variant(
        {"model.input": "difference+evidence", "evidence.slow_stride": 0}
    ),
    "sequence+evidence": Variant({"model.input": "sequence+evidence"}),
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
    "half": {"sky.sequences.train": 32, "training.epochs": 12},  # a third of the training
    "sixth": {"sky.sequences.train": 16, "training.epochs": 12},
    "paper": {"model.width": 1.0, "training.epochs": 100},
    "gpu": {
        "sky.sequences.train": 30,
        "sky.sequences.val": 3,
        "sky.sequences.test": 10,
        "model.bf16": True,
        "training.epochs": 15,
    },
}
_SIZES_OF = {  # of some skies, in their place
    ("drone-ir", "half"): {"chips.frame_step": 8, "training.epochs": 6},
    ("drone-ir", "sixth"): {"chips.frame_step": 16, "training.epochs": 6},
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
    config.update_from_flattened_dict({**SIZES[size], **_SIZES_OF.get((sky_name, size), {})})
    evidence = "+evidence" if uses_evidence(config.model.input) else ""
    keys = {
        key: value.format(evidence=evidence) if isinstance(value, str) else value
        for key, value in VARIANTS[variant].keys.items()
    }
    config.update_from_flattened_dict(keys)
    if uses_evidence(config.model.input):
        config.training.noise = 0.0  # the evidence is computed before noise could be added
    return config


class SkyRuns(NamedTuple):
    """The runs of all variants on the sequences of a sky and a seed."""

    sky_name: str
    size: str
    seed: int
    data: str  # folder of the sequences
    work: Path

    def evaluation(self, variant: str, make_builder: Callable) -> dict:
        """Train and evaluate a variant, unless it is done.

        Returns:
          evaluation.json of its run, and "cpu_s", processor seconds of the chips, the training and
          the evaluation; None if a run was killed and resumed, because those before are lost.
        """
        record = self.work / f"{_file_name(variant)}.json"
        if not record.exists():
            resumed, started = self._folder(variant).exists(), time.process_time()
            figures = self.evaluated(variant, make_builder)
            seconds = None if resumed else time.process_time() - started
            write_text(record, json.dumps({**figures, "cpu_s": seconds}))
        return json.loads(record.read_text())

    def evaluated(self, variant: str, make_builder: Callable) -> dict:
        """Run the main job of a variant up to its evaluation, which is returned."""
        config, folder = self._config(variant), self._folder(variant)
        changes = CHANGES.get(VARIANTS[variant].change, contextlib.nullcontext)()
        if use := VARIANTS[variant].use:
            self.evaluation(AS_CONFIGURED, make_builder)
            self._fork(AS_CONFIGURED, config, folder)
            used = functools.partial(self._used, USES[use], RoundContext(config, Paths(folder)))
            changes = replaced({"dimjax.stages.evaluate.restore_detector": used})
        elif not VARIANTS[variant].keys:
            if not Paths(self._folder("built")).built:  # else it would go on to the training
                built = str(self._folder("built"))
                rounds.run(config, built, make_builder, last="build")
            self._fork("built", config, folder)
        with changes, replaced({"dimjax.stages.evaluate.untrained_detections": _searched_once}):
            rounds.run(config, str(folder), make_builder, last="evaluate")
        return json.loads(Paths(folder).evaluation.read_text())

    def _folder(self, variant: str) -> Path:
        return self.work / _file_name(variant)

    def _config(self, variant: str):
        return config_of(self.sky_name, self.size, self.seed, self.data, variant)

    def _fork(self, source: str, config, folder: Path) -> None:
        """Begin a run with the chips, and the weights if there are any, of another, not copied."""
        if folder.exists():
            return
        aside = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(aside, ignore_errors=True)
        write_config(config, aside)
        without = shutil.ignore_patterns(Paths(folder).evaluation.name)
        rounds_of = self._folder(source) / "rounds"
        shutil.copytree(rounds_of, aside / "rounds", ignore=without, copy_function=os.link)
        aside.rename(folder)

    @staticmethod
    def _used(use: Callable, context: RoundContext, *checkpoint: Any) -> Detector:
        """Restore a detector that uses its weights in another way, with thresholds of its own."""
        detector = restore_detector(*checkpoint)
        model, variables = use(detector, context.paths.checkpoints)
        description = {**detector.description, "rescoring": None}
        chosen = choose_thresholds(context, make_detector(model, variables, description))
        return make_detector(model, variables, {**description, **chosen})


def _once(search: Callable) -> Callable:
    """Return untrained_detections that keeps its tables: all variants have the same sequences."""
    tables = {}

    def searched(sequence: Sequence, settings: EvidenceConfig) -> pd.DataFrame:
        key = (sequence.path, sequence.name, settings)
        if key not in tables:
            tables[key] = search(sequence, settings)
        return tables[key].copy()

    return searched


_searched_once = _once(untrained_detections)


def _file_name(variant: str) -> str:
    return variant.replace(", ", "-").replace(" ", "-")
