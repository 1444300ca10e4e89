"""Settings of the mining of misses and false alarms, with their units."""

from typing import NamedTuple

from dimjax.ledger.values import Item
from dimjax.settings_rules import ABOVE_ZERO, SHARE, at_least, check_fields


class MiningConfig(NamedTuple):
    """Settings of `mine`; chosen on seeds 100 to 104 of experiments/linking.py."""

    match_px: float = 3.0  # labels, tracks and detections nearer than this are the same object

    # Confirmed tracks that are doubtful all the same.
    few_hits: int = 3  # they have this many strong detections or fewer,
    still_px: float = 2.0  # or move less than this from the first to the last,
    short_frames: int = 12  # or are at most this long and begin and end far from the border
    labelled_share: float = 0.5  # no track with labels in this share of its frames is doubtful

    # Isolated detections that are doubtful.
    beside_px: float = 10.0  # they may belong to a track that passes nearer than this
    speed_px: float = 8.0  # a target this fast may have clipped the border, pixels a frame
    location_error_px: float = 0.5  # largest error of a detection's position
    room_frames: int = 3  # frames before and after that are searched for the same target

    # Isolated detections that repeat at one spot.
    spot_px: float = 1.5  # largest distance between neighbours
    spot_chance: float = 1e-3  # a spot is less likely than this if detections are independent


class Mined(NamedTuple):
    """Review items, one for each object; each list by falling probability, then score."""

    misses: list[Item]  # targets to label, kinds miss and unlabelled_target
    false_alarms: list[Item]  # detections of background or interference, kind false_alarm
    doubtful: list[Item]  # items of either sort that are less likely to be right


_RULES = {
    "match_px": ABOVE_ZERO,
    "spot_px": ABOVE_ZERO,
    "few_hits": at_least(0),
    "still_px": at_least(0),
    "short_frames": at_least(0),
    "beside_px": at_least(0),
    "speed_px": at_least(0),
    "location_error_px": at_least(0),
    "room_frames": at_least(0),
    "labelled_share": SHARE,
    "spot_chance": SHARE,
}


def check(settings: MiningConfig) -> None:
    """Raise InputError if a setting is out of its range."""
    check_fields("mining setting `{}`", settings._asdict(), _RULES)
