"""Fit the models of a track's category to the labels of a round.

description["category_models"] = choose_category_models(context, detector, detections, labels)
"""

import numpy as np
import pandas as pd
from scipy.special import logit

from dimjax.data.labels import CATEGORIES, read_table
from dimjax.data.scale import measure_scale
from dimjax.detection.detector import Detector
from dimjax.progress import bar, say
from dimjax.runs.context import RoundContext
from dimjax.tracks import (
    CategoryModel,
    combined,
    fit_category_model,
    labelled_windows,
    measure_appearance,
    nearest,
)

# Labels in at most this many frames of the training split are measured, in evenly spaced runs of
# consecutive frames.
_FRAMES = 4000
_CONSECUTIVE_FRAMES = 96
_MIN_SCORE = 0.05  # of the detections that the network's categories are judged by
_EPSILON = 1e-6


def choose_category_models(
    context: RoundContext, detector: Detector, detections: pd.DataFrame, labels: pd.DataFrame
) -> list[dict] | None:
    """Fit the models to the labels' tracks, and combine them with the network's categories.

    Args:
      context: Round that the detector was trained in.
      detector: Detector with its final weights and the thresholds of single frames.
      detections: Its detections in sequences that it was not trained on.
      labels: The labels in the frames of these detections.

    Returns:
      Fields of two dimjax.tracks.CategoryModel, for tracks as a whole and for their past; None if
      there are too few tracks of one category. The scores of a track then vote.
    """
    measured = _measured_labels(context)
    models = _of_numbers(context, measured) if measured.category.nunique() > 1 else [None]
    if None in models:
        say("too few labelled tracks of one category: the scores of a track vote on its category")
        return None
    return [
        _with_network(model, context, detector, detections, labels, causal)._asdict()
        for model, causal in zip(models, (False, True), strict=True)
    ]


def _of_numbers(context: RoundContext, measured: pd.DataFrame) -> list[CategoryModel | None]:
    """Fit the models of the numbers of whole tracks and of their past."""
    shifts = context.camera_shifts(measured.sequence.unique())
    return [
        fit_category_model(*labelled_windows(measured, shifts, causal)) for causal in (False, True)
    ]


def _measured_labels(context: RoundContext) -> pd.DataFrame:
    """Labels that the round was trained on, with the columns of measure_appearance."""
    labels, folder = read_table(context.paths.labels), context.folder
    names = context.trained_sequences
    share = _FRAMES / sum(folder.shapes[name][0] for name in names)
    parts = []
    for name in bar(names, "measure labels", "sequence"):
        frames = some_frames(folder.shapes[name][0], share, _CONSECUTIVE_FRAMES)
        chosen = labels[(labels.sequence == name) & labels.frame.isin(frames)]
        sequence = folder.sequence(name)
        noise_sigma = measure_scale(sequence).noise_sigma
        appearance = measure_appearance(chosen, sequence, noise_sigma, context.config.data.stride)
        parts.append(pd.concat([chosen, appearance], axis=1))
    return pd.concat(parts, ignore_index=True)


def some_frames(length: int, share: float, consecutive: int) -> list[int]:
    """Choose about a share of the frames of a sequence, in evenly spaced consecutive runs."""
    runs = max(1, round(length * share / consecutive))
    if share >= 1 or runs * consecutive >= length:
        return list(range(length))
    starts = np.linspace(0, length - consecutive, runs).astype(int)
    return sorted({t for start in starts.tolist() for t in range(start, start + consecutive)})


def _with_network(
    model: CategoryModel,
    context: RoundContext,
    detector: Detector,
    detections: pd.DataFrame,
    labels: pd.DataFrame,
    causal: bool,
) -> CategoryModel:
    """Combine a model with the network's categories, by detections that match a label."""
    shifts = context.camera_shifts(detections.sequence.unique())
    of_numbers = _linked(detector, model, detections, shifts, causal)
    of_network = _linked(detector, model.scaled(0.0, 0.0, 1.0), detections, shifts, causal)
    partner, _ = nearest(of_numbers, labels, context.config.detection.match_px)
    used = (partner >= 0) & (of_numbers.score >= _MIN_SCORE) & of_numbers.target_probability.notna()
    is_target = (labels.category == CATEGORIES[0]).to_numpy()[partner[used]]
    log_odds = [
        logit(table.target_probability[used].clip(_EPSILON, 1 - _EPSILON).to_numpy())
        for table in (of_numbers, of_network)
    ]
    number = np.arange(len(of_numbers))
    track = of_numbers.track.where(of_numbers.track != "", number.astype("str"))[used]
    return combined(model, *log_odds, is_target, pd.factorize(track)[0])


def _linked(detector: Detector, model: CategoryModel, detections, shifts, causal: bool):
    """Detections with the probabilities that a model gives to their tracks."""
    fields = [model._asdict()] * 2
    detector = detector._replace(description=detector.description | {"category_models": fields})
    return detector.link(detections, shifts, causal).detections
