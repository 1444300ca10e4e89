"""Rules for the values of a configuration, checked before anything starts.

check(config)                                   # raises an InputError that names the key
"""

from collections.abc import Iterator, Mapping
from functools import partial
from operator import ge
from typing import Any

import jax

from dimjax import motion
from dimjax.data.layouts import layout_from
from dimjax.errors import InputError
from dimjax.label_noise import ErrorRates
from dimjax.label_noise.annotator import check_rates
from dimjax.models import create_detector
from dimjax.motion import EvidenceConfig
from dimjax.runs.workdir import flat
from dimjax.settings_rules import (
    ABOVE_ZERO,
    INTEGER,
    NUMBER,
    SHARE,
    SWITCH,
    TEXT,
    Rule,
    at_least,
    check_fields,
    optional,
    same_type,
)
from dimjax.sky import SkyConfig
from dimjax.sky.implants import ImplantConfig
from dimjax.sky.implants import check as check_implants
from dimjax.sky.settings import check as check_sky
from dimjax.training import processes
from dimjax.training.inputs import MODES, uses_evidence

MIN_LEARNING_RATE = 1e-12  # less would be lost in float32


def one_of(*choices: str) -> Rule:
    """Accept one of some values."""
    return Rule(lambda value: value in choices, f"one of {', '.join(choices)}")


_RULES = {
    "model.input": one_of(*MODES),
    "training.optimizer": one_of("adamw", "adam"),
    "training.checkpoint": one_of("last", "best"),
    "data.reference": one_of("first", "last"),
    "rounds.start": one_of("last", "scratch"),
    "rounds.reviewer": one_of("human", "oracle", "auto"),
    "seed": at_least(0),
    "data.stride": at_least(1),
    "data.val_share": Rule(lambda value: 0 <= value < 1, "0 or more and below 1"),
    **{f"sky.sequences.{split}": at_least(0) for split in ("train", "val", "test", "new")},
    "chips.chip_px": at_least(1),
    "chips.frame_step": at_least(1),
    "chips.backgrounds_per_label": at_least(0),
    "loss.location_weight": at_least(0),
    "loss.classification_weight": at_least(0),
    "training.epochs": at_least(1),
    "training.batch_size": at_least(1),
    "training.learning_rate": at_least(MIN_LEARNING_RATE),
    "training.weight_decay": at_least(0),
    "training.warmup_epochs": at_least(0),
    "training.device_gb": at_least(0),
    "training.noise": at_least(0),
    "rounds.count": at_least(1),
    "rounds.later_epochs": at_least(1),
    "rounds.max_items_per_frame": at_least(0),
    "rounds.oracle_error": SHARE,
    "rounds.auto_probability": SHARE,
    "refinement.planted_share": SHARE,
    "refinement.target_recall": SHARE,
    "refinement.min_probability": SHARE,
    "refinement.loss_threshold": at_least(0),
    "refinement.max_items_per_label": SHARE,
    "detection.match_px": ABOVE_ZERO,
    "detection.suppress_px": at_least(0),
    "detection.max_detections": at_least(1),
    "detection.tile_px": at_least(0),
    "detection.margin_px": at_least(0),
    "evaluation.false_alarms_per_frame": Rule(
        lambda allowed: len(allowed) > 0 and all(rate > 0 for rate in allowed),
        "one or more numbers above 0",
    ),
}
# Largest values. Beyond them a run would not end, or not fit into any memory.
_LIMITS = {
    "seed": 2**32 - 1,  # JAX keeps the lower 32 bits of a seed
    "data.stride": 1000,
    "sky.sequences.train": 100_000,
    "sky.sequences.val": 100_000,
    "sky.sequences.test": 100_000,
    "sky.sequences.new": 100_000,
    "chips.chip_px": 4096,
    "chips.frame_step": 1_000_000,
    "chips.backgrounds_per_label": 1000,
    "model.width": 16,
    "loss.location_weight": 1e6,
    "loss.classification_weight": 1e6,
    "training.epochs": 100_000,
    "training.batch_size": 65_536,
    "training.learning_rate": 10,
    "training.weight_decay": 10,
    "training.warmup_epochs": 100_000,
    "training.device_gb": 100_000,
    "training.noise": 1000,
    "rounds.count": 1000,
    "rounds.later_epochs": 100_000,
    "rounds.max_items_per_frame": 10_000,
    "refinement.loss_threshold": 1e9,
    "detection.match_px": 1000,
    "detection.suppress_px": 1000,
    "detection.max_detections": 10_000,
    "detection.tile_px": 65_536,
    "detection.margin_px": 65_536,
}
_TYPES = {
    **{key: INTEGER for key in ("seed", "data.stride", "chips.chip_px", "chips.frame_step")},
    **{f"sky.sequences.{split}": INTEGER for split in ("train", "val", "test", "new")},
    **{f"training.{key}": INTEGER for key in ("epochs", "batch_size")},
    **{f"rounds.{key}": INTEGER for key in ("count", "later_epochs")},
    **{f"detection.{key}": INTEGER for key in ("max_detections", "tile_px", "margin_px")},
    **{key: TEXT for key in ("data.folder", "data.reference", "model.backbone", "model.input")},
    **{key: TEXT for key in ("training.start", "training.checkpoint")},
    **{key: TEXT for key in ("training.optimizer", "rounds.start", "rounds.reviewer")},
    **{key: SWITCH for key in ("model.bf16", "training.augment", "detection.camera_motion")},
    **{key: SWITCH for key in ("data.align", "data.align_rotation")},
    **{f"sky.settings.{name}": same_type(value) for name, value in SkyConfig()._asdict().items()},
    **{f"data.implant.{k}": same_type(value) for k, value in ImplantConfig()._asdict().items()},
    **{f"sky.training.{key}": optional(NUMBER) for key in ("interference_per_frame", "birds")},
    **{f"sky.errors.{name}": same_type(value) for name, value in ErrorRates()._asdict().items()},
    **{f"evidence.{name}": same_type(value) for name, value in EvidenceConfig()._asdict().items()},
    "model.output_stride": INTEGER,
    "model.width": NUMBER,
    "evaluation.false_alarms_per_frame": Rule(
        lambda value: isinstance(value, list | tuple) and all(map(NUMBER.holds, value)),
        "a list of finite numbers",
    ),
}
_TYPES |= {key: NUMBER for key in _RULES if key not in _TYPES}
_REMEDY = "Correct it in the configuration or on the command line."


def check(config) -> None:
    """Check the types and values of all keys.

    Raises:
      InputError: A value breaks its rule, or a key is missing; the first one is reported.
    """
    values = flat(config.to_dict())
    for key in sorted(_TYPES.keys() - values.keys()):  # the configuration predates the key
        remedy = "Copy it from configs/default.py."
        raise InputError(f"config.{key}", "the key is required", "no such key", remedy)
    check_fields("config.{}", values, _TYPES, _REMEDY)
    check_fields("config.{}", values, _RULES, _REMEDY)
    limits = {key: Rule(partial(ge, limit), f"at most {limit:,}") for key, limit in _LIMITS.items()}
    check_fields("config.{}", values, limits, _REMEDY)
    check_fields("config.{}", values, dict(_dependent_rules(config)), _REMEDY)
    tile_rule = _tile_rule(config.detection.margin_px)
    check_fields("config.{}", values, {"detection.tile_px": tile_rule}, _REMEDY)
    processes.check_settings(config.distributed)
    motion.check(EvidenceConfig(**config.evidence.to_dict()))
    layout_from(config.data.layout.to_dict(), "config.data.layout")
    create_detector(config.model.backbone, config.model.width, config.model.output_stride)
    check_implants(implant_settings(config.data.implant), "config.data.implant.{}")
    if not config.data.folder:
        for settings in sky_settings(config.sky):
            check_sky(settings)
        check_rates(ErrorRates(**config.sky.errors))


def implant_settings(section) -> ImplantConfig:
    """Read the settings of implants from the section `data.implant` of a configuration."""
    return ImplantConfig(**_with_tuples(section))


def sky_settings(sky) -> tuple[SkyConfig, SkyConfig]:
    """Read the settings of the simulated sequences from the section `sky` of a configuration.

    Returns:
      The settings of all sequences but the training sequences, and those of the latter.
    """
    settings = SkyConfig(**_with_tuples(sky.settings))
    changes = {key: value for key, value in _with_tuples(sky.training).items() if value is not None}
    return settings, settings._replace(**changes)


def _with_tuples(settings: Mapping) -> dict[str, Any]:
    """Return settings with tuples, which JSON has turned into lists if a run is resumed."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


def check_devices(config) -> None:
    """Check that the batches can be divided among the devices of this machine.

    Raises:
      InputError: They cannot.
    """
    devices = jax.device_count()
    rule = _multiple_of(devices, f"the {devices} devices")
    values = {"training.batch_size": config.training.batch_size}
    check_fields("config.{}", values, {"training.batch_size": rule}, _REMEDY)


def _dependent_rules(config) -> Iterator[tuple[str, Rule]]:
    """Rules that depend on other keys."""
    if not config.refinement.planted_share:
        text = "0 without a refinement (refinement.planted_share=0)"
        yield "refinement.loss_threshold", Rule(lambda value: value == 0, text)
    if not config.data.folder:
        text = "0 without data.folder: the simulated sky has objects of its own"
        yield "data.implant.share", Rule(lambda value: value == 0, text)
    if not config.data.align:
        yield "data.align_rotation", Rule(lambda value: not value, "False without data.align=True")
    if uses_evidence(config.model.input):
        text = "0 with motion evidence, which is computed before the training"
        yield "training.noise", Rule(lambda value: value == 0, text)
    stride = config.model.output_stride
    if stride > 0:
        for key in ("chips.chip_px", "detection.tile_px", "detection.margin_px"):
            yield key, _multiple_of(stride, f"model.output_stride={stride}")


def _tile_rule(margin_px: int) -> Rule:
    text = "more than twice detection.margin_px, or 0"
    return Rule(lambda value: value == 0 or value > 2 * margin_px, text)


def _multiple_of(divisor: int, text: str) -> Rule:
    return Rule(lambda value: value % divisor == 0, f"a multiple of {text}")
