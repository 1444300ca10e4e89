"""Simulate the sky that a run trains on, if the configuration names no data folder."""

from collections.abc import Mapping
from typing import Any

from dimjax.label_noise import ErrorRates
from dimjax.runs.context import RoundContext
from dimjax.sky import SkyConfig, write_folder


def run(context: RoundContext) -> None:
    """Write paths.sky, unless it exists or the run has a data folder."""
    config = context.config
    if config.data.folder or context.paths.sky.exists():
        return
    settings = SkyConfig(**_plain(config.sky.settings))
    training = {k: v for k, v in _plain(config.sky.training).items() if v is not None}
    write_folder(
        context.paths.sky,
        settings,
        config.sky.sequences.to_dict(),
        config.seed,
        ErrorRates(**config.sky.errors),
        settings._replace(**training),
    )


def _plain(settings: Mapping) -> dict[str, Any]:
    """Return settings with tuples, which JSON has turned into lists if a run is resumed."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
