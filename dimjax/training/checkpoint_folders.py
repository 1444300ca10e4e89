"""The folder of a training's checkpoints, checked without JAX.

check_folder("runs/demo/rounds/0/checkpoints")      # raises if there is none
"""

from pathlib import Path

from dimjax.errors import InputError


def check_folder(directory: Path) -> None:
    """Check that a training has a folder of checkpoints.

    Raises:
      InputError: There is no such folder.
    """
    if not Path(directory).is_dir():
        rule, remedy = "a checkpoint of any epoch is needed", "Train first, or name another round."
        raise InputError(directory, rule, "no folder", remedy)
