"""Weights that a training starts from: those of another run, or of one of its checkpoints.

check(config)                           # before anything is written
variables = read(config)                # None if the training starts at random weights
"""

from pathlib import Path

from dimjax.detection.detector import Detector, restore_detector
from dimjax.errors import InputError
from dimjax.progress import say
from dimjax.runs.context import RoundContext, clip_stride
from dimjax.runs.workdir import Paths, newest_round, read_config

# Fields of a detector's description that its weights depend on, and their keys.
_KEYS = {
    "backbone": "model.backbone",
    "width": "model.width",
    "output_stride": "model.output_stride",
    "input": "model.input",
}


def check(config) -> None:
    """Check that the weights of training.start exist and fit the model of the configuration.

    A note says if they were trained on other clips.

    Raises:
      InputError: There are no such weights, or they are those of another model.
    """
    if not config.training.start:
        return
    description = _read(config).description
    switches = {name: config.data[name] for name in ("align", "align_rotation")}
    here = {"stride": clip_stride(config), **switches}
    for name, value in here.items():
        given = description.get(name, False)
        if given != value:
            say(
                f"note: config.training.start={config.training.start} was trained on clips of "
                f"{name} {given}, this run trains on clips of {name} {value}"
            )


def read(config) -> dict | None:
    """Read the variables {"params", "batch_stats"} of training.start; None if it is empty.

    Raises:
      InputError: As `check`.
    """
    return _read(config).variables if config.training.start else None


def _read(config) -> Detector:
    start = Path(config.training.start)
    detector = restore_detector(*_checkpoint(start))
    subject = f"config.training.start={start}"
    for field, key in _KEYS.items():
        section, name = key.split(".")
        wanted, given = config[section][name], detector.description[field]
        if wanted != given:
            rule = f"its weights must be those of a model of {key}={wanted}"
            remedy = f"Set {key}={given}, or name another run."
            raise InputError(subject, rule, f"{key}={given}", remedy)
    return detector


def _checkpoint(start: Path) -> tuple[Path, int | None]:
    """Find the folder of checkpoints and the epoch of a run, a folder of checkpoints or one."""
    if (start / "config.json").exists():
        paths = Paths(start, newest_round(start))
        return RoundContext(read_config(start), paths).checkpoint()
    if start.name.isdecimal() and start.is_dir():
        return start.parent, int(start.name)
    if not start.is_dir() or not any(one.name.isdecimal() for one in start.iterdir()):
        rule = "it must be a run's directory, or a folder of checkpoints"
        remedy = "Correct the path, or leave the key out."
        raise InputError("config.training.start", rule, start, remedy)
    return start, None
