"""Rules for the values of a configuration, checked before anything starts.

check(config)                                   # raises an InputError that names the key
"""

import math
from collections.abc import Iterator

import jax

from dimjax import motion
from dimjax.data.layouts import layout_from
from dimjax.errors import InputError
from dimjax.models import create_detector
from dimjax.runs.workdir import flat
from dimjax.settings_rules import ABOVE_ZERO, SHARE, Rule, at_least, check_fields
from dimjax.training.inputs import CHANNELS, uses_evidence


def one_of(*choices: str) -> Rule:
    """Accept one of some values."""
    return Rule(lambda value: value in choices, f"one of {', '.join(choices)}")


_RULES = {
    "model.input": one_of(*CHANNELS),
    "training.optimizer": one_of("adamw", "adam"),
    "rounds.start": one_of("last", "scratch"),
    "rounds.reviewer": one_of("human", "oracle", "auto"),
    "seed": at_least(0),
    "data.stride": at_least(1),
    "chips.chip_px": at_least(1),
    "chips.frame_step": at_least(1),
    "chips.backgrounds_per_label": at_least(0),
    "loss.location_weight": at_least(0),
    "loss.classification_weight": at_least(0),
    "training.epochs": at_least(1),
    "training.batch_size": at_least(1),
    "training.learning_rate": ABOVE_ZERO,
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
_REMEDY = "Correct it in the configuration or on the command line."


def check(config) -> None:
    """Check every key that has a rule.

    Raises:
      InputError: A value breaks its rule, or a key is missing; the first one is reported.
    """
    values = flat(config.to_dict())
    for key in sorted(_RULES.keys() - values.keys()):  # the configuration predates the key
        remedy = "Copy it from configs/default.py."
        raise InputError(f"config.{key}", "the key is required", "no such key", remedy)
    check_fields("config.{}", values, dict(_finite(values)), _REMEDY)
    check_fields("config.{}", values, _RULES, _REMEDY)
    check_fields("config.{}", values, dict(_dependent_rules(config)), _REMEDY)
    tile_rule = _tile_rule(config.detection.margin_px)
    check_fields("config.{}", values, {"detection.tile_px": tile_rule}, _REMEDY)
    motion.check(motion.EvidenceConfig(**config.evidence.to_dict()))
    layout_from(config.data.layout.to_dict(), "config.data.layout")
    create_detector(config.model.backbone, config.model.width, config.model.output_stride)


def _finite(values: dict) -> Iterator[tuple[str, Rule]]:
    def is_finite(value) -> bool:
        numbers = value if isinstance(value, list | tuple) else [value]
        return all(not isinstance(one, float) or math.isfinite(one) for one in numbers)

    return ((key, Rule(is_finite, "finite")) for key in values)


def _dependent_rules(config) -> Iterator[tuple[str, Rule]]:
    """Rules that depend on other keys."""
    if not config.refinement.planted_share:
        text = "0 without a refinement (refinement.planted_share=0)"
        yield "refinement.loss_threshold", Rule(lambda value: value == 0, text)
    if uses_evidence(config.model.input):
        text = "0 with motion evidence, which is computed before the training"
        yield "training.noise", Rule(lambda value: value == 0, text)
    stride, devices = config.model.output_stride, jax.device_count()
    if stride > 0:
        for key in ("chips.chip_px", "detection.tile_px", "detection.margin_px"):
            yield key, _multiple_of(stride, f"model.output_stride={stride}")
    yield "training.batch_size", _multiple_of(devices, f"the {devices} devices")


def _tile_rule(margin_px: int) -> Rule:
    text = "more than twice detection.margin_px, or 0"
    return Rule(lambda value: value == 0 or value > 2 * margin_px, text)


def _multiple_of(divisor: int, text: str) -> Rule:
    return Rule(lambda value: value % divisor == 0, f"a multiple of {text}")
