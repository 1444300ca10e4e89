"""How misses and false alarms are mined: every number that may be set, with its unit."""

from typing import NamedTuple

from dimjax.errors import InputError
from dimjax.ledger.values import Item


class Mining(NamedTuple):
    """Settings of `mine`; chosen on seeds 100 to 104 of experiments/linking.py."""

    match_px: float = 3.0  # nearer than this a label, track or detection is of the same object

    # Tracks that are doubted although they are confirmed.
    few_hits: int = 3  # they have so many detections or fewer,
    still_px: float = 2.0  # or move less than this from first to last,
    short_frames: int = 12  # or begin and end within so many frames, far from the border
    labelled_share: float = 0.5  # with labels in so much of its frames no track is doubted

    # Lone detections that are doubted.
    beside_px: float = 10.0  # a track that passes nearer may have lost them
    speed_px: float = 8.0  # a target this fast may have clipped the border, pixels a frame
    place_px: float = 0.5  # a detection may lie so far off
    room_frames: int = 3  # before and after, in which others of the same target are looked for

    # Lone detections at the same place.
    spot_px: float = 1.5  # so near to each other
    spot_chance: float = 1e-3  # chance of so many there, below which it is one thing


class Mined(NamedTuple):
    """Review items, each of one object; in all lists the surest first, then the strongest."""

    misses: list[Item]  # targets to label, kinds miss and unlabelled_target
    false_alarms: list[Item]  # detections of none, kind false_alarm
    doubtful: list[Item]  # either, less likely to be right


def check(settings: Mining) -> None:
    """Raises InputError where a setting is out of its range."""
    for name in ("match_px", "spot_px"):
        _require(settings, name, getattr(settings, name) > 0, "must be above 0")
    for name in (
        "few_hits",
        "still_px",
        "short_frames",
        "beside_px",
        "speed_px",
        "place_px",
        "room_frames",
    ):
        _require(settings, name, getattr(settings, name) >= 0, "must be 0 or more")
    for name in ("labelled_share", "spot_chance"):
        _require(settings, name, 0 <= getattr(settings, name) <= 1, "must lie between 0 and 1")


def _require(settings: Mining, name: str, holds: bool, rule: str) -> None:
    if not holds:
        found = getattr(settings, name)
        raise InputError(f"mining setting `{name}`", rule, found, "Correct the setting.")
