"""Fit the models of a track's category to the labels of a round.

models = choose_category_models(context, detector, detections, labels)
description["category_models"] = models.final
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logit

from dimjax.data.labels import CATEGORIES, read_table
from dimjax.data.scale import measure_scale
from dimjax.detection.detector import Detector
from dimjax.progress import bar, say
from dimjax.runs.context import RoundContext, clip_stride
from dimjax.tracks import (
    CategoryModel,
    Combination,
    fit_category_model,
    fit_combination,
    labelled_windows,
    measure_appearance,
    nearest,
)

# Labels in at most this many frames of a split are measured, in evenly spaced runs of
# consecutive frames.
_FRAMES = 30_000
_CONSECUTIVE_FRAMES = 96
_MIN_SCORE = 0.05  # of the detections that the network's categories are judged by
_EPSILON = 1e-6


class CategoryModels(NamedTuple):
    """Fields of two dimjax.tracks.CategoryModel each, for whole tracks and for their past."""

    held_out: list[dict]  # to choose thresholds by; fitted without these sequences, if possible
    final: list[dict]  # fitted to the labels of all sequences


def choose_category_models(
    context: RoundContext, detector: Detector, detections: pd.DataFrame, labels: pd.DataFrame
) -> CategoryModels | None:
    """Fit the models to the labels' tracks, and combine them with the network's categories.

    The network learns the categories of its own sequences by heart, so its weight is fitted in
    others. The numbers of tracks are seldom numerous: all labels count for their weights.

    Args:
      context: Round that the detector was trained in.
      detector: Detector with its final weights and the thresholds of single frames.
      detections: Its detections in sequences that it was not trained on.
      labels: The labels in the frames of these detections.

    Returns:
      The models; None if there are too few tracks of one category. The scores of a track then vote.
    """
    trained = _measured(context, read_table(context.paths.labels), context.trained_sequences)
    others = sorted(set(detections.sequence) - set(context.trained_sequences))
    of_others = _measured(context, context.labels, others) if others else trained[:0]
    fitted = [
        _of_numbers(context, trained),
        _of_numbers(context, pd.concat([trained, of_others], ignore_index=True)),
    ]
    if None in fitted[1]:
        say("too few labelled tracks of one category: the scores of a track vote on its category")
        return None
    if None in fitted[0]:
        say("few labelled tracks of one category: those of the validation split choose thresholds")
        fitted[0] = fitted[1]
    held_out, final = [], []
    for model, of_all, causal in zip(*fitted, (False, True), strict=True):
        combination = _with_network(model, context, detector, detections, labels, causal)
        held_out.append(model.scaled(*combination)._asdict())
        # The offset corrects the model in sequences that the other one was fitted to.
        final.append(of_all.scaled(*combination._replace(offset=0.0))._asdict())
    return CategoryModels(held_out, final)


def _of_numbers(context: RoundContext, measured: pd.DataFrame) -> list[CategoryModel | None]:
    """Fit the models of the numbers of whole tracks and of their past."""
    if measured.category.nunique() < 2:
        return [None]
    motions = context.camera_motions(measured.sequence.unique())
    return [
        fit_category_model(*labelled_windows(measured, motions, causal)) for causal in (False, True)
    ]


def _measured(context: RoundContext, labels: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Labels in sequences, with the columns of measure_appearance."""
    folder, parts = context.folder, []
    share = _FRAMES / sum(folder.shapes[name][0] for name in names)
    for name in bar(names, "measure labels", "sequence"):
        frames = some_frames(folder.shapes[name][0], share, _CONSECUTIVE_FRAMES)
        chosen = labels[(labels.sequence == name) & labels.frame.isin(frames)]
        sequence = folder.sequence(name)
        noise_sigma = measure_scale(sequence).noise_sigma
        appearance = measure_appearance(chosen, sequence, noise_sigma, clip_stride(context.config))
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
) -> Combination:
    """Weigh a model and the network's categories, by detections that match a label."""
    motions = context.camera_motions(detections.sequence.unique())
    of_numbers = _linked(detector, model, detections, motions, causal)
    of_network = _linked(detector, model.scaled(0.0, 0.0, 1.0), detections, motions, causal)
    partner, _ = nearest(of_numbers, labels, context.config.detection.match_px)
    used = (partner >= 0) & (of_numbers.score >= _MIN_SCORE) & of_numbers.target_probability.notna()
    is_target = (labels.category == CATEGORIES[0]).to_numpy()[partner[used]]
    log_odds = [
        logit(table.target_probability[used].clip(_EPSILON, 1 - _EPSILON).to_numpy())
        for table in (of_numbers, of_network)
    ]
    number = np.arange(len(of_numbers))
    track = of_numbers.track.where(of_numbers.track != "", number.astype("str"))[used]
    return fit_combination(*log_odds, is_target, pd.factorize(track)[0])


def _linked(detector: Detector, model: CategoryModel, detections, motions, causal: bool):
    """Detections with the probabilities that a model gives to their tracks."""
    fields = [model._asdict()] * 2
    detector = detector._replace(description=detector.description | {"category_models": fields})
    return detector.link(detections, motions, causal).detections
