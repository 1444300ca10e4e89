"""Evaluate a round's detector on sequences it has not seen, on chips and on full frames."""

import json

import pandas as pd

from dimjax import evaluation, examples, search
from dimjax.folders import Folder
from dimjax.labels import write_table
from dimjax.progress import bar
from dimjax.runs import Paths, chip_labels, write_whole
from dimjax.splits import with_validation
from dimjax.stages.simulate import data_folder


def run(config, paths: Paths) -> dict:
    """Write paths.detections and, last, paths.evaluation; the figures are returned too.

    The split is "test", or "val" where there is none (the thresholds were chosen on it: the
    figures then flatter, and say so by their split). A simulated folder's truth is the measure,
    otherwise its labels.
    """
    if paths.evaluation.exists():
        return json.loads(paths.evaluation.read_text())
    detector = search.restore_detector(paths.checkpoints)
    folder = data_folder(config, paths)
    splits = with_validation(folder.splits, config.data.val_share, config.seed)
    split = next(name for name in ("test", "val", "train") if name in splits)
    figures = {
        "split": split,
        "sequences": splits[split],
        "parameters": search.count_parameters(detector),
        "frames": _full_frames(config, paths, detector, folder, splits[split]),
        "chips": _chips(config, paths, detector, split),
    }
    write_whole(paths.evaluation, json.dumps(figures, indent=1) + "\n")
    return figures


def _full_frames(config, paths: Paths, detector, folder: Folder, names: list[str]) -> dict:
    found = [
        search.search(detector, folder.sequence(name))
        for name in bar(names, "search full frames", "sequence")
    ]
    found = pd.concat(found, ignore_index=True)
    write_table(found, paths.detections)
    truth = folder.labels if folder.truth is None else folder.truth
    return evaluation.evaluate(
        truth[truth.sequence.isin(names)],
        found,
        {name: folder.shapes[name][0] for name in names},
        {name: folder.shapes[name][1] * folder.shapes[name][2] for name in names},
        config.detection.match_px,
        detector.description["threshold"],
    )


def _chips(config, paths: Paths, detector, split: str) -> dict:
    data = examples.load(paths.prepared, split)
    found = search.search_chips(detector, data.frames, data.scale, config.training.batch_size)
    return evaluation.evaluate(
        chip_labels(data),
        found,
        {"chips": len(data)},
        {"chips": config.chips.chip_px**2},
        config.detection.match_px,
        detector.description["threshold"],
    )
