"""Evaluate a round's detector on sequences that it was not trained on, on chips and full frames."""

import json

import pandas as pd

from dimjax.atomic_files import write_text
from dimjax.chips import examples
from dimjax.data.labels import write_table
from dimjax.data.scr import measure_scr
from dimjax.detection.detector import Detector, count_parameters, restore_detector
from dimjax.detection.inference import detect_in_chips, detect_in_sequence
from dimjax.evaluation.chip_tables import chip_labels, chip_truth
from dimjax.evaluation.figures import evaluate
from dimjax.progress import bar, say
from dimjax.runs.context import RoundContext
from dimjax.tracks import vote


def run(context: RoundContext) -> dict:
    """Write paths.detections and, last, paths.evaluation; return the figures.

    The split is "test", or "val" if there is no test split (the thresholds were chosen on it: the
    figures then flatter, and their split shows it). The reference is a simulated folder's truth,
    otherwise its labels. If the split has no chip (no label, and no backgrounds), the figures lack
    the part "chips".
    """
    paths, folder = context.paths, context.folder
    if paths.evaluation.exists():
        return json.loads(paths.evaluation.read_text())
    detector = restore_detector(paths.checkpoints)
    split = next(name for name in ("test", "val", "train") if name in context.splits)
    names = context.splits[split]
    tables = [
        detect_in_sequence(detector, folder.sequence(name))
        for name in bar(names, "search full frames", "sequence")
    ]
    detections = pd.concat(tables, ignore_index=True)
    write_table(detections, paths.detections)
    voted = vote(detector.link(detections, context.camera_shifts(names)))
    thresholds, track_thresholds = (
        detector.description[name] for name in ("threshold", "track_threshold")
    )
    figures = {
        "split": split,
        "sequences": names,
        "parameters": count_parameters(detector),
        "frames": _full_frames(context, names, detections, thresholds),
        "tracks": _full_frames(context, names, voted, track_thresholds),
    }
    if split in examples.split_names(paths.prepared):
        figures["chips"] = _chips(context, detector, split)
    else:
        say(f"{split} split: it has no chips; measured on full frames only")
    write_text(paths.evaluation, json.dumps(figures, indent=1) + "\n")
    return figures


def _full_frames(context: RoundContext, names: list[str], detections, thresholds) -> dict:
    folder = context.folder
    truth = folder.reference[folder.reference.sequence.isin(names)]
    if folder.truth is None:
        truth = truth.assign(scr=measure_scr(truth, folder.sequence))
    return evaluate(
        truth,
        detections,
        {name: folder.shapes[name][0] for name in names},
        {name: folder.shapes[name][1] * folder.shapes[name][2] for name in names},
        context.config.detection.match_px,
        thresholds,
    )


def _chips(context: RoundContext, detector: Detector, split: str) -> dict:
    config, truth = context.config, context.folder.truth
    data = examples.load(context.paths.prepared, split, max_bytes=context.max_chip_bytes)
    chip_px, batch_size = config.chips.chip_px, config.training.batch_size
    detections = detect_in_chips(detector, data, batch_size)
    return evaluate(
        chip_labels(data) if truth is None else chip_truth(data, truth, chip_px),
        detections,
        {"chips": len(data)},
        {"chips": chip_px**2},
        config.detection.match_px,
        detector.description["threshold"],
    )
