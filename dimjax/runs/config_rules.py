"""What the keys of a configuration must hold, checked before anything starts.

check(config)                                   # raises an InputError that names the key
"""

import math
from collections.abc import Iterator

import jax

from dimjax.data.layouts import layout_from
from dimjax.errors import InputError
from dimjax.models import create_detector
from dimjax.training.inputs import CHANNELS

_CHOICES = {
    "model.input": tuple(CHANNELS),
    "training.optimizer": ("adamw", "adam"),
    "rounds.start": ("last", "scratch"),
    "rounds.reviewer": ("human", "oracle", "auto"),
}
_AT_LEAST = {
    "seed": 0,
    "data.stride": 1,
    "chips.frame_step": 1,
    "chips.backgrounds_per_label": 0,
    "loss.location_weight": 0,
    "loss.classification_weight": 0,
    "training.epochs": 1,
    "training.batch_size": 1,
    "training.weight_decay": 0,
    "training.warmup_epochs": 0,
    "training.device_gb": 0,
    "training.noise": 0,
    "rounds.count": 1,
    "rounds.later_epochs": 1,
    "rounds.max_items_per_frame": 0,
    "refinement.loss_threshold": 0,
    "detection.max_detections": 1,
    "detection.suppress_px": 0,
    "detection.tile_px": 0,
    "detection.margin_px": 0,
}
_SHARES = (
    "rounds.oracle_error",
    "rounds.auto_probability",
    "refinement.planted_share",
    "refinement.target_recall",
    "refinement.min_probability",
    "refinement.max_items_per_label",
)
_ABOVE_ZERO = ("training.learning_rate", "detection.match_px")


def check(config) -> None:
    """Raise an InputError for the first key that breaks its rule."""
    for key, rule in _broken(config):
        remedy = "Correct it in the configuration or on the command line."
        raise InputError(f"config.{key}", f"it must be {rule}", _value(config, key), remedy)
    layout_from(config.data.layout.to_dict(), "config.data.layout")
    create_detector(config.model.backbone, config.model.width, config.model.output_stride)


def _broken(config) -> Iterator[tuple[str, str]]:
    for key in _not_finite(config):
        yield key, "finite"
    for key, choices in _CHOICES.items():
        if _value(config, key) not in choices:
            yield key, f"one of {', '.join(choices)}"
    for key, least in _AT_LEAST.items():
        if _value(config, key) < least:
            yield key, f"{least} or more"
    for key in _SHARES:
        if not 0 <= _value(config, key) <= 1:
            yield key, "between 0 and 1"
    for key in _ABOVE_ZERO:
        if _value(config, key) <= 0:
            yield key, "above 0"
    if config.refinement.loss_threshold and not config.refinement.planted_share:
        yield "refinement.loss_threshold", "0 without a refinement (refinement.planted_share=0)"
    stride = config.model.output_stride
    for key in ("chips.chip_px", "detection.tile_px", "detection.margin_px"):
        if stride > 0 and _value(config, key) % stride:
            yield key, f"a multiple of model.output_stride={stride}"
    if config.training.batch_size % jax.device_count():
        yield "training.batch_size", f"a multiple of the {jax.device_count()} devices"
    if config.chips.chip_px < 1:
        yield "chips.chip_px", "above 0"
    if 0 < config.detection.tile_px <= 2 * config.detection.margin_px:
        yield "detection.tile_px", "more than twice detection.margin_px, or 0"


def _not_finite(config, prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        if hasattr(value, "items"):
            yield from _not_finite(value, f"{prefix}{key}.")
        values = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(one, float) and not math.isfinite(one) for one in values):
            yield f"{prefix}{key}"


def _value(config, key: str):
    for name in key.split("."):
        if name not in config:  # a configuration, or a run, of before the key was there
            remedy = "Take it over from configs/default.py."
            raise InputError(f"config.{key}", "it must be there", "no such key", remedy)
        config = config[name]
    return config
