"""Simulate the sky that a run trains on, if the configuration names no data folder."""

from dimjax.label_noise import ErrorRates
from dimjax.runs.config_rules import sky_settings
from dimjax.runs.context import RoundContext
from dimjax.sky import write_folder


def run(context: RoundContext) -> None:
    """Write paths.sky, unless it exists or the run has a data folder."""
    config = context.config
    if config.data.folder or context.paths.sky.exists():
        return
    settings, training = sky_settings(config.sky)
    write_folder(
        context.paths.sky,
        settings,
        config.sky.sequences.to_dict(),
        config.seed,
        ErrorRates(**config.sky.errors),
        training,
    )
