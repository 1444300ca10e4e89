"""A record of labels by networks that were not trained on them.

    record = write(config, own, folds=3, work=Path("work/folds-3"), make_builder=make_builder)
    record.losses, record.answers, record.predictions

The training sequences of a round are dealt into folds. For each fold a network is trained on the
labels of the others, errors among them, for as many epochs; what it says of the chips and frames of
its own fold stands in the record, which has one epoch. All else is as in dimjax.training.records.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from ml_collections import ConfigDict
from refinement_ranking import Round

from dimjax.atomic_files import write_parquet
from dimjax.chips import examples
from dimjax.data.folders import DIMJAX
from dimjax.data.labels import read_table, write_table
from dimjax.data.splits import with_validation
from dimjax.detection.detector import Detector, restore_detector
from dimjax.detection.inference import search
from dimjax.runs.workdir import Paths
from dimjax.stages import rounds
from dimjax.stages.predict import trained_sequences
from dimjax.training import meshes, records, steps
from dimjax.training.inputs import network_input
from dimjax.training.losses import assign, detection_loss
from dimjax.training.responses import at_labels, strongest_stray

_BATCH = 256


def write(config, own: Round, folds: int, work: Path, make_builder: Callable) -> Paths:
    """Train the networks and write what they say; what is there already is not done again.

    Args:
      config: Of the run.
      own: Its round; the folder of its sequences has dimjax's own layout.
      folds: Number of networks.
      work: Folder for the trainings and the record.
      make_builder: See dimjax.stages.build.

    Returns:
      Where losses, answers and predictions lie; plan and checkpoints are those of the round.
    """
    record = Paths(work)
    record.plan, record.checkpoints = own.paths.plan, own.paths.checkpoints
    if record.predictions.exists():
        return record
    names = trained_sequences(own.paths)
    data = examples.load(own.paths.prepared, "train")
    said: dict[str, np.ndarray] = {}
    predictions = []
    for fold in range(folds):
        held = names[fold::folds]
        detector = train(config, own, held, work / str(fold), make_builder)
        mine = np.flatnonzero(np.isin(data.sequence, held))
        for name, values in answers(config, detector, data, mine).items():
            said.setdefault(name, np.zeros((len(data), *values.shape[1:]), values.dtype))
            said[name][mine] = values
        predictions += [search(detector, own.folder.sequence(name)) for name in held]
    rows = records.label_rows(data, read_table(own.paths.labels))
    records.write_epoch(record, 0, data, rows, said)
    records.merge(record)
    write_parquet(pd.concat(predictions, ignore_index=True), record.predictions)
    return record


def train(config, own: Round, held: list[str], work: Path, make_builder) -> Detector:
    """The detector of a training on a round's labels without those of some sequences."""
    folder = work / "data"
    splits = with_validation(own.folder.splits, config.data.val_share, config.seed)
    kept = [name for name in trained_sequences(own.paths) if name not in held]
    lists = {"train": kept, "val": splits.get("val", []), "test": [], "new": []}
    (folder / "splits").mkdir(parents=True, exist_ok=True)
    for split, names in lists.items():
        (folder / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    write_table(read_table(own.paths.labels), folder / DIMJAX.labels)
    if not (folder / "sequences").exists():
        (folder / "sequences").symlink_to((own.folder.path / "sequences").resolve())
    config = config.copy_and_resolve_references()
    config.data.folder = str(folder)
    config.data.layout = ConfigDict(DIMJAX._asdict())
    config.refinement.planted_share = 0.0  # they are among the labels
    config.rounds.count = 1
    rounds.run(config, str(work / "run"), make_builder, last="train")
    return restore_detector(Paths(work / "run").checkpoints)


def answers(config, detector: Detector, data: examples.Examples, rows: np.ndarray) -> dict:
    """Losses, answers and strays of some examples in evaluation mode, as train_epoch gives them."""
    stride, mode = config.model.output_stride, config.model.input

    @jax.jit
    def query(variables, chips: steps.Chips, index: jax.Array):
        batch = steps.Chips(*(values[index] for values in chips))
        images = network_input(batch.frames, batch.scale, mode)
        outputs = detector.model.apply(variables, images, train=False)
        targets = assign(batch.boxes, batch.category, outputs.shape[1:3], stride)
        return {
            **detection_loss(
                outputs, targets, config.loss.location_weight, config.loss.classification_weight
            ),
            "answers": at_labels(outputs, batch.boxes, stride),
            "strays": strongest_stray(outputs, batch.boxes, batch.category, stride),
        }

    chips = steps.on_device(data, meshes.make_mesh())
    parts = []
    for start in range(0, len(rows), _BATCH):
        index = np.minimum(np.arange(start, start + _BATCH), len(rows) - 1)
        parts.append(jax.device_get(query(detector.variables, chips, rows[index])))
    return {name: np.concatenate([own[name] for own in parts])[: len(rows)] for name in parts[0]}
