"""Simulate the sky that a run trains on, where the configuration names no folder."""

from dimjax.data.folders import Folder, layout_from, open_folder
from dimjax.runs.workdir import Paths
from dimjax.sky import ErrorRates, Sky, write_folder


def run(config, paths: Paths) -> None:
    """Write paths.sky, or leave it as it is."""
    if config.data.folder or paths.sky.exists():
        return
    settings = config.sky.settings.to_dict()
    write_folder(
        paths.sky,
        Sky(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}),
        config.sky.sequences.to_dict(),
        config.seed,
        ErrorRates(**config.sky.errors),
    )


def data_folder(config, paths: Paths) -> Folder:
    """The folder of raw sequences: the user's, or the simulated one."""
    layout = layout_from(config.data.layout.to_dict(), "config.data.layout")
    return open_folder(config.data.folder or paths.sky, layout)
