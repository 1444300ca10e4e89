"""A run's directory: where things lie in it, and what can be asked of it from Python.

run = dimjax.load("runs/demo")
run.losses("test")                    # loss of each example, in parts
run.detect(frames)                    # detections in [T, H, W]
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from ml_collections import config_dict

import dimjax
from dimjax import examples, search, training
from dimjax.errors import InputError
from dimjax.labels import CATEGORIES
from dimjax.meshes import own_mesh
from dimjax.sequences import Sequence, as_sequence
from dimjax.writing import written_aside

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


def write_whole(path: Path, text: str) -> None:
    """Write a file; under its name it is there whole or not at all."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table; under its name it is there whole or not at all."""
    with written_aside(path) as aside:
        table.to_parquet(aside, index=False)


def write_config(config: Mapping[str, Any], workdir: str | Path) -> None:
    """Save a run's configuration with versions; a run is never continued with other keys.

    Raises:
      InputError: The directory holds a run of another configuration; the keys are named.
    """
    paths = Paths(workdir)
    plain = {key: value for key, value in _plain(config).items() if key not in _OF_A_START}
    record = {
        "config": json.loads(json.dumps(plain)),
        "versions": {"dimjax": dimjax.__version__, "jax": jax.__version__},
    }
    if paths.config.exists():
        there = _flat(json.loads(paths.config.read_text())["config"])
        here = _flat(record["config"])
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


class Run:
    """A run that has a checkpoint: loss queries and detection.

    Attributes:
      config: All keys of the run.
      paths: Where its parts lie.
      detector: Of the checkpoint.
    """

    def __init__(
        self,
        workdir: str | Path,
        round: int | None = None,
        epoch: int | None = None,
        runtime: str = "jax",
    ):
        self.config = read_config(workdir)
        self.paths = Paths(workdir, newest_round(workdir) if round is None else round)
        self.detector = search.restore_detector(self.paths.checkpoints, epoch, runtime)

    def losses(self, split: str = "train", batch_size: int = 256) -> pd.DataFrame:
        """Loss of each example of a split, as the checkpoint's network sees it.

        Args:
          split: "train", "val" or "test".
          batch_size: Examples to a call.

        Returns:
          Table with id, sequence, frame and the losses location, confidence, category, total.
        """
        most = most_bytes(self.config)
        data = examples.load(self.paths.prepared, split, most_bytes=most)
        query = training.make_losses(
            self.detector.model,
            mode=self.detector.description["input"],
            stride=self.detector.description["output_stride"],
            a=self.config.loss.a,
            b=self.config.loss.b,
        )
        chips = training.chips_of(data, own_mesh())
        return losses_table(data, chips, query, self.detector.variables, batch_size)

    def detect(
        self,
        frames: np.ndarray | Sequence,
        accepted: bool = True,
        progress: Callable[[Iterable], Iterable] = iter,
    ) -> pd.DataFrame:
        """Detections in raw frames.

        Args:
          frames: [T, H, W] uint8 or uint16, or a sequence from dimjax.sequences.
          accepted: Only those that reach the threshold chosen on validation data.
          progress: Wraps the batches of frame numbers, e.g. a progress bar.

        Returns:
          Table with sequence, frame, x, y, w, h, category, score.
        """
        sequence = frames if isinstance(frames, Sequence) else as_sequence(frames)
        table = search.search(self.detector, sequence, progress=progress)
        return self.detector.accepted(table) if accepted else table


def load(
    workdir: str | Path,
    round: int | None = None,
    epoch: int | None = None,
    runtime: str = "jax",
) -> Run:
    """Open a run's directory; by default its newest round and checkpoint, for JAX to detect with.

    The other runtime is "onnx"; see dimjax.search.restore_detector.
    """
    return Run(workdir, round, epoch, runtime)


def newest_round(workdir: str | Path) -> int:
    """The newest round whose training is done, or 0."""
    done = Path(workdir).glob("rounds/*/losses.parquet")
    return max((int(path.parent.name) for path in done), default=0)


def most_bytes(config) -> float:
    """Chips that need more than this are not kept on the devices, nor in memory."""
    return config.training.device_gb * 1e9


def losses_table(data: examples.Examples, chips, query, variables, batch_size: int) -> pd.DataFrame:
    """Loss of each example in evaluation mode.

    Args:
      data: Examples.
      chips: The same from training.chips_of.
      query: From training.make_losses.
      variables: {"params", "batch_stats"}.
      batch_size: Examples to a call.

    Returns:
      Table with id, sequence, frame and the losses location, confidence, category, total.
    """
    size = min(batch_size, len(data))
    starts = np.arange(0, len(data), size)[:, None, None]
    blocks = list(np.minimum(starts + np.arange(size), len(data) - 1))
    parts = [query(variables, held, index[0]) for held, index in training.feed(chips, blocks)]
    parts = jax.device_get(parts)
    columns = {name: np.concatenate([p[name] for p in parts])[: len(data)] for name in parts[0]}
    return pd.DataFrame({**identity(data), **columns})


def identity(data: examples.Examples) -> dict[str, np.ndarray]:
    """The columns that say which example a row is of."""
    return {"id": data.id, "sequence": data.sequence, "frame": data.frame}


def chip_labels(data: examples.Examples) -> pd.DataFrame:
    """The labels of examples as a table in chip coordinates; frame is the example's index."""
    index, slot = np.nonzero(data.category >= 0)
    x, y, w, h = data.boxes[index, slot].astype(float).T
    category = np.array(CATEGORIES, object)[data.category[index, slot]]
    columns = {"sequence": "chips", "frame": index, "x": x, "y": y, "w": w, "h": h}
    return pd.DataFrame({**columns, "category": category})


def _plain(config: Any) -> Any:
    if hasattr(config, "items"):
        return {key: _plain(value) for key, value in config.items()}
    return config


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in config.items():
        inner = isinstance(value, Mapping)
        flat.update(_flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value})
    return flat
