"""Review items as a COCO file, and the pictures that go with it.

ids = export_items(book, "items.json")
write_pictures("items.json", folder.sequence, "pictures")
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from dimjax.data.sequences import Sequence
from dimjax.drawing.pictures import grey8, grey_range
from dimjax.errors import InputError
from dimjax.ledger import (
    Item,
    Label,
    Ledger,
    current_round,
    get_items,
    labels_of_frame,
    sequence_shapes,
)
from dimjax.ledger.changes import label_after
from dimjax.ledger.values import text, whole
from dimjax.review.coco.files import annotation, read, write

_APART_PX = 3.0  # places nearer than this are one case
_PLACE_PX = 3.0  # size of the box of a place without label


class Drawn(NamedTuple):
    """A box that an item is shown by."""

    role: str  # "label", "suggestion", "place"
    place: int  # index into the item's places
    label: int  # 0: none
    frame: int
    box: Label


def export_items(book: Ledger, path: str | Path) -> list[int]:
    """Write the items of the current round that wait, open or skipped, as COCO JSON.

    Of items about the same label or place only the most probable one is written, since a decision
    makes the others stale; they come with the next export.

    Returns:
      Ids of the items written, the most probable first.
    """
    with book.reading():
        items = _one_a_case(get_items(book, ["open", "skipped"], round=current_round(book)))
        images, annotations = _contents(book, items)
    write(images, annotations, path)
    return [item.id for item in items]


def write_pictures(
    path: str | Path, sequence_of: Callable[[str], Sequence], folder: str | Path
) -> int:
    """Write the pictures of an exported file as 8-bit PNG, grey levels stretched frame by frame.

    Args:
      path: What export_items wrote.
      sequence_of: Opens a sequence by its name.
      folder: Where the pictures go; it is made if need be.

    Returns:
      How many there are.

    Raises:
      InputError: The file is not of this form, or a sequence or frame is unknown.
    """
    images, folder = read(path).images.values(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for image in images:
        name = text(image.where, "sequence", image.values.get("sequence"))
        number = whole(image.where, "frame", image.values.get("frame"))
        sequence = sequence_of(name)
        if number >= len(sequence):
            rule = f"frame must lie in 0 <= frame < {len(sequence)}"
            raise InputError(image.where, rule, number, "Give the file that was exported.")
        frame = sequence.frame(number)
        Image.fromarray(grey8(frame, *grey_range(frame))).save(folder / picture_name(name, number))
    return len(images)


def picture_name(sequence: str, frame: int) -> str:
    """File name of a frame's picture, without folders: Label Studio drops them.

    Raises:
      InputError: The sequence has a name that can name no file.
    """
    name = f"{sequence}-{frame:06d}.png"
    if any(mark in name for mark in "/\\:\0"):
        rule, remedy = "its name must be one of a file", "Rename the sequence."
        raise InputError(f"sequence {sequence}", rule, repr(sequence), remedy)
    return name


def drawn(book: Ledger, item: Item) -> list[Drawn]:
    """The boxes that an item is shown by; each place has at least one."""
    boxes = []
    for k, place in enumerate(item.places):
        labels = {label.id: label for label in labels_of_frame(book, item.sequence, place.frame)}
        label, own = labels.get(place.label), (k, place.label or 0, place.frame)
        if label is not None:
            boxes.append(Drawn("label", *own, label))
        if place.fix is not None and not place.fix.removed:
            boxes.append(Drawn("suggestion", *own, label_after(place.fix, label, "", 0)))
        elif label is None:
            spot = (place.x, place.y, _PLACE_PX, _PLACE_PX, "target", "", "", 0, False)
            boxes.append(Drawn("place", *own, Label(0, item.sequence, place.frame, *spot)))
    return boxes


def _one_a_case(items: list[Item]) -> list[Item]:
    """The items without those about a label or a place of an earlier one."""
    chosen, labels, spots = [], set(), defaultdict(list)
    for item in items:
        own = {place.label for place in item.places if place.label is not None}
        points = list(_points(item))
        if not own & labels and not any(_is_near(point, spots[frame]) for frame, point in points):
            chosen.append(item)
            labels |= own
            for frame, point in points:
                spots[frame].append(point)
    return chosen


def _points(item: Item) -> Iterator[tuple[tuple[str, int], tuple[float, float]]]:
    """Frame and point of all places of an item and of what it suggests there."""
    for place in item.places:
        for point in (place, place.fix):
            if point is not None and None not in (point.x, point.y):
                yield (item.sequence, place.frame), (point.x, point.y)


def _is_near(point: tuple[float, float], others: list[tuple[float, float]]) -> bool:
    return any(max(abs(point[0] - x), abs(point[1] - y)) < _APART_PX for x, y in others)


def _contents(book: Ledger, items: list[Item]) -> tuple[list[dict], list[dict]]:
    """Images and annotations."""
    frames = sorted({(item.sequence, place.frame) for item in items for place in item.places})
    images = _images(book, frames)
    key_of = {frame: image["id"] for frame, image in zip(frames, images, strict=True)}
    shown = [(item, box) for item in items for box in drawn(book, item)]
    rows = [(key_of[item.sequence, box.frame], box.box, _told(item, box)) for item, box in shown]
    concerned = {box.label for _, box in shown}
    for frame in frames:
        others = [label for label in labels_of_frame(book, *frame) if label.id not in concerned]
        rows += [(key_of[frame], label, {"role": "other", "label": label.id}) for label in others]
    return images, [
        {**annotation(box, key, image), "attributes": {"box": key, **attributes}}
        for key, (image, box, attributes) in enumerate(rows, start=1)
    ]


def _images(book: Ledger, frames: list[tuple[str, int]]) -> list[dict[str, Any]]:
    images, shapes = [], sequence_shapes(book)
    for key, (sequence, frame) in enumerate(frames, start=1):
        _, height, width = shapes[sequence]
        size = {"width": width, "height": height, "file_name": picture_name(sequence, frame)}
        images.append({"id": key, **size, "sequence": sequence, "frame": frame})
    return images


def _told(item: Item, box: Drawn) -> dict[str, Any]:
    """The attributes of a box."""
    own = {"role": box.role, "item": item.id, "place": box.place, "label": box.label}
    return {**own, "kind": item.kind, "probability": item.probability, "reason": item.reason}
