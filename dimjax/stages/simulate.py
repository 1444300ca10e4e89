"""Simulate the sky that a run trains on, if the configuration names no data folder."""

from dimjax.label_noise import ErrorRates
from dimjax.runs.context import RoundContext
from dimjax.sky import SkyConfig, write_folder


def run(context: RoundContext) -> None:
    """Write paths.sky, unless it exists or the run has a data folder."""
    config = context.config
    if config.data.folder or context.paths.sky.exists():
        return
    settings = config.sky.settings.to_dict()
    write_folder(
        context.paths.sky,
        SkyConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}),
        config.sky.sequences.to_dict(),
        config.seed,
        ErrorRates(**config.sky.errors),
    )
