"""A run's directory: where things lie in it, and its configuration. It does not load JAX.

paths = Paths("runs/demo", round=1)
paths.labels                          # runs/demo/rounds/1/labels.csv
write_config(config, "runs/demo")     # refuses to go on with other keys
read_config("runs/demo").data.stride
"""

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ml_collections import config_dict

import dimjax
from dimjax.atomic_files import write_whole
from dimjax.errors import InputError

# Where and with what others a run is started may change; here is one process on its own.
_OF_A_START = {"distributed": {"coordinator_address": "", "num_processes": 1, "process_id": 0}}


class Paths:
    """Where the parts of a run lie; round 0 is the first."""

    def __init__(self, workdir: str | Path, round: int = 0):
        self.workdir = Path(workdir)
        self.config = self.workdir / "config.json"
        self.lock = self.workdir / "run.lock"
        self.sky = self.workdir / "sky"
        self.report = self.workdir / "report.html"
        self.found = self.workdir / "detect"
        self.contact_sheet = self.workdir / "contact_sheet.png"
        self.exported = self.workdir / "export"
        self.ledger = self.workdir / "ledger.sqlite"
        self.number = round
        self.round = self.workdir / "rounds" / str(round)
        self.labels = self.round / "labels.csv"
        self.planted = self.round / "planted.csv"
        self.plan = self.round / "plan.csv"
        self.new = self.round / "new.csv"
        self.examples = self.round / "examples"
        self.checkpoints = self.round / "checkpoints"
        self.metrics = self.round / "metrics.jsonl"
        self.epoch_losses = self.round / "losses"
        self.losses = self.round / "losses.parquet"
        self.epoch_answers = self.round / "answers"
        self.answers = self.round / "answers.parquet"
        self.detections = self.round / "detections.csv"
        self.evaluation = self.round / "evaluation.json"
        self.predictions = self.round / "predictions.parquet"
        self.suspects = self.round / "suspects.csv"
        self.mined = self.round / "mined.csv"
        self.reviewed = self.round / "review.json"

    def scores(self, split: str) -> Path:
        """Where the losses of a split's examples are written."""
        return self.round / "scores" / f"{split}.parquet"

    def of_round(self, round: int) -> "Paths":
        """The paths of another round of the run."""
        return Paths(self.workdir, round)

    @property
    def built(self) -> list[Path]:
        """Folders of prepared data sets, with their version: one, or none yet."""
        # A data set that is still being built lies in a folder incomplete.*
        found = self.examples.glob("dim_targets/chips/[0-9]*/dataset_info.json")
        return [info.parent for info in sorted(found)]

    @property
    def prepared(self) -> Path:
        """The folder of the prepared data set."""
        if not self.built:
            where, rule = self.examples, "a prepared data set is needed"
            raise InputError(where, rule, "none", "Build it first.")
        return self.built[0]


def write_config(config: Mapping[str, Any], workdir: str | Path) -> None:
    """Save a run's configuration with versions; a run is never continued with other keys.

    Raises:
      InputError: The directory holds a run of another configuration; the keys are named.
    """
    paths = Paths(workdir)
    plain = {key: value for key, value in _plain(config).items() if key not in _OF_A_START}
    record = {
        "config": json.loads(json.dumps(plain)),
        "versions": {"dimjax": dimjax.__version__, "jax": metadata.version("jax")},
    }
    if paths.config.exists():
        there = flat(json.loads(paths.config.read_text())["config"])
        here = flat(record["config"])
        differing = sorted(k for k in there.keys() | here.keys() if there.get(k) != here.get(k))
        if differing:
            key = differing[0]
            raise InputError(
                paths.config,
                f"a run goes on with its own configuration, {key}={there.get(key)!r}",
                f"{key}={here.get(key)!r}"
                + (f" and {len(differing) - 1} more that differ" if differing[1:] else ""),
                "Choose another --workdir, or leave --config out to go on with the run's own.",
            )
        return
    write_whole(paths.config, json.dumps(record, indent=2) + "\n")


def read_config(workdir: str | Path) -> config_dict.ConfigDict:
    """The configuration of a run.

    Raises:
      InputError: The directory holds no run.
    """
    path = Paths(workdir).config
    if not path.exists():
        raise InputError(
            path, "a run's directory holds config.json", "none", "Give --config to start a run."
        )
    config = config_dict.ConfigDict({**json.loads(path.read_text())["config"], **_OF_A_START})
    return config.lock()


def newest_round(workdir: str | Path) -> int:
    """The newest round whose training is done, or 0."""
    done = Path(workdir).glob("rounds/*/losses.parquet")
    return max((int(path.parent.name) for path in done), default=0)


def _plain(config: Any) -> Any:
    if hasattr(config, "items"):
        return {key: _plain(value) for key, value in config.items()}
    return config


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by their whole keys, such as "training.epochs"; an empty part is a value too."""
    values = {}
    for key, value in config.items():
        inner = flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else None
        values |= inner or {prefix + key: value}
    return values
