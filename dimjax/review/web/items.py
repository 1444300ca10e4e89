"""Items as the page gets them: JSON values of all there is to show but the grey levels.

In comes an item of the ledger; out comes a dict. Coordinates are those of the frame.

    described(book, item, shapes, stride=1, history=None)["places"][0]["chip"]  # [x0, y0, w, h]
"""

from collections.abc import Callable
from typing import Any

from dimjax import ledger
from dimjax.data.folders import Shapes
from dimjax.data.sequences import clip_frames
from dimjax.ledger import Change, Item, Label, Ledger, Place
from dimjax.review.web import frames
from dimjax.review.web.history import History

Histories = Callable[[Item, Place], History | None]


def described(
    book: Ledger, item: Item, shapes: Shapes, stride: int, history: Histories | None
) -> dict[str, Any]:
    """An item with its places, their labels as they are now, and where its pictures are cut."""
    shape = shapes[item.sequence]
    return {
        **{name: getattr(item, name) for name in ("id", "kind", "sequence", "probability")},
        **{"reason": item.reason, "score": item.score, "shape": list(shape)},
        **{"binning": frames.binning(shape), "strip_px": frames.strip_px(shape)},
        "places": [_place(book, item, place, shape, stride, history) for place in item.places],
    }


def _place(
    book: Ledger, item: Item, place: Place, shape, stride: int, history: Histories | None
) -> dict[str, Any]:
    labels = ledger.labels_of_frame(book, item.sequence, place.frame)
    own = [label for label in labels if label.id == place.label]
    past = history(item, place) if history else None
    where = f"sequence {item.sequence}"
    return {
        **{"frame": place.frame, "x": place.x, "y": place.y},
        "label": _label(own[0]) if own else None,
        "fix": None if place.fix is None else _change(place.fix),
        "others": [_label(label) for label in labels if label.id != place.label],
        "clip": list(clip_frames(place.frame, shape[0], stride, where)),
        "chip": list(frames.window(place, shape)),
        "strip": list(frames.strip_window(place, shape)),
        "history": None if past is None else past._asdict(),
    }


def _label(label: Label) -> dict[str, Any]:
    names = ("id", "x", "y", "w", "h", "category", "track", "source")
    return {name: getattr(label, name) for name in names}


def _change(change: Change) -> dict[str, Any]:
    """What as_change makes the same change of again."""
    return {k: v for k, v in change._asdict().items() if v is not None and v is not False}
