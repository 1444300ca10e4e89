"""Simulate the data of a run: its sky, or the objects that are implanted into its own sequences."""

from dimjax.label_noise import ErrorRates
from dimjax.progress import counted, say
from dimjax.runs.config_rules import implant_settings, sky_settings
from dimjax.runs.context import RoundContext
from dimjax.sky import check_same_sky, write_folder
from dimjax.sky.implant_files import choose, with_implants, write_implants


def run(context: RoundContext) -> None:
    """Write paths.sky if the run has no data folder, or paths.implants if it asks for implants."""
    config, paths = context.config, context.paths
    if config.data.folder:
        if config.data.implant.share and not paths.implants.exists():
            _implant(context)
        return
    settings, training = sky_settings(config.sky)
    make = check_same_sky if paths.sky.exists() else write_folder
    make(
        paths.sky,
        settings,
        config.sky.sequences.to_dict(),
        config.seed,
        ErrorRates(**config.sky.errors),
        training,
    )


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
