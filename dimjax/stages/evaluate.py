"""Evaluate a round's detector on sequences it has not seen, on chips and on full frames."""

import json
from functools import partial

import pandas as pd

from dimjax.atomic_files import write_whole
from dimjax.chips import examples
from dimjax.data.folders import Folder
from dimjax.data.labels import write_table
from dimjax.data.scr import measure_scr
from dimjax.data.splits import with_validation
from dimjax.detection.detector import count_parameters, restore_detector
from dimjax.detection.inference import search, search_chips
from dimjax.evaluation.chip_tables import chip_labels, chip_truth
from dimjax.evaluation.figures import evaluate
from dimjax.progress import bar, say
from dimjax.runs.run import most_bytes
from dimjax.runs.workdir import Paths
from dimjax.stages.motion import camera_motion
from dimjax.stages.simulate import data_folder
from dimjax.tracks import vote


def run(config, paths: Paths) -> dict:
    """Write paths.detections and, last, paths.evaluation; the figures are returned too.

    The split is "test", or "val" where there is none (the thresholds were chosen on it: the
    figures then flatter, and say so by their split). A simulated folder's truth is the measure,
    otherwise its labels. Without a chip of the split (no label, and no background wanted) the
    figures have no part "chips".
    """
    if paths.evaluation.exists():
        return json.loads(paths.evaluation.read_text())
    detector = restore_detector(paths.checkpoints)
    folder = data_folder(config, paths)
    splits = with_validation(folder.splits, config.data.val_share, config.seed)
    split = next(name for name in ("test", "val", "train") if name in splits)
    found = [
        search(detector, folder.sequence(name))
        for name in bar(splits[split], "search full frames", "sequence")
    ]
    found = pd.concat(found, ignore_index=True)
    write_table(found, paths.detections)
    shifts = camera_motion(config, folder.sequence, splits[split])
    voted, on_tracks = vote(detector.linked(found, shifts)), detector.description["track_threshold"]
    measured = partial(_full_frames, config, folder, splits[split])
    figures = {
        "split": split,
        "sequences": splits[split],
        "parameters": count_parameters(detector),
        "frames": measured(found, detector.description["threshold"]),
        "tracks": measured(voted, on_tracks),
    }
    if split in examples.splits(paths.prepared):
        figures["chips"] = _chips(config, paths, detector, folder, split)
    else:
        say(f"{split} split: no chip is of it; measured on full frames only")
    write_whole(paths.evaluation, json.dumps(figures, indent=1) + "\n")
    return figures


def _full_frames(config, folder: Folder, names: list[str], found, thresholds) -> dict:
    truth = folder.labels if folder.truth is None else folder.truth
    truth = truth[truth.sequence.isin(names)]
    if folder.truth is None:
        truth = truth.assign(scr=measure_scr(truth, folder.sequence))
    return evaluate(
        truth,
        found,
        {name: folder.shapes[name][0] for name in names},
        {name: folder.shapes[name][1] * folder.shapes[name][2] for name in names},
        config.detection.match_px,
        thresholds,
    )


def _chips(config, paths: Paths, detector, folder: Folder, split: str) -> dict:
    data = examples.load(paths.prepared, split, most_bytes=most_bytes(config))
    chip_px = config.chips.chip_px
    found = search_chips(detector, data.frames, data.scale, config.training.batch_size)
    known = folder.truth is not None
    return evaluate(
        chip_truth(data, folder.truth, chip_px) if known else chip_labels(data),
        found,
        {"chips": len(data)},
        {"chips": chip_px**2},
        config.detection.match_px,
        detector.description["threshold"],
    )
