"""Categories of tracks, from their numbers and from the network's categories of their detections.

A single frame hardly separates a bird from a drone; forty frames do.

    share = target_share(table, rows)           # [P], the network's vote
    categories = categorise(table, xy, track, settings)     # if settings.categories holds models
    category_of(categories.probability)         # [D] "target" or "interference"
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from dimjax.data.labels import CATEGORIES
from dimjax.tracks import kalman
from dimjax.tracks.category_model import phrases
from dimjax.tracks.settings import LinkingConfig
from dimjax.tracks.track_frames import TrackFrames
from dimjax.tracks.track_numbers import WINDOW_FRAMES, track_numbers

_BY_NETWORK = "the network's category of most of its detections"  # if no number supports it
_DETECTIONS = 2**15  # judged at once
_MIN_SHARE = 0.02  # added to both shares: the vote of one detection is not certain


class Categories(NamedTuple):
    """Category of each detection by its track, or by itself without one."""

    probability: np.ndarray  # [D] of a target
    reason: np.ndarray  # [D] str, the numbers that support the category most


def target_share(table: pd.DataFrame, rows: TrackFrames, causal: bool = False) -> np.ndarray:
    """Share of a track's scores that belongs to the target category, in each of its frames [P].

    Args:
      table: Detections of a sequence, with category and score.
      rows: Frames of the tracks.
      causal: Count the detections up to each frame only.
    """
    score = np.append(table.score.to_numpy(), 0.0)[rows.detection]
    is_target = np.append((table.category == CATEGORIES[0]).to_numpy(), False)[rows.detection]
    if causal:
        return rows.sums_so_far(score * is_target) / rows.sums_so_far(score)
    return (rows.sums(score * is_target) / rows.sums(score))[rows.track]


def category_of(probability: np.ndarray) -> np.ndarray:
    """Category with the larger probability, or the larger share of the scores."""
    return np.array(CATEGORIES, object)[(probability < 0.5).astype(int)]


def categorise(
    table: pd.DataFrame,
    xy: np.ndarray,
    track: np.ndarray,
    settings: LinkingConfig,
    causal: bool = False,
) -> Categories:
    """Judge the category of each detection with the category model.

    The log odds of a track are the mean over its windows, or over those so far if causal, weighted
    by the detections in each, plus the log odds of the target's share of its scores times the
    weight of that share.

    Args:
      table: Detections of a sequence, with category, score and the columns APPEARANCE.
      xy: [D, 2] their positions, motion of the camera removed.
      track: [D] track number of each, -1 without a track: these are judged alone.
      settings: Settings of the linking, with category models.
      causal: Use only the past of each detection.
    """
    track = each_in_a_track(track)
    probability, reason = np.full(len(track), np.nan), np.full(len(track), "", object)
    for part in _parts(track):
        tracks = table.iloc[part], xy[part], track[part] - track[part].min()
        probability[part], reason[part] = _categorise(*tracks, settings, causal)
    return Categories(probability, reason)


def _parts(track: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the detections [K] of some tracks at a time; numbers of all would take a gigabyte."""
    part = ((np.cumsum(np.bincount(track)) - 1) // _DETECTIONS)[track]
    for number in np.unique(part):
        yield np.flatnonzero(part == number)


def _categorise(
    table: pd.DataFrame, xy: np.ndarray, track: np.ndarray, settings: LinkingConfig, causal: bool
) -> Categories:
    """Judge the detections of some tracks; each detection is in one."""
    model = settings.categories[int(causal)]
    rows = TrackFrames.from_detections(table.frame.to_numpy(), track)
    values = windows(table, xy, rows, settings, causal)
    hit = rows.detection >= 0
    deviations, contributions = model.deviations(values), model.contributions(values)
    log_odds = model.log_odds(values)
    if causal:
        known = hit * rows.hits_within(WINDOW_FRAMES + 1)  # a window of few detections tells little
        log_odds = rows.sums_so_far(log_odds * known) / rows.sums_so_far(known)
    else:
        count = rows.sums(hit)
        deviations, contributions = (
            np.stack([rows.sums(v * hit) / count for v in each.T], axis=1)[rows.track]
            for each in (deviations, contributions)
        )
        log_odds = (rows.sums(log_odds * hit) / count)[rows.track]
    share = target_share(table, rows, causal)
    log_odds = log_odds + model.share_weight * np.log(
        (share + _MIN_SHARE) / (1 - share + _MIN_SHARE)
    )
    judged = hit if causal else rows.first  # one reason for each track, or each detection
    words = phrases(contributions[judged], deviations[judged] > 0, log_odds[judged] >= 0)
    reason = np.array(words, object)
    reason = np.where(reason == "", _BY_NETWORK, reason)
    reason = reason if causal else reason[rows.track[hit]]
    order = np.argsort(rows.detection[hit])
    return Categories(expit(log_odds[hit])[order], reason[order])


def windows(
    table: pd.DataFrame, xy: np.ndarray, rows: TrackFrames, settings: LinkingConfig, causal: bool
) -> np.ndarray:
    """Compute the numbers of the window of each frame of each track [P, F]."""
    smoothed = kalman.smooth(rows.values(xy), rows.lengths, settings, causal)
    return track_numbers(table, rows, smoothed, xy, causal)


def each_in_a_track(track: np.ndarray) -> np.ndarray:
    """Track numbers [D] that give each detection without a track, -1, one of its own."""
    alone = track < 0
    numbers = track.copy()
    numbers[alone] = track.max(initial=-1) + 1 + np.arange(np.count_nonzero(alone))
    return numbers
