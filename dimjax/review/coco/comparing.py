"""Comparison of an exported and an edited COCO file: the edits of each item.

before, edited = read("items.json"), read("edited.json")
for edits in compare(before, edited, sequence_shapes(db), match_px(db)):
    edits.item, edits.touched, edits.remaining
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from dimjax.errors import InputError
from dimjax.evaluation.pairing import pairs
from dimjax.review.coco.files import Box, CocoFile, Image, int_attribute

UNCHANGED = "Give the file as this run exported it."
RESTORE = "Nothing was imported: correct its boxes, or restore them."
SAME_PX = 0.02  # CVAT rounds to 0.01

_RIM_PX = 0.01  # a centre that rounding put outside the frame is moved this far inside
_ROLES = ("label", "suggestion", "location", "other")


class ExportedBox(NamedTuple):
    """A box of the exported file."""

    key: int  # attribute `box`
    role: str  # "label", "suggestion", "location" or "other"
    item: int  # 0: a label of no exported item
    frame_index: int  # index into the item's frames
    label: int  # 0: none
    box: Box


class ItemEdits(NamedTuple):
    """An exported item and its boxes in the edited file."""

    item: int
    exported: list[ExportedBox]
    remaining: dict[int, Box]  # key -> edited box, for those that were not deleted
    new: list[Box]
    complete: bool  # whether all images of the item are present
    touched: bool  # whether a box was drawn, changed or deleted (other than with its image)

    def remaining_in(self, frame_index: int) -> list[ExportedBox]:
        """Return the boxes of an item frame that were not deleted."""
        boxes = (box for box in self.exported if box.key in self.remaining)
        return [box for box in boxes if box.frame_index == frame_index]

    @property
    def ambiguous(self) -> bool:
        """Whether a label remains beside its suggestion."""
        indices = {box.frame_index for box in self.exported}
        return any(len(self.remaining_in(k)) > 1 for k in indices)


def compare(
    before: CocoFile,
    edited: CocoFile,
    shapes: Mapping[str, tuple[int, int, int]],
    match_px: float,
) -> list[ItemEdits]:
    """Return the edits of each exported item, in the order of export.

    Args:
      before: The exported file.
      edited: The edited file.
      shapes: T, H, W of each sequence.
      match_px: Matching radius, for boxes that lost their attributes.

    Raises:
      InputError: An image or box does not belong to the exported file, or a box is invalid.
    """
    boxes, present = _in_exported_images(before, edited, shapes)
    exported = [_exported_box(box) for box in before.boxes]
    remaining, unmatched = _identify(exported, boxes, match_px)
    for one in exported:
        if one.key in remaining:
            size = _frame_size(before.images[one.box.image], shapes)
            remaining[one.key] = _without_cut(one.box, remaining[one.key], size)
    new, boxes_of = defaultdict(list), defaultdict(list)
    for box in unmatched:
        new[_item_of(box, exported)].append(box)
    for box in exported:
        boxes_of[box.item].append(box)
    _check_others(boxes_of.pop(0, []), remaining, present)
    return [
        _item_edits(item, originals, remaining, new[item], present)
        for item, originals in boxes_of.items()
    ]


def is_same(a: Any, b: Any) -> bool:
    """Whether two boxes are equal up to rounding."""
    near = distance(a, b) <= SAME_PX and is_same_size(a, b)
    return near and a.category == b.category


def is_same_size(a: Any, b: Any) -> bool:
    """Whether the sizes of two boxes are equal up to rounding."""
    return max(abs(a.w - b.w), abs(a.h - b.h)) <= SAME_PX


def distance(a: Any, b: Any) -> float:
    """Return the Chebyshev distance of two centres, pixels."""
    return max(abs(a.x - b.x), abs(a.y - b.y))


def _exported_box(box: Box) -> ExportedBox:
    role = box.attributes.get("role")
    names = ("box", "item", "frame_index", "label")
    required = ("box",) if role == "other" else names
    values = {name: int_attribute(box, name) for name in required}
    if role not in _ROLES or None in values.values():
        raise InputError(box.subject, "its attributes must be complete", box.attributes, UNCHANGED)
    key, item, frame_index, label = (values.get(name, 0) for name in names)
    return ExportedBox(key, role, item, frame_index, label, box)


def _item_edits(
    item: int,
    exported: list[ExportedBox],
    remaining: dict[int, Box],
    new: list[Box],
    present: set[int],
) -> ItemEdits:
    visible = [one for one in exported if one.box.image in present]
    changed = any(
        one.key not in remaining or not is_same(one.box, remaining[one.key]) for one in visible
    )
    remaining = {one.key: remaining[one.key] for one in exported if one.key in remaining}
    complete = len(visible) == len(exported)
    return ItemEdits(item, exported, remaining, new, complete, changed or bool(new))


def _in_exported_images(
    before: CocoFile, edited: CocoFile, shapes: Mapping
) -> tuple[list[Box], set[int]]:
    """Return the edited boxes with the image ids of the export, and the ids of present images."""
    id_of_name = {image.name: key for key, image in before.images.items()}
    id_of, present = {}, set()
    for key, image in edited.images.items():
        id_of[key] = _exported_image(image, id_of_name)
        if id_of[key] in present:
            rule, remedy = "each image must occur once", "Remove the copies."
            raise InputError(image.subject, rule, image.name, remedy)
        present.add(id_of[key])
    boxes = [box._replace(image=id_of[box.image]) for box in edited.boxes]
    return [_inside(box, before.images[box.image], shapes) for box in boxes], present


def _without_cut(original: Box, edited: Box, size: tuple[int, int]) -> Box:
    """Undo that a program has cut a box at the rim of the frame."""
    cut = {}
    for centre, length, limit in (("x", "w", size[1]), ("y", "h", size[0])):
        at, half = getattr(original, centre), getattr(original, length) / 2
        low, high = max(at - half, 0.0), min(at + half, limit)
        cut |= {centre: (low + high) / 2, length: high - low}
    if not is_same(original._replace(**cut, category=edited.category), edited):
        return edited
    return edited._replace(x=original.x, y=original.y, w=original.w, h=original.h)


def _frame_size(image: Image, shapes: Mapping) -> tuple[int, int]:
    return shapes.get(image.fields.get("sequence"), (0, 0, 0))[1:]


def _inside(box: Box, image: Image, shapes: Mapping) -> Box:
    """Move a box back into the frame if rounding has put its centre outside."""
    height, width = _frame_size(image, shapes)
    x = min(max(box.x, 0.0), width - _RIM_PX)
    y = min(max(box.y, 0.0), height - _RIM_PX)
    if max(abs(box.x - x), abs(box.y - y)) > SAME_PX:
        rule = f"the centre of bbox must lie in the frame of {width}x{height} pixels"
        raise InputError(box.subject, rule, f"{box.x:g}, {box.y:g}", "Correct the box.")
    return box if 0 <= box.x < width and 0 <= box.y < height else box._replace(x=x, y=y)


def _exported_image(image: Image, id_of_name: dict[str, int]) -> int:
    without_prefix = re.sub("^[0-9a-f]{8}-", "", image.name)  # added by Label Studio
    for name in (image.name, without_prefix):
        if name in id_of_name:
            return id_of_name[name]
    rule = "each image must be an exported one"
    raise InputError(image.subject, rule, image.name, "Remove it, or restore its name.")


def _identify(
    exported: list[ExportedBox], boxes: list[Box], match_px: float
) -> tuple[dict[int, Box], list[Box]]:
    """Return key -> edited box for the exported boxes, and the new boxes."""
    by_key, claims, rest = {one.key: one for one in exported}, defaultdict(list), []
    items = {one.item for one in exported}
    for box in boxes:
        key = _reference(box, "box", by_key)
        _reference(box, "item", items)
        if key and by_key[key].box.image == box.image:
            claims[key].append(box)
        else:
            rest.append(box._replace(attributes={}) if key else box)
    for key in [key for key, claimants in claims.items() if len(claimants) > 1]:  # copies
        rest += [box._replace(attributes={}) for box in claims.pop(key)]
    remaining, new = {key: box for key, (box,) in claims.items()}, []
    for image in sorted({box.image for box in rest}):
        unknown = [box for box in rest if box.image == image]
        lost = [one for one in exported if one.box.image == image and one.key not in remaining]
        partners = pairs(unknown, [one.box for one in lost], match_px)
        remaining |= {lost[k].key: unknown[box] for box, k in partners.items()}
        new += [box for k, box in enumerate(unknown) if k not in partners]
    return remaining, new


def _reference(box: Box, name: str, exported: Collection[int]) -> int:
    """Return the exported box or item that an attribute refers to, 0 for none."""
    value = int_attribute(box, name) or 0
    if value and value not in exported:
        rule = f"attributes.{name} must be an exported one"
        raise InputError(box.subject, rule, value, "Omit it in new boxes.")
    return value


def _item_of(box: Box, exported: list[ExportedBox]) -> int:
    """Return the item of a new box: the one it names, or the nearest in its image."""
    named = int_attribute(box, "item")
    candidates = [one for one in exported if one.item and one.box.image == box.image]
    candidates = [one for one in candidates if not named or one.item == named]
    if not candidates:
        rule = "a new box must be in an image of the item it names or, without a name, of any item"
        raise InputError(box.subject, rule, f"item {named or 'none'}", "Remove or correct the box.")
    return min(candidates, key=lambda one: distance(one.box, box)).item


def _check_others(others: list[ExportedBox], remaining: dict[int, Box], present: set[int]) -> None:
    for one in others:
        box = remaining.get(one.key)
        if one.box.image in present and (box is None or not is_same(one.box, box)):
            subject = one.box.subject if box is None else box.subject
            rule = "a label of no exported item must stay unchanged"
            raise InputError(subject, rule, "none" if box is None else "another box", RESTORE)
