"""Export of review items as a COCO file, and of the images that it refers to.

ids = export_items(db, "items.json")
write_images("items.json", folder.sequence, "images")
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import PIL.Image

from dimjax.atomic_files import atomic_write
from dimjax.data.sequences import Sequence
from dimjax.drawing.pictures import grey_range, to_grey8
from dimjax.errors import InputError
from dimjax.ledger import (
    Item,
    Label,
    Ledger,
    current_round,
    get_items,
    labels_of_frame,
    match_px,
    sequence_shapes,
)
from dimjax.ledger.changes import label_after
from dimjax.ledger.checks import as_int, as_text
from dimjax.review.coco.files import annotation, read, write

_LOCATION_PX = 3.0  # size of the box of a location without a label


class ItemBox(NamedTuple):
    """A box that represents a frame of an item."""

    role: str  # "label", "suggestion" or "location"
    frame_index: int  # index into the item's frames
    label: int  # 0: none
    frame: int
    box: Label


def export_items(db: Ledger, path: str | Path) -> list[int]:
    """Write the open and skipped items of the current round as COCO JSON.

    Of items that concern the same label or location only the most probable one is written, since a
    decision on it makes the others stale. Those left out are part of the next export.

    Returns:
      Ids of the items written, the most probable first.
    """
    with db.read_transaction():
        waiting = get_items(db, ["open", "skipped"], round=current_round(db))
        items = _without_overlaps(waiting, match_px(db))
        images, annotations = _contents(db, items)
    write(images, annotations, path)
    return [item.id for item in items]


def write_images(
    path: str | Path, sequence_of: Callable[[str], Sequence], folder: str | Path
) -> int:
    """Write the images of an exported file as 8-bit PNG, with grey levels stretched per frame.

    Args:
      path: The file that export_items wrote.
      sequence_of: Opens a sequence by name.
      folder: Folder for the images, created if missing.

    Returns:
      The number of images.

    Raises:
      InputError: The file was not written by export_items, or a sequence or frame does not exist.
    """
    images, folder = read(path).images.values(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for image in images:
        name = as_text(image.subject, "sequence", image.fields.get("sequence"))
        t = as_int(image.subject, "frame", image.fields.get("frame"))
        sequence = sequence_of(name)
        if t >= len(sequence):
            rule = f"frame must lie in 0 <= frame < {len(sequence)}"
            raise InputError(image.subject, rule, t, "Give the file that was exported.")
        frame = sequence.frame(t)
        grey = to_grey8(frame, *grey_range(frame))
        with atomic_write(folder / image_name(name, t)) as partial:
            PIL.Image.fromarray(grey).save(partial, "png")
    return len(images)


def image_name(sequence: str, frame: int) -> str:
    """Return the file name of a frame's image, without folders since Label Studio drops them.

    Raises:
      InputError: The name of the sequence cannot be part of a file name.
    """
    name = f"{sequence}-{frame:06d}.png"
    if any(mark in name for mark in "/\\:\0"):
        rule, remedy = "its name must be a valid file name", "Rename the sequence."
        raise InputError(f"sequence {sequence}", rule, repr(sequence), remedy)
    return name


def item_boxes(db: Ledger, item: Item) -> list[ItemBox]:
    """Return the boxes that represent an item, at least one for each of its frames."""
    boxes = []
    for k, frame in enumerate(item.frames):
        labels = {label.id: label for label in labels_of_frame(db, item.sequence, frame.frame)}
        label, key = labels.get(frame.label), (k, frame.label or 0, frame.frame)
        if label is not None:
            boxes.append(ItemBox("label", *key, label))
        if frame.fix is not None and not frame.fix.removed:
            boxes.append(ItemBox("suggestion", *key, label_after(frame.fix, label, "", 0)))
        elif label is None:
            box = (frame.x, frame.y, _LOCATION_PX, _LOCATION_PX, "target", "", "", 0, False)
            boxes.append(ItemBox("location", *key, Label(0, item.sequence, frame.frame, *box)))
    return boxes


def _without_overlaps(items: list[Item], radius_px: float) -> list[Item]:
    """Drop the items that concern a label or a location of an earlier item."""
    selected, labels, occupied = [], set(), defaultdict(list)
    for item in items:
        item_labels = {frame.label for frame in item.frames if frame.label is not None}
        points = list(_points(item))
        overlaps = (_is_near(point, occupied[key], radius_px) for key, point in points)
        if not item_labels & labels and not any(overlaps):
            selected.append(item)
            labels |= item_labels
            for key, point in points:
                occupied[key].append(point)
    return selected


def _points(item: Item) -> Iterator[tuple[tuple[str, int], tuple[float, float]]]:
    """Yield (sequence, frame) and point of all frames of an item and of their suggestions."""
    for frame in item.frames:
        for point in (frame, frame.fix):
            if point is not None and None not in (point.x, point.y):
                yield (item.sequence, frame.frame), (point.x, point.y)


def _is_near(
    point: tuple[float, float], others: list[tuple[float, float]], radius_px: float
) -> bool:
    return any(max(abs(point[0] - x), abs(point[1] - y)) < radius_px for x, y in others)


def _contents(db: Ledger, items: list[Item]) -> tuple[list[dict], list[dict]]:
    """Images and annotations of a file."""
    keys = sorted({(item.sequence, frame.frame) for item in items for frame in item.frames})
    images = _images(db, keys)
    id_of = {key: image["id"] for key, image in zip(keys, images, strict=True)}
    boxes = [(item, box) for item in items for box in item_boxes(db, item)]
    rows = [
        (id_of[item.sequence, box.frame], box.box, _attributes(item, box)) for item, box in boxes
    ]
    concerned = {box.label for _, box in boxes}
    for key in keys:
        others = [label for label in labels_of_frame(db, *key) if label.id not in concerned]
        rows += [(id_of[key], label, {"role": "other", "label": label.id}) for label in others]
    return images, [
        {**annotation(box, k, image), "attributes": {"box": k, **attributes}}
        for k, (image, box, attributes) in enumerate(rows, start=1)
    ]


def _images(db: Ledger, keys: list[tuple[str, int]]) -> list[dict[str, Any]]:
    images, shapes = [], sequence_shapes(db)
    for image_id, (sequence, frame) in enumerate(keys, start=1):
        _, height, width = shapes[sequence]
        size = {"width": width, "height": height, "file_name": image_name(sequence, frame)}
        images.append({"id": image_id, **size, "sequence": sequence, "frame": frame})
    return images


def _attributes(item: Item, box: ItemBox) -> dict[str, Any]:
    return {
        **{"role": box.role, "item": item.id, "frame_index": box.frame_index, "label": box.label},
        **{"kind": item.kind, "probability": item.probability, "reason": item.reason},
    }
