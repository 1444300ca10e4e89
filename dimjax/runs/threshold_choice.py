"""Choose a detector's score thresholds, score model and category models.

They are chosen on full frames of the validation split; the category models are fitted to the labels
of the training split first.

description |= choose_thresholds(context, detector)       # at the end of a training
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.detection.detector import Detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.detection.rescoring import MIN_SCORE, SIGNALS, fit_rescoring, probabilities
from dimjax.evaluation import figures
from dimjax.progress import bar, say
from dimjax.runs.category_choice import choose_category_models, some_frames
from dimjax.runs.context import RoundContext
from dimjax.tracks import ScoreModel, fit_score_model, score

# Thresholds are chosen on at most this many frames of the validation split, in evenly spaced runs
# of consecutive frames, since tracks need these.
_THRESHOLD_FRAMES = 400
_CONSECUTIVE_FRAMES = 24


def choose_thresholds(context: RoundContext, detector: Detector) -> dict[str, dict[str, float]]:
    """Choose thresholds of high F1, and fit the score model that tracks are judged with.

    Without a validation split the training split is used, which flatters.

    Args:
      context: Round that the detector was trained in.
      detector: Detector with its final weights.

    Returns:
      "rescoring", see dimjax.detection.rescoring, None without motion evidence; "threshold", for
      detections of single frames, "track_threshold", for scores that tracks
      support, "causal_threshold", for those from the past of each frame, "score_model", see
      dimjax.tracks.ScoreModel, and "category_models", see choose_category_models.
    """
    folder, match_px = context.folder, context.config.detection.match_px
    names = context.splits.get("val") or context.splits["train"]
    if "val" not in context.splits:
        say("no validation split: the thresholds are chosen on the training split")
    share = _THRESHOLD_FRAMES / sum(folder.shapes[name][0] for name in names)
    frames_of = {
        name: some_frames(folder.shapes[name][0], share, _CONSECUTIVE_FRAMES) for name in names
    }
    tables = [
        detect_in_sequence(detector, folder.sequence(name), frames)
        for name, frames in bar(frames_of.items(), "choose thresholds", "sequence")
    ]
    keys = [(name, t) for name, frames in frames_of.items() for t in frames]
    keys = pd.DataFrame(keys, columns=["sequence", "frame"])
    detections, labels = pd.concat(tables, ignore_index=True), context.labels.merge(keys)
    rescoring = fitted_rescoring(labels, detections, match_px)
    if rescoring is not None:
        detections = with_new_scores(detections, rescoring)
    threshold = figures.choose_thresholds(labels, detections, match_px)
    model = fitted_scores(labels, detections, match_px)
    chosen = {"rescoring": rescoring, "threshold": threshold, "score_model": model._asdict()}
    detector = detector._replace(description={**detector.description, **chosen})
    models = choose_category_models(context, detector, detections, labels)
    chosen["category_models"] = None if models is None else models.held_out
    detector = detector._replace(description={**detector.description, **chosen})
    motions = context.camera_motions(names)
    for name, causal in (("track_threshold", False), ("causal_threshold", True)):
        scored = score(detector.link(detections, motions, causal))
        scored = scored.merge(keys)  # tracks are filled in frames that were left out, too
        chosen[name] = figures.choose_thresholds(labels, scored, match_px)
    if models is not None:
        chosen["category_models"] = models.final
    return chosen


def fitted_rescoring(
    labels: pd.DataFrame, detections: pd.DataFrame, match_px: float
) -> dict[str, list[float]] | None:
    """Fit the rescoring of each category; None if the detector uses no motion evidence.

    Args:
      labels: Labels in the frames that were searched.
      detections: From detect_in_sequence, with the network's own scores.
      match_px: A detection nearer to a label than this is true.
    """
    if "strength" not in detections:
        return None
    weights = {}
    for category in CATEGORIES:
        candidates = detections.assign(category=category, score=detections[f"{category}_score"])
        outcome, _, table = figures.outcome_of(labels, candidates, category, match_px)
        signals = table[[*SIGNALS]].to_numpy()[outcome.detection]
        weights[category] = fit_rescoring(signals, outcome.hit, category)
    return weights


def with_new_scores(detections: pd.DataFrame, rescoring: Mapping[str, list[float]]) -> pd.DataFrame:
    """Return a table of detections as a detector with a rescoring scores and names them."""
    signals = jnp.asarray(detections[[*SIGNALS]].to_numpy(), jnp.float32)
    scores = np.asarray(probabilities(signals, [rescoring[name] for name in CATEGORIES]), float)
    category = np.array(CATEGORIES)[scores.argmax(axis=1)]
    score = scores.max(axis=1)
    return detections.assign(category=category, score=score)[score >= MIN_SCORE]


def fitted_scores(labels: pd.DataFrame, detections: pd.DataFrame, match_px: float) -> ScoreModel:
    """Fit the score model to detections that are compared with labels of either category."""
    outcome, _, table = figures.outcome_of(labels, detections, figures.ANYTHING, match_px)
    if not outcome.truths:
        return ScoreModel()  # without a label, nothing shows which detections are false
    share = float(outcome.hit.sum() / outcome.truths)
    return fit_score_model(table.score.to_numpy()[outcome.detection], outcome.hit, share)
