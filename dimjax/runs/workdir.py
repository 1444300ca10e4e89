"""A run's directory: the paths of its parts, and its configuration. It does not load JAX.

paths = Paths("runs/demo", round=1)
paths.labels                          # runs/demo/rounds/1/labels.csv
write_config(config, "runs/demo")     # refuses a directory with other keys
read_config("runs/demo").data.stride
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ml_collections import config_dict

import dimjax
from dimjax.atomic_files import read_record, write_text
from dimjax.errors import InputError
from dimjax.training.training_log import TrainingLog

_MAX_BYTES = 2**20  # of config.json
# Folders of a run, whose files it replaces.
_PARTS = ("rounds", "digests", "report_files", "detect", "evaluations", "comparisons", "export")

# Keys of a start, not of a run: they may differ each time. The default is one process.
_START_KEYS = {"distributed": {"coordinator_address": "", "num_processes": 1, "process_id": 0}}


class Paths:
    """Paths of the parts of a run and of one of its rounds, from 0."""

    def __init__(self, workdir: str | Path, round: int = 0):
        self.workdir = Path(workdir)
        self.config = self.workdir / "config.json"
        self.lock = self.workdir / "run.lock"
        self.sky = self.workdir / "sky"
        self.implants = self.workdir / "implants.csv"
        self.report = self.workdir / "report.html"
        self.report_files = self.workdir / "report_files"
        self.training_page = self.workdir / "training.html"
        self.comparisons = self.workdir / "comparisons"
        self.detect = self.workdir / "detect"
        self.evaluations = self.workdir / "evaluations"
        self.contact_sheet = self.workdir / "contact_sheet.png"
        self.exported = self.workdir / "export"
        self.ledger = self.workdir / "ledger.sqlite"
        self.ledger_backup = self.workdir / "ledger.backup.sqlite"
        self.number = round
        self.round = self.workdir / "rounds" / str(round)
        self.labels = self.round / "labels.csv"
        self.planted = self.round / "planted.csv"
        self.plan = self.round / "plan.csv"
        self.new = self.round / "new.csv"
        self.examples = self.round / "examples"
        self.checkpoints = self.round / "checkpoints"
        self.best = self.round / "best"
        self.training_log = TrainingLog(self.round)
        self.partial_epoch = self.round / "partial_epoch.npz"
        self.detections = self.round / "detections.csv"
        self.outcomes = self.round / "outcomes.csv"
        self.evaluation = self.round / "evaluation.json"
        self.speed = self.round / "speed.json"
        self.predictions = self.round / "predictions.parquet"
        self.suspects = self.round / "suspects.csv"
        self.mined = self.round / "mined.csv"
        self.reviewed = self.round / "review.json"

    def scores(self, split: str) -> Path:
        """Path of the losses of a split's examples."""
        return self.round / "scores" / f"{split}.parquet"

    def of_round(self, round: int) -> "Paths":
        """Return the paths of another round of the run."""
        return Paths(self.workdir, round)

    @property
    def built(self) -> list[Path]:
        """Folders of prepared data sets, by version: one, or none yet."""
        # A data set that is still being built lies in a folder incomplete.*
        infos = self.examples.glob("dim_targets/chips/[0-9]*/dataset_info.json")
        return [info.parent for info in sorted(infos)]

    @property
    def prepared(self) -> Path:
        """The folder of the prepared data set."""
        if not self.built:
            rule = "a prepared data set is needed"
            raise InputError(self.examples, rule, "none", "Build it first.")
        return self.built[0]


def check_workdir(workdir: str | Path, data_folder: str) -> None:
    """Check the path of a run before anything is written.

    Raises:
      InputError: It contains characters that Orbax cannot handle, lies in the data or among the
        files of another run, or the data lie among those of this one.
    """
    path = Path(workdir).absolute()
    if not str(path).isprintable() or any(one in str(path) for one in "*?[\\"):
        # Orbax searches its files by a pattern that contains the path.
        rule = "the path must be printable, without the pattern characters * ? [ and \\"
        raise InputError("--workdir", rule, path, "Choose another --workdir.")
    data = Path(data_folder).resolve() if data_folder else None
    if data in (path.resolve(), *path.resolve().parents):
        remedy = "Choose another --workdir."
        raise InputError("--workdir", "a run must not lie in its data folder", path, remedy)
    if data and _is_among(data, path.resolve()):
        rule, remedy = "the data must not lie among the files of the run", "Move them."
        raise InputError("config.data.folder", rule, data, remedy)
    for other in path.resolve().parents:
        if _is_run(other) and _is_among(path.resolve(), other, "sky"):
            rule, remedy = "it must not lie among the files of a run", "Choose another --workdir."
            raise InputError("--workdir", rule, path, remedy)


def run_around(folder: Path) -> Path | None:
    """Return the directory of the innermost run that a folder is or lies in, or None."""
    resolved = folder.resolve()
    return next((one for one in (resolved, *resolved.parents) if _is_run(one)), None)


def _is_run(folder: Path) -> bool:
    paths = Paths(folder)
    return paths.config.is_file() and paths.lock.is_file()


def _is_among(folder: Path, workdir: Path, *more: str) -> bool:
    """Whether a folder is one of those that a run writes, or lies in one."""
    parts = folder.relative_to(workdir).parts if folder.is_relative_to(workdir) else ()
    return bool(parts) and parts[0] in (*_PARTS, *more)


def check_links(workdir: str | Path) -> None:
    """Check that no link in a run's directory leads out of it, where files would be overwritten.

    Raises:
      InputError: A link does.
    """
    root = Path(workdir).resolve()
    for folder, folders, files in os.walk(root):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path.is_symlink() and root not in path.resolve().parents:
                rule, remedy = "a link must lead into the run's directory", "Replace it by a file."
                raise InputError(path, rule, path.resolve(), remedy)


def write_config(config: config_dict.ConfigDict, workdir: str | Path) -> None:
    """Save a run's configuration with versions; a run is never resumed with other keys.

    Only rounds.count may differ, and be higher: the run then goes on with further rounds.

    Raises:
      InputError: The directory holds a run of another configuration; the keys are named.
    """
    paths = Paths(workdir)
    record = {
        "config": json.loads(json.dumps(_without_start(config))),
        "versions": {"dimjax": dimjax.__version__, "jax": metadata.version("jax")},
    }
    record["digest"] = _digest(record["config"])
    resolved = str(Path(config.data.folder).resolve()) if config.data.folder else ""
    record["data_folder"] = first_data_folder(paths) or resolved
    check_links(workdir)
    if paths.config.exists() and not adds_rounds(config, workdir):
        differing = differing_keys(config, workdir)
        for key, (saved, given) in differing.items():
            more = f" and {len(differing) - 1} more that differ" if len(differing) > 1 else ""
            rule = f"a run keeps its configuration, {key}={saved!r}"
            remedy = (
                "Choose another --workdir, or leave --config and this key out: the run has its."
            )
            raise InputError(paths.config, rule, f"{key}={given!r}{more}", remedy)
        return
    write_text(paths.config, json.dumps(record, indent=2) + "\n")


def adds_rounds(config: config_dict.ConfigDict, workdir: str | Path) -> bool:
    """Whether a configuration is that of an existing run, but for a higher number of rounds."""
    if not Paths(workdir).config.exists():
        return False
    differing = differing_keys(config, workdir)
    saved, given = differing.get("rounds.count", (0, 0))
    return len(differing) == 1 and saved < given


def differing_keys(
    config: config_dict.ConfigDict, workdir: str | Path
) -> dict[str, tuple[Any, Any]]:
    """Map the keys in which a configuration differs from that of a run to both values, sorted.

    Raises:
      InputError: The configuration of the run is damaged.
    """
    saved = flat(_read_saved(Paths(workdir).config))
    given = flat(json.loads(json.dumps(_without_start(config))))
    values = {key: (saved.get(key), given.get(key)) for key in sorted(saved.keys() | given.keys())}
    return {key: (one, other) for key, (one, other) in values.items() if one != other}


def _without_start(config: config_dict.ConfigDict) -> dict[str, Any]:
    return {key: value for key, value in config.to_dict().items() if key not in _START_KEYS}


def read_config(workdir: str | Path) -> config_dict.ConfigDict:
    """Read the configuration of a run.

    Raises:
      InputError: The directory holds no run, or its file is damaged.
    """
    path = Paths(workdir).config
    if not path.exists():
        remedy = "Name a run, or give --config to start one."
        raise InputError(path, "a run's directory holds config.json", "none", remedy)
    check_links(workdir)
    return config_dict.ConfigDict({**_read_saved(path), **_START_KEYS}).lock()


def first_data_folder(paths: Paths) -> str:
    """Return the absolute path of the data folder that a run began with; "" if it is not known."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        return str(read_record(paths.config, _MAX_BYTES)["data_folder"])
    return ""


def _read_saved(path: Path) -> dict[str, Any]:
    """Read the keys in config.json.

    Raises:
      InputError: The file is damaged or has been changed.
    """
    record = read_record(path, _MAX_BYTES)
    with contextlib.suppress(LookupError, TypeError, AttributeError):
        if _has_types(record) and record["digest"] == _digest(record["config"]):
            return _with_newer_keys(record["config"])
    rule = "it must contain the configuration that the run began with"
    remedy = "Restore it, or choose another --workdir."
    raise InputError(path, rule, "a damaged or changed file", remedy)


def _has_types(record: dict[str, Any]) -> bool:
    """Whether its parts have their types; the rules of the configuration's values come later."""
    sections = (value for key, value in record["config"].items() if key != "seed")
    texts = *record["versions"].values(), record.get("data_folder", "")
    return all(isinstance(it, dict) for it in sections) and all(isinstance(it, str) for it in texts)


def _with_newer_keys(config: dict[str, Any]) -> dict[str, Any]:
    """Add the keys that a run began before, with the values that change nothing in it."""
    with contextlib.suppress(LookupError, TypeError, AttributeError):  # the rules name what lacks
        config["data"].setdefault("align_rotation", False)
        if config["data"]["implant"]["share"] == 0:
            config["data"]["implant"].setdefault("birds", 1.0)
        config["sky"]["settings"].setdefault("birds", 0.1)
        config["sky"]["training"].setdefault("birds", None)
    return config


def _digest(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def check_path(workdir: Any) -> None:
    """Check from Python that a run's directory is named by a path.

    Raises:
      InputError: It is something else, such as None.
    """
    if not isinstance(workdir, str | os.PathLike) or not os.fspath(workdir):
        rule = "it must be the path of a run's directory"
        raise InputError("workdir", rule, repr(workdir), 'Give it, e.g. "runs/demo".')


def newest_round(workdir: str | Path) -> int:
    """Return the newest round whose training is done, or 0.

    If its mark of completion was lost, the record of its files tells; their reader names the loss.
    """
    names = (path.name for path in Path(workdir).glob("rounds/*"))
    rounds = (Paths(workdir, int(name)) for name in names if name.isdecimal())
    trained = (
        paths.number
        for paths in rounds
        if paths.training_log.is_complete or (paths.round / "digests" / "train.json").exists()
    )
    return max(trained, default=0)


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Map full keys such as "training.epochs" to values; an empty section is a value too."""
    values = {}
    for key, value in config.items():
        inner = flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else None
        values |= inner or {prefix + key: value}
    return values
