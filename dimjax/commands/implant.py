"""Implant simulated objects into the sequences of a folder, and write them as a data folder.

run(config_for(None, "mine"), "implanted")         # into all sequences of a folder
run(config, "implanted")                # config.data.folder, config.data.implant
"""

from dataclasses import replace
from pathlib import Path

from configs import default
from dimjax.atomic_files import exclusive_lock
from dimjax.commands import recognise
from dimjax.commands.results import check_output
from dimjax.data.folders import open_folder
from dimjax.data.layouts import layout_from
from dimjax.data.listing import locations
from dimjax.data.presets import AUTO
from dimjax.data.written_folders import LOCK
from dimjax.errors import InputError
from dimjax.progress import counted, say
from dimjax.runs.config_rules import check, implant_settings
from dimjax.sky.implant_files import write_implanted_folder


def config_for(config, folder: str | None):
    """Return the configuration of an implantation.

    Args:
      config: Configuration; None for the default one, whose objects go into all sequences.
      folder: Data folder; None for that of the configuration.

    Raises:
      InputError: The layout is to be recognised, and is not.
    """
    if config is None:
        config = default.get_config()
        config.data.implant.share = 1.0
        with config.ignore_type():
            config.data.layout = type(config)(AUTO._asdict())
    if folder is not None:
        config.data.folder = folder
    recognise.apply(config)
    return config


def run(config, output: str | Path | None) -> Path:
    """Write a data folder whose sequences contain simulated objects.

    Args:
      config: Configuration; of its keys, data.folder, data.layout, data.implant and
        data.align_rotation count: with it, objects follow the rotation and scale of the scene.
      output: Folder to write to.

    Returns:
      The folder written to.

    Raises:
      InputError: A key is invalid, the share of the sequences is 0, there is no folder, no output,
        or the output holds something else.
    """
    check(config)
    settings = implant_settings(config.data.implant)
    if not settings.share:
        rule, remedy = "it must be above 0 to implant anything", "Set it to 1 for all sequences."
        raise InputError("config.data.implant.share", rule, settings.share, remedy)
    if output is None:
        rule, remedy = "the new data folder must be named", "Give --output=FOLDER."
        raise InputError("--output", rule, "nothing", remedy)
    output, path = Path(output), Path(config.data.folder)
    folder = open_folder(path, layout_from(config.data.layout.to_dict(), "config.data.layout"))
    folder = replace(folder, align_rotation=config.data.align_rotation)
    check_output(output, path, locations(folder.files), LOCK)
    rule, remedy = "one process at a time writes a data folder", "Wait for its end, or end it."
    with exclusive_lock(output / LOCK, rule, remedy):
        labels = write_implanted_folder(folder, settings, output)
    counts = ", ".join(f"{n:,} from {source}" for source, n in labels.source.value_counts().items())
    say(f"{output}: {counted(len(folder.names), 'sequence')}, labels: {counts or 'none'}")
    return output
