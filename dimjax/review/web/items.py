"""Items as JSON values for the page: everything that it shows, except the grey levels.

Coordinates are frame coordinates.

    describe_item(db, item, shapes, stride=1, history=None)["frames"][0]["chip"]  # [x0, y0, w, h]
"""

from typing import Any

from dimjax import ledger
from dimjax.data.folders import Shapes
from dimjax.data.sequences import clip_frames
from dimjax.ledger import Change, Item, ItemFrame, Label, Ledger
from dimjax.review.web import frames
from dimjax.review.web.history import HistoryOf


def describe_item(
    db: Ledger, item: Item, shapes: Shapes, stride: int, history: HistoryOf | None
) -> dict[str, Any]:
    """Describe an item, the current labels of its frames, and the windows of its chips."""
    shape = shapes[item.sequence]
    return {
        **{name: getattr(item, name) for name in ("id", "kind", "sequence", "probability")},
        **{"reason": item.reason, "shape": list(shape)},
        **{"binning": frames.binning(shape), "strip_px": frames.strip_px(shape)},
        "frames": [_frame(db, item, frame, shape, stride, history) for frame in item.frames],
    }


def _frame(
    db: Ledger, item: Item, frame: ItemFrame, shape, stride: int, history: HistoryOf | None
) -> dict[str, Any]:
    labels = {label.id: label for label in ledger.labels_of_frame(db, item.sequence, frame.frame)}
    label = labels.pop(frame.label, None)
    losses = history(item, frame) if history else None
    subject = f"sequence {item.sequence}"
    return {
        **{"frame": frame.frame, "x": frame.x, "y": frame.y},
        "label": None if label is None else _label(label),
        "fix": None if frame.fix is None else _change(frame.fix),
        "others": [_label(other) for other in labels.values()],
        "clip": list(clip_frames(frame.frame, shape[0], stride, subject)),
        "chip": list(frames.chip_window(frame, shape)),
        "strip": list(frames.strip_window(frame, shape)),
        "history": None if losses is None else losses._asdict(),
    }


def _label(label: Label) -> dict[str, Any]:
    names = ("id", "x", "y", "w", "h", "category")
    return {name: getattr(label, name) for name in names}


def _change(change: Change) -> dict[str, Any]:
    """The mapping that as_change turns back into the change."""
    return {k: v for k, v in change._asdict().items() if v is not None and v is not False}
