"""The exported and the edited COCO file compared: what has become of the boxes of each item.

for case in compare(read("items.json"), read("edited.json"), sequence_shapes(book)):
    case.item, case.touched, case.after
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from dimjax.errors import InputError
from dimjax.evaluation.pairing import pairs
from dimjax.review.coco.files import Box, Coco, Image, whole_attribute

UNCHANGED = "Give the file as this run exported it."
PUT_BACK = "Nothing was imported: correct its boxes, or put them back as they were."
SAME_PX = 0.02  # CVAT rounds to 0.01

_RIM_PX = 0.01  # what was put out of the frame is put back so far into it
_NEAR_PX = 3.0  # a box that lost its attributes is the one that was so near
_ROLES = ("label", "suggestion", "place", "other")


class Shown(NamedTuple):
    """A box as it was exported."""

    key: int  # attribute `box`
    role: str  # "label", "suggestion", "place" or "other"
    item: int  # 0: a label that no item concerns
    place: int  # index into the item's places
    label: int  # 0: none
    box: Box


class Case(NamedTuple):
    """An item as it was exported, and what has become of its boxes."""

    item: int
    shown: list[Shown]
    after: dict[int, Box]  # key -> box, of all that still stand
    new: list[Box]
    complete: bool  # whether all pictures of the item are there
    touched: bool  # whether a box was drawn, changed or, from a picture that is there, deleted

    def standing(self, place: int) -> list[Shown]:
        """The boxes of a place that still stand."""
        return [one for one in self.shown if one.place == place and one.key in self.after]

    @property
    def doubled(self) -> bool:
        """Whether a label stands beside its suggestion."""
        return any(len(self.standing(place)) > 1 for place in {one.place for one in self.shown})


def compare(before: Coco, found: Coco, shapes: Mapping[str, tuple[int, int, int]]) -> list[Case]:
    """What has become of the items of an exported file, in their order.

    Args:
      before: The exported file.
      found: The edited one.
      shapes: T, H, W of each known sequence.

    Raises:
      InputError: A picture or box is not of the exported file, or stands where it must not.
    """
    boxes, present = _in_frames(before, found, shapes)
    shown = [_shown(box) for box in before.boxes]
    after, unknown = _recognised(shown, boxes)
    new, items = defaultdict(list), defaultdict(list)
    for box in unknown:
        new[_item_of(box, shown)].append(box)
    for one in shown:
        items[one.item].append(one)
    _check_others(items.pop(0, []), after, present)
    return [_case(item, own, after, new[item], present) for item, own in items.items()]


def is_same(a: Any, b: Any) -> bool:
    """Whether two boxes differ by rounding only."""
    near = distance(a, b) <= SAME_PX and is_sized_alike(a, b)
    return near and a.category == b.category


def is_sized_alike(a: Any, b: Any) -> bool:
    """Whether the sizes of two boxes differ by rounding only."""
    return max(abs(a.w - b.w), abs(a.h - b.h)) <= SAME_PX


def distance(a: Any, b: Any) -> float:
    """The larger of the distances of two centres across and down, pixels."""
    return max(abs(a.x - b.x), abs(a.y - b.y))


def _shown(box: Box) -> Shown:
    role = box.attributes.get("role")
    names = ("box",) if role == "other" else ("box", "item", "place", "label")
    values = {name: whole_attribute(box, name) for name in names}
    if role not in _ROLES or None in values.values():
        raise InputError(box.where, "its attributes must be complete", box.attributes, UNCHANGED)
    key, item, place, label = (values.get(name, 0) for name in ("box", "item", "place", "label"))
    return Shown(key, role, item, place, label, box)


def _case(
    item: int, own: list[Shown], after: dict[int, Box], new: list[Box], present: set[int]
) -> Case:
    there = [one for one in own if one.box.image in present]
    touched = any(one.key not in after or not is_same(one.box, after[one.key]) for one in there)
    left = {one.key: after[one.key] for one in own if one.key in after}
    return Case(item, own, left, new, len(there) == len(own), touched or bool(new))


def _in_frames(before: Coco, found: Coco, shapes: Mapping) -> tuple[list[Box], set[int]]:
    """The boxes found, with the ids that their pictures had when exported; and these ids."""
    known = {image.name: key for key, image in before.images.items()}
    links, present = {}, set()
    for key, image in found.images.items():
        links[key] = _exported_image(image, known)
        if links[key] in present:
            remedy = "Leave it out but once."
            raise InputError(image.where, "a picture must be there once", image.name, remedy)
        present.add(links[key])
    boxes = [box._replace(image=links[box.image]) for box in found.boxes]
    return [_inside(box, before.images[box.image], shapes) for box in boxes], present


def _inside(box: Box, image: Image, shapes: Mapping) -> Box:
    """The box, back in the frame where rounding has put it out."""
    _, height, width = shapes.get(image.values.get("sequence"), (0, 0, 0))
    x = min(max(box.x, 0.0), width - _RIM_PX)
    y = min(max(box.y, 0.0), height - _RIM_PX)
    if max(abs(box.x - x), abs(box.y - y)) > SAME_PX:
        rule = f"the centre of bbox must lie in the frame of {width}x{height} pixels"
        raise InputError(box.where, rule, f"{box.x:g}, {box.y:g}", "Correct the box.")
    return box if 0 <= box.x < width and 0 <= box.y < height else box._replace(x=x, y=y)


def _exported_image(image: Image, known: dict[str, int]) -> int:
    for name in (image.name, re.sub("^[0-9a-f]{8}-", "", image.name)):  # Label Studio's mark
        if name in known:
            return known[name]
    rule = "a picture must be one of those exported"
    raise InputError(image.where, rule, image.name, "Take it out, or give it its name back.")


def _recognised(shown: list[Shown], boxes: list[Box]) -> tuple[dict[int, Box], list[Box]]:
    """Key -> box for those that were exported, and the new ones."""
    known, claims, rest = {one.key: one for one in shown}, defaultdict(list), []
    items = {one.item for one in shown}
    for box in boxes:
        key = _named(box, "box", known)
        _named(box, "item", items)
        if key and known[key].box.image == box.image:
            claims[key].append(box)
        else:
            rest.append(box._replace(attributes={}) if key else box)
    for key in [key for key, some in claims.items() if len(some) > 1]:  # one was copied
        rest += [box._replace(attributes={}) for box in claims.pop(key)]
    after, new = {key: box for key, (box,) in claims.items()}, []
    for image in sorted({box.image for box in rest}):
        own = [box for box in rest if box.image == image]
        lost = [one for one in shown if one.box.image == image and one.key not in after]
        found = pairs(own, [one.box for one in lost], _NEAR_PX)
        after |= {lost[k].key: own[box] for box, k in found.items()}
        new += [box for k, box in enumerate(own) if k not in found]
    return after, new


def _named(box: Box, name: str, known: Collection[int]) -> int:
    """What a box says that it is or belongs to; 0: nothing."""
    value = whole_attribute(box, name) or 0
    if value and value not in known:
        rule = f"attributes.{name} must be one of those exported"
        raise InputError(box.where, rule, value, "Leave it out of new boxes.")
    return value


def _item_of(box: Box, shown: list[Shown]) -> int:
    """The item that a new box belongs to: its own, or the nearest in its picture."""
    wanted = whole_attribute(box, "item")
    near = [one for one in shown if one.item and one.box.image == box.image]
    near = [one for one in near if not wanted or one.item == wanted]
    if not near:
        rule = "a new box must be in a picture of its item, or of any item if it names none"
        raise InputError(box.where, rule, f"item {wanted or 'none'}", "Remove or correct the box.")
    return min(near, key=lambda one: distance(one.box, box)).item


def _check_others(others: list[Shown], after: dict[int, Box], present: set[int]) -> None:
    for one in others:
        now = after.get(one.key)
        if one.box.image in present and (now is None or not is_same(one.box, now)):
            where, found = one.box.where if now is None else now.where, "another box"
            rule = "a label that no item concerns must stay as it is"
            raise InputError(where, rule, "none" if now is None else found, PUT_BACK)
