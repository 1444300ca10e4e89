"""Strong detections of targets that belong to no trusted track, as review items.

sure, doubtful, settled = strays(view, verdicts, names, settings)
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
from dimjax.ledger.values import Item, Place
from dimjax.mining.settings import Mining
from dimjax.mining.trajectories import Verdict, View, new_label
from dimjax.tracks import nearest

_MOST_DUTY = 0.5  # what is there in a larger share of frames does not flicker


def strays(
    view: View, verdicts: list[Verdict], names: Iterator[str], settings: Mining
) -> tuple[list[Item], list[Item], set[str]]:
    """Items of lone detections and of spots where they repeat.

    Returns:
      Those that are sure, those that are doubted, and the tracks whose detections they hold.
    """
    lone = _lone(view, verdicts, settings)
    sure, doubtful, settled = [], [], set()
    alone = lone.track == ""
    for rows in _spots(lone, view.shape, settings):
        spot = lone.iloc[rows]
        sure.append(_spot_item(spot, next(names), view.name))
        settled |= set(spot.track) - {""}
        alone.iloc[rows] = False
    for row in lone[alone].itertuples():
        item, doubt = _lone_item(row, view, settings)
        (doubtful if doubt else sure).append(item)
    return sure, doubtful, settled


def probability_of(count: int) -> float:
    """Probability of a false alarm, 1 - 2 ** -n.

    Each of n frames halves the doubt: one in which a target would have been seen again, or one in
    which the same spot was bright.
    """
    return 1 - 2.0**-count


def _lone(view: View, verdicts: list[Verdict], settings: Mining) -> pd.DataFrame:
    """Strong detections of targets that neither a label nor a track explains, by frame.

    Those of a track that stands still are among them.
    """
    still = {v.track for v in verdicts if v.item and v.item.kind == "false_alarm" and v.doubt}
    table = view.detections[view.detections.strong & (view.detections.category == CATEGORIES[0])]
    table = table[table.track.isin({"", *still})]
    table = table.sort_values(["frame", "x", "y", "score"])
    trusted = view.points[view.points.confirmed & ~view.points.track.isin(still)]
    for others in (view.labels, trusted):
        table = table[nearest(table, others, settings.match_px)[0] < 0]
    around = _carried_on(trusted, settings.room_frames)
    return table.assign(beside=nearest(table, around, settings.beside_px)[0] >= 0)


def _carried_on(points: pd.DataFrame, reach: int) -> pd.DataFrame:
    """Where tracks are and, from each of their points, would be some frames before and after."""
    return pd.concat(
        points.assign(
            frame=points.frame + k, x=points.x + k * points.vx, y=points.y + k * points.vy
        )
        for k in range(-reach, reach + 1)
    )


def _spots(lone: pd.DataFrame, shape, settings: Mining) -> list[np.ndarray]:
    """Rows of each place at which detections come again and again, more than chance has it."""
    if len(lone) < 2:
        return []
    xy = lone[["x", "y"]].to_numpy()
    pairs = cKDTree(xy).query_pairs(settings.spot_px, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), (len(xy),) * 2)
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(group))[:-1])
    expected = len(xy) * np.pi * settings.spot_px**2 / (shape[1] * shape[2])
    frame, track = lone.frame.to_numpy(), lone.track.to_numpy(object)
    return [
        part
        for part in parts
        if len(part) > 1
        and np.ptp(xy[part], axis=0).max() <= 3 * settings.spot_px
        and _repeats(frame[part], track[part], expected, settings)
    ]


def _repeats(frame: np.ndarray, track: np.ndarray, expected: float, settings: Mining) -> bool:
    """Whether detections near each other are one spot that is bright now and then."""
    hits = len(np.unique(frame))
    times = np.count_nonzero(track == "") + len(set(track) - {""})
    if hits < 2 or times < 2 or hits > _MOST_DUTY * (np.ptp(frame) + 1):
        return False
    return bool(gammainc(hits - 1, expected) < settings.spot_chance)  # Poisson: so many or more


def _spot_item(spot: pd.DataFrame, track: str, sequence: str) -> Item:
    places = tuple(
        new_label(row, CATEGORIES[1], track) for row in spot.drop_duplicates("frame").itertuples()
    )
    hits = len(places)
    reason = f"{hits} detections at one place from frame {places[0].frame} to {places[-1].frame}"
    score = float(spot.score.max())
    return Item("false_alarm", sequence, probability_of(hits), reason, places, score)


def _lone_item(row: NamedTuple, view: View, settings: Mining) -> tuple[Item, str]:
    """A detection in a single frame, and the doubt whether it is false."""
    length, height, width = view.shape
    reach = settings.room_frames
    room = min(row.frame, reach) + min(length - 1 - row.frame, reach)
    # A target in the first or last frame may have been there for one step, else for half of one.
    step = settings.speed_px if row.frame in (0, length - 1) else settings.speed_px / 2
    step += settings.place_px
    doubt = ""
    if room < reach:
        doubt = "the sequence is short"
    elif row.beside:
        doubt = "it may belong to a track beside it"
    elif min(row.x, row.y, width - row.x, height - row.y) < step:
        doubt = "a target may have clipped the border"
    probability = probability_of(room) * (0.5 if doubt else 1.0)
    reason = f"a detection of {row.score:.2f} without another on its path"
    place = Place(row.frame, row.x, row.y)
    reason = f"{reason}; {doubt}" if doubt else reason
    return Item("false_alarm", view.name, probability, reason, (place,), float(row.score)), doubt
