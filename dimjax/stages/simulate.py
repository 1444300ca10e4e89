"""Simulate the data of a run: its sky, or the objects that are implanted into its own sequences."""

from dimjax.errors import InputError, OnError
from dimjax.label_noise import ErrorRates
from dimjax.progress import counted, say
from dimjax.runs.config_rules import implant_settings, sky_settings
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths
from dimjax.sky import check_same_sky, write_folder
from dimjax.sky.implant_files import choose, with_implants, write_implants


def run(context: RoundContext) -> None:
    """Write paths.sky if the run has no data folder, or paths.implants if it asks for implants."""
    config, paths = context.config, context.paths
    if config.data.folder:
        if config.data.implant.share and not paths.implants.exists():
            _implant(context)
        return
    make = check_same_sky if paths.sky.exists() else write_folder
    make(paths.sky, *_sky_arguments(config))


def check_sky(config, paths: Paths, on_error: OnError) -> None:
    """Report a sky that was made with another configuration than that of the run.

    Args:
      config: All keys of the run.
      paths: Paths of any round.
      on_error: Called with the problem.
    """
    if config.data.folder:
        return
    try:
        check_same_sky(paths.sky, *_sky_arguments(config))
    except InputError as problem:
        on_error(problem)


def _sky_arguments(config) -> tuple:
    """Arguments of write_folder after the path."""
    settings, training = sky_settings(config.sky)
    counts, rates = config.sky.sequences.to_dict(), ErrorRates(**config.sky.errors)
    return settings, counts, config.seed, rates, training


def _implant(context: RoundContext) -> None:
    """Draw objects for the training sequences, and for validation if it has no labels at all."""
    folder, splits, paths = context.folder, context.splits, context.paths
    settings = implant_settings(context.config.data.implant)
    names = choose(splits["train"], settings.share, settings.seed)
    val = splits.get("val", [])
    if not folder.labels.sequence.isin(val).any():
        names += val
    write_implants(folder, names, settings, paths.implants)
    rows = with_implants(folder, paths.implants).additions.labels
    counts = (f"{n:,} of {kind}" for kind, n in rows.category.value_counts().items())
    say(f"implants in {counted(len(names), 'sequence')}, labels: {', '.join(counts) or 'none'}")
