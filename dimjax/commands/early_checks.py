"""Checks of what a verb is given, before the seconds that loading JAX takes.

    require_data(config)                    # raises if the data folder contains no sequence
    require_checkpoint("runs/demo")         # raises if the run is not trained
    require_addresses()                     # raises under a low limit of `ulimit -v`

A configuration of `--config` loads JAX itself: its folder is checked afterwards.
"""

from pathlib import Path

from dimjax.errors import InputError, UsageError

# JAX reserves more than it uses, and its native code aborts the process where it cannot. On two
# cores 4 GB suffice for a small search, and 3 GB do not.
_LEAST_ADDRESSES = 4 * 10**9  # bytes


def require_addresses() -> None:
    """Check that this process may reserve as many addresses as JAX does at least.

    Raises:
      InputError: It may not.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < _LEAST_ADDRESSES:
        value, remedy = f"a limit of {limit / 1e9:.1f} GB", "Raise the limit with `ulimit -v`."
        raise InputError("memory", "JAX must be able to reserve at least 4 GB", value, remedy)


def require_data(config, sky: Path | None = None) -> None:
    """Check that the data folder of a configuration exists and contains a sequence.

    Args:
      config: The configuration.
      sky: The folder if the configuration names none; None to check nothing then.

    Raises:
      InputError: It does not.
    """
    from dimjax.data.folders import open_folder
    from dimjax.runs.context import layout_of

    folder = config.data.folder or sky
    if folder:
        open_folder(folder, layout_of(config), lambda error: None)  # the verb reports these


def require_files(folder: str | None) -> None:
    """Check that a folder whose layout is unknown is given, exists and contains a file.

    Raises:
      InputError: It is not, or does not.
    """
    if folder is None:
        remedy = "Give --input=FOLDER, or --config=FILE."
        raise UsageError("--input", "the verb needs a data folder", "nothing", remedy)
    from dimjax.data.recognition import recognise

    if not any(one.is_file() for one in Path(folder).rglob("*")):
        recognise(folder)  # raises


def require_checkpoint(workdir: str, round: int | None = None, epoch: int | None = None) -> None:
    """Check that a run has checkpoints: dimjax.runs.context.require_checkpoint."""
    from dimjax.runs import context

    context.require_checkpoint(workdir, round, epoch)


def check_address(source: str) -> None:
    """Check the address of a live stream: dimjax.data.live_video.check_address."""
    from dimjax.data import live_video

    live_video.check_address(source)


def require_run(workdir: str) -> None:
    """Check that a directory is that of a run.

    Raises:
      InputError: It is not, or its configuration is damaged.
    """
    from dimjax.runs.workdir import read_config

    read_config(workdir)
