"""Training log and predictions of networks that were not trained on the labels they judge.

    record = write(reviewed, folds=3, work=Path("work/folds-3"), make_builder=make_builder)
    record.paths.training_log.read_losses(), record.paths.training_log.read_label_outputs()
    pd.read_parquet(record.paths.predictions)

The training sequences of a round are divided into folds. For each fold a network is trained on the
labels of the other folds, including their errors, for the same number of epochs, and applied to the
chips and frames of its own fold. The log of all folds together has one epoch.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from drone_rounds import write_splits
from ml_collections import ConfigDict
from refinement_ranking import ReviewedRound

import dimjax
from dimjax.atomic_files import write_parquet
from dimjax.chips import examples
from dimjax.data.labels import read_table, write_table
from dimjax.data.layouts import DIMJAX
from dimjax.detection.detector import Detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds
from dimjax.training import meshes
from dimjax.training.chip_feed import Chips, on_device
from dimjax.training.inputs import network_input
from dimjax.training.label_outputs import outputs_at_labels, unmatched_peak
from dimjax.training.losses import assign, detection_loss
from dimjax.training.training_log import label_rows

_BATCH = 256


def write(reviewed: ReviewedRound, folds: int, work: Path, make_builder: Callable) -> RoundContext:
    """Train the networks and write their results; finished parts are not repeated.

    Args:
      reviewed: The round; the folder of its sequences has dimjax's own layout.
      folds: Number of networks.
      work: Folder for the trainings and the record.
      make_builder: See dimjax.stages.build.

    Returns:
      Context with the training log and the predictions; plan and checkpoints are links to those of
      the round.
    """
    source = reviewed.context
    record = _linked_context(source, work)
    if record.paths.predictions.exists():
        return record
    data = examples.load(source.paths.prepared, "train")
    recorded: dict[str, np.ndarray] = {}
    predictions = []
    for fold in range(folds):
        held_out = source.trained_sequences[fold::folds]
        detector = train(reviewed, held_out, work / str(fold), make_builder)
        rows = np.flatnonzero(np.isin(data.sequence, held_out))
        for name, values in outputs_of(source.config, detector, data, rows).items():
            recorded.setdefault(name, np.zeros((len(data), *values.shape[1:]), values.dtype))
            recorded[name][rows] = values
        sequences = map(source.folder.sequence, held_out)
        predictions += [detect_in_sequence(detector, sequence) for sequence in sequences]
    log = record.paths.training_log
    log.write_epoch(0, data, label_rows(data, read_table(source.paths.labels)), recorded)
    log.finish(epochs=1)
    write_parquet(pd.concat(predictions, ignore_index=True), record.paths.predictions)
    return record


def train(
    reviewed: ReviewedRound, held_out: list[str], work: Path, make_builder: Callable
) -> Detector:
    """Train a detector on a round's labels without those of some sequences."""
    source, folder = reviewed.context, work / "data"
    kept = [name for name in source.trained_sequences if name not in held_out]
    splits = {"train": kept, "val": source.splits.get("val", []), "test": [], "new": []}
    write_splits(splits, folder)
    write_table(read_table(source.paths.labels), folder / DIMJAX.labels)
    _link(folder / "sequences", source.folder.path / "sequences")
    config = source.config.copy_and_resolve_references()
    config.data.folder = str(folder)
    config.data.layout = ConfigDict(DIMJAX._asdict())
    config.refinement.planted_share = 0.0  # the planted errors are among the labels
    config.rounds.count = 1
    rounds.run(config, str(work / "run"), make_builder, last="train")
    return dimjax.load(work / "run").detector


def outputs_of(config, detector: Detector, data: examples.Examples, rows: np.ndarray) -> dict:
    """Compute what train_epoch records of some examples, in evaluation mode."""
    stride = config.model.output_stride
    weights = config.loss.location_weight, config.loss.classification_weight

    @jax.jit
    def query(variables, chips: Chips, index: jax.Array):
        batch = chips.take(index)
        images = network_input(batch.frames, batch.scale, config.model.input, batch.evidence)
        outputs = detector.model.apply(variables, images, train=False)
        targets = assign(batch.boxes, batch.category, outputs.shape[1:3], stride)
        return {
            **detection_loss(outputs, targets, *weights),
            "label_outputs": outputs_at_labels(outputs, batch.boxes, stride),
            "unmatched_peak": unmatched_peak(
                outputs, batch.boxes, batch.category, stride, config.detection.match_px
            ),
        }

    chips = on_device(data, meshes.make_mesh())
    parts = []
    for start in range(0, len(rows), _BATCH):
        index = np.minimum(np.arange(start, start + _BATCH), len(rows) - 1)
        parts.append(jax.device_get(query(detector.variables, chips, rows[index])))
    return {name: np.concatenate([p[name] for p in parts])[: len(rows)] for name in parts[0]}


def _linked_context(source: RoundContext, work: Path) -> RoundContext:
    """Make a context for another log of a round: its folder, plan and checkpoints are the same."""
    config = source.config.copy_and_resolve_references()
    config.data.folder = str(source.folder.path)
    config.data.layout = ConfigDict(source.folder.layout._asdict())
    paths = Paths(work)
    paths.round.mkdir(parents=True, exist_ok=True)
    _link(paths.plan, source.paths.plan)
    _link(paths.checkpoints, source.paths.checkpoints)
    return RoundContext(config, paths)


def _link(path: Path, target: Path) -> None:
    if not path.exists():
        path.symlink_to(target.resolve())
