"""Strong detections of targets without a trusted track, as review items.

sure, doubtful, merged = isolated_detections(view, decisions, names, settings)
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.special import gammainc

from dimjax.data.labels import CATEGORIES
from dimjax.ledger.values import Item, ItemFrame
from dimjax.mining.settings import MiningConfig
from dimjax.mining.trajectories import TrackDecision, View, new_label
from dimjax.tracks import has_neighbour

_MAX_DUTY_CYCLE = 0.5  # a spot detected in a larger share of the frames does not flicker


def isolated_detections(
    view: View, decisions: list[TrackDecision], names: Iterator[str], settings: MiningConfig
) -> tuple[list[Item], list[Item], set[str]]:
    """Make items of isolated detections, and of spots at which detections repeat.

    Args:
      view: The sequence.
      decisions: On its tracks, from judge_tracks.
      names: Track names for new labels of interference.
      settings: See MiningConfig.

    Returns:
      The sure items, the doubtful ones, and the names of the tracks whose detections they contain.
    """
    isolated = _isolated(view, decisions, settings)
    sure, doubtful, merged = [], [], set()
    single = isolated.track == ""
    for rows in _spots(isolated, view.shape, settings):
        spot = isolated.iloc[rows]
        sure.append(_spot_item(spot, next(names), view.name))
        merged |= set(spot.track) - {""}
        single.iloc[rows] = False
    for row in isolated[single].itertuples():
        item, rejection_reason = _single_item(row, view, settings)
        (doubtful if rejection_reason else sure).append(item)
    return sure, doubtful, merged


def probability_of(count: int) -> float:
    """Probability of a false alarm, 1 - 2 ** -n.

    Each of n frames halves the doubt: frames in which a target would have been detected again, or
    frames with a detection at the same spot.
    """
    return 1 - 2.0**-count


def _isolated(view: View, decisions: list[TrackDecision], settings: MiningConfig) -> pd.DataFrame:
    """Strong detections of targets that neither a label nor a track explains, by frame.

    Detections of doubtful tracks of interference, e.g. of one that stands still, are included.
    """
    doubtful = {
        decision.track
        for decision in decisions
        if decision.item and decision.item.kind == "false_alarm" and decision.rejection_reason
    }
    table = view.detections[view.detections.strong & (view.detections.category == CATEGORIES[0])]
    table = table[table.track.isin({"", *doubtful})]
    table = table.sort_values(["frame", "x", "y", "score"])
    trusted = view.points[view.points.confirmed & ~view.points.track.isin(doubtful)]
    for others in (view.labels, trusted):
        table = table[~has_neighbour(table, others, settings.match_px)]
    nearby = _extrapolated(trusted, settings.room_frames)
    return table.assign(beside=has_neighbour(table, nearby, settings.beside_px))


def _extrapolated(points: pd.DataFrame, reach: int) -> pd.DataFrame:
    """Positions of tracks, each point extrapolated over some frames before and after."""
    return pd.concat(
        points.assign(
            frame=points.frame + k, x=points.x + k * points.vx, y=points.y + k * points.vy
        )
        for k in range(-reach, reach + 1)
    )


def _spots(isolated: pd.DataFrame, shape, settings: MiningConfig) -> list[np.ndarray]:
    """Rows of each spot at which detections repeat more often than by chance."""
    if len(isolated) < 2:
        return []
    xy = isolated[["x", "y"]].to_numpy()
    pairs = cKDTree(xy).query_pairs(settings.spot_px, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), (len(xy),) * 2)
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(group))[:-1])
    expected = len(xy) * np.pi * settings.spot_px**2 / (shape[1] * shape[2])
    frame, track = isolated.frame.to_numpy(), isolated.track.to_numpy(object)
    return [
        part
        for part in parts
        if len(part) > 1
        and np.ptp(xy[part], axis=0).max() <= 3 * settings.spot_px
        and _repeats(frame[part], track[part], expected, settings)
    ]


def _repeats(frame: np.ndarray, track: np.ndarray, expected: float, settings) -> bool:
    """Whether neighbouring detections are one spot that is bright now and then."""
    hits = len(np.unique(frame))
    bursts = np.count_nonzero(track == "") + len(set(track) - {""})
    if hits < 2 or bursts < 2 or hits > _MAX_DUTY_CYCLE * (np.ptp(frame) + 1):
        return False
    chance = gammainc(hits - 1, expected)  # Poisson: this many other detections or more
    return bool(chance < settings.spot_chance)


def _spot_item(spot: pd.DataFrame, track: str, sequence: str) -> Item:
    frames = tuple(
        new_label(row, CATEGORIES[1], track) for row in spot.drop_duplicates("frame").itertuples()
    )
    hits = len(frames)
    reason = f"{hits} detections at one spot from frame {frames[0].frame} to {frames[-1].frame}"
    score = float(spot.score.max())
    return Item("false_alarm", sequence, probability_of(hits), reason, frames, score)


def _single_item(row: NamedTuple, view: View, settings: MiningConfig) -> tuple[Item, str]:
    """Item of a detection in a single frame, and the reason why it may be a target after all."""
    length = view.shape[0]
    reach = settings.room_frames
    room = min(row.frame, reach) + min(length - 1 - row.frame, reach)
    rejection_reason = _rejection_reason(row, room, view.shape, settings)
    probability = probability_of(room) * (0.5 if rejection_reason else 1.0)
    reason = f"a detection of {row.score:.2f} without another on its path"
    reason = f"{reason}; {rejection_reason}" if rejection_reason else reason
    frames = (ItemFrame(row.frame, row.x, row.y),)
    item = Item("false_alarm", view.name, probability, reason, frames, float(row.score))
    return item, rejection_reason


def _rejection_reason(
    row: NamedTuple, room: int, shape: tuple[int, int, int], settings: MiningConfig
) -> str:
    """Why an isolated detection may be a target after all, "" if it surely is a false alarm."""
    length, height, width = shape
    # A target in the first or last frame may have been visible for a whole step, else for half.
    step = settings.speed_px if row.frame in (0, length - 1) else settings.speed_px / 2
    step += settings.location_error_px
    if room < settings.room_frames:
        return "the sequence is short"
    if row.beside:
        return "it may belong to a track beside it"
    if min(row.x, row.y, width - row.x, height - row.y) < step:
        return "a target may have clipped the border"
    return ""
