"""Evaluate a round's detector on sequences that it was not trained on, on chips and full frames."""

import json
import time
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.atomic_files import write_text
from dimjax.chips import examples
from dimjax.data.csv_files import write_csv
from dimjax.data.labels import CATEGORIES, write_table
from dimjax.data.scr import measure_scr
from dimjax.detection.detector import Detector, count_parameters, restore_detector
from dimjax.detection.inference import detect_in_chips, detect_in_sequence
from dimjax.detection.untrained import untrained_detections, untrained_linking
from dimjax.evaluation.box_precision import box_precision
from dimjax.evaluation.chip_tables import chip_labels, chip_truth
from dimjax.evaluation.figures import ANYTHING, best_f1, evaluate
from dimjax.evaluation.outcomes import by_sequence, outcomes
from dimjax.evaluation.pixel_figures import pixel_figures
from dimjax.evaluation.recall import recall_at
from dimjax.evaluation.thresholds import accepted
from dimjax.motion import EvidenceConfig
from dimjax.motion.settings import bands
from dimjax.motion.windows import min_length
from dimjax.progress import bar, say
from dimjax.runs.context import RoundContext
from dimjax.runs.detection_bound import detection_bound
from dimjax.runs.records import read_evaluation
from dimjax.tracks import link, score

_OF_NO_NETWORK = ("untrained", "untrained_tracks", "bound")  # parts of the figures


def run(context: RoundContext) -> dict:
    """Write paths.detections, outcomes, speed and, last, evaluation; return the figures.

    The split is "test", or "val" if there is no test split (the thresholds were chosen on it: the
    figures then flatter, and their split shows it). The reference is a simulated folder's truth,
    otherwise its labels. The untrained filter is measured on the same frames, and in the run's own
    sky the bound of detection is computed; both are taken from the round before if its sequences
    and reference are the same. If the split has no chip (no label, and no backgrounds),
    the figures lack the part "chips".
    """
    paths = context.paths
    if paths.evaluation.exists():
        return read_evaluation(paths)
    checkpoint = context.checkpoint()
    detector = restore_detector(*checkpoint)
    split = next(name for name in ("test", "val", "train") if name in context.splits)
    names = context.splits[split]
    measured = measure(context, detector, names, _measured_before(context, names))
    write_table(measured.detections, paths.detections)
    write_csv(measured.outcomes, paths.outcomes)
    write_text(paths.speed, json.dumps({"seconds_per_frame": measured.seconds_per_frame}) + "\n")
    figures = {"split": split, "epoch": checkpoint[1], **measured.figures}
    if split in examples.split_names(paths.prepared):
        figures["chips"] = _chips(context, detector, split)
    else:
        say(f"{split} split: it has no chips; measured on full frames only")
    write_text(paths.evaluation, json.dumps(figures, indent=1) + "\n")
    return figures


class Measured(NamedTuple):
    """Results of a detector on full frames."""

    figures: dict  # see `measure`
    detections: pd.DataFrame  # at all scores
    outcomes: pd.DataFrame  # of accepted ones, see dimjax.evaluation.outcomes
    seconds_per_frame: float  # to read it and detect in it; median over the sequences


def _measured_before(context: RoundContext, names: list[str]) -> dict:
    """Return the figures of no network from the round before, if they are those of this round."""
    if not context.number:
        return {}
    before = context.of_round(context.number - 1)
    if not before.paths.evaluation.exists():
        return {}
    figures = read_evaluation(before.paths)
    references = (_rows_of(one.reference, names) for one in (before, context))
    if figures["sequences"] != names or not pd.DataFrame.equals(*references):
        return {}
    return {part: figures[part] for part in _OF_NO_NETWORK if part in figures}


def measure(
    context: RoundContext, detector: Detector, names: list[str], known: dict | None = None
) -> Measured:
    """Measure a detector, the untrained filter and the bound on full frames of some sequences.

    Args:
      context: Its folder has the sequences and their labels.
      detector: The detector.
      names: Names of the sequences.
      known: Figures of the untrained filter and the bound on these frames, which take minutes.

    Returns:
      The figures of each frame alone ("frames"), with tracks ("tracks"), with the past of the
      tracks ("online"), and of the untrained filter, if any sequence is as long as an evidence
      window ("untrained", "untrained_tracks"); the bound of detection, if the frames are those of
      the run's own sky ("bound"); those of other codes of the field ("other_rules").
    """
    searched = [
        _search(context, detector, name) for name in bar(names, "search full frames", "sequence")
    ]
    detections = pd.concat([table for table, _ in searched], ignore_index=True)
    full, motions = _full_frames(context, names), context.camera_motions(names)
    thresholds = detector.description["threshold"]
    table = outcomes(full.truth, accepted(detections, thresholds), full.match_px)
    tracks, online = (detector.link(detections, motions, causal) for causal in (False, True))
    scored = score(tracks)
    figures = {
        "sequences": names,
        "parameters": count_parameters(detector),
        "frames": _figures(full, detections, thresholds),
        "tracks": _figures(full, scored, detector.thresholds_of(tracks)),
        "online": _figures(full, score(online), detector.thresholds_of(online)),
        "by_sequence": by_sequence(table, full.frames),
        **(known or _untrained(context, full) | _bound(context, names)),
        "other_rules": {
            "frames": _by_other_rules(context, full, detections, thresholds),
            "tracks": _by_other_rules(context, full, scored, detector.thresholds_of(tracks)),
        },
    }
    # The first sequence may include a compilation.
    seconds = float(np.median([seconds for _, seconds in searched]))
    return Measured(figures, detections, table, seconds)


def _search(context: RoundContext, detector: Detector, name: str) -> tuple[pd.DataFrame, float]:
    """Detect in a sequence; return the detections at all scores, and the seconds for a frame."""
    started = time.monotonic()
    table = detect_in_sequence(detector, context.folder.sequence(name))
    return table, (time.monotonic() - started) / context.folder.shapes[name][0]


def _rows_of(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return table[table.sequence.isin(names)].reset_index(drop=True)


class _FullFrames(NamedTuple):
    """The frames that are evaluated, and how."""

    truth: pd.DataFrame  # with snr, or scr
    frames: dict[str, int]  # by sequence
    frame_pixels: dict[str, int]  # by sequence
    match_px: float
    allowed: tuple[float, ...]  # false alarms per frame


def _full_frames(context: RoundContext, names: list[str]) -> _FullFrames:
    folder, config = context.folder, context.config
    truth = _rows_of(context.reference, names)
    if folder.truth is None:
        truth = truth.assign(scr=measure_scr(truth, folder.sequence))
    return _FullFrames(
        truth,
        {name: folder.shapes[name][0] for name in names},
        {name: folder.shapes[name][1] * folder.shapes[name][2] for name in names},
        config.detection.match_px,
        config.evaluation.false_alarms_per_frame,
    )


def _figures(full: _FullFrames, detections: pd.DataFrame, thresholds: dict) -> dict:
    truth, *sizes, match_px, _ = full
    figures = evaluate(truth, detections, *sizes, match_px, thresholds)
    return {**figures, "recall_at": _recall_at(full, detections, (*CATEGORIES, ANYTHING))}


def _by_other_rules(
    context: RoundContext, full: _FullFrames, detections: pd.DataFrame, thresholds: dict
) -> dict:
    shapes = {name: context.folder.shapes[name] for name in full.frames}
    return {
        "pixels": pixel_figures(full.truth, accepted(detections, thresholds), shapes),
        "ap50": box_precision(full.truth, detections),
    }


def _recall_at(full: _FullFrames, detections: pd.DataFrame, categories: tuple[str, ...]) -> dict:
    return {
        category: recall_at(
            full.truth, detections, full.frames, category, full.match_px, full.allowed
        )
        for category in categories
    }


def _untrained(context: RoundContext, full: _FullFrames) -> dict:
    """Measure the untrained filter, each frame alone and with tracks; {} if it cannot run.

    Its category is always target. In a sequence shorter than the evidence window it detects
    nothing. It has no chosen threshold: in place of the F1 at one, the highest F1 is computed.
    """
    config = bands(EvidenceConfig(**context.config.evidence.to_dict()))[0]
    searched = _long_enough(full, config)
    if not searched:
        return {}
    tables = [
        untrained_detections(context.folder.sequence(name), config)
        for name in bar(searched, "search full frames, untrained", "sequence")
    ]
    detections = pd.concat(tables, ignore_index=True)
    tracks = link(detections, untrained_linking(1.0), context.camera_motions(searched))
    categories = ("target", ANYTHING)
    return {
        part: {
            "best_f1": {
                name: best_f1(full.truth, table, name, full.match_px) for name in categories
            },
            "recall_at": _recall_at(full, table, categories),
        }
        for part, table in {"untrained": detections, "untrained_tracks": score(tracks)}.items()
    }


def _bound(context: RoundContext, names: list[str]) -> dict:
    bound = detection_bound(context, names)
    return {} if bound is None else {"bound": bound}


def _long_enough(full: _FullFrames, config: EvidenceConfig) -> list[str]:
    """Names of the sequences that are as long as an evidence window; the others are reported."""
    needed = min_length(config)
    names = [name for name, length in full.frames.items() if length >= needed]
    if len(names) < len(full.frames):
        short = f"{len(full.frames) - len(names)} of {len(full.frames)} sequences"
        say(f"untrained filter: no detections in {short}, shorter than {needed} frames")
    return names


def _chips(context: RoundContext, detector: Detector, split: str) -> dict:
    config, truth = context.config, context.folder.truth
    data = examples.load(context.paths.prepared, split, max_bytes=context.max_chip_bytes)
    chip_px, batch_size = config.chips.chip_px, config.training.batch_size
    detections = detect_in_chips(detector, data, len(data), batch_size)
    return evaluate(
        chip_labels(data) if truth is None else chip_truth(data, truth, chip_px),
        detections,
        {"chips": len(data)},
        {"chips": chip_px**2},
        config.detection.match_px,
        detector.description["threshold"],
    )
