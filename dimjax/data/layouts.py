"""Layouts: the locations and formats of sequences, labels and splits in a data folder.

A layout is made from a mapping, for instance a part of a configuration. `presets` holds those of
public data sets and of common formats, by name.

    layout = layout_from({"sequences": "videos/*.mp4", "labels": "labels.csv"}, "config.layout")
    layout_from({"sequences": "{sequence}/images", "labels": "{sequence}/masks/{frame}.png",
                 "label_format": "masks", "category": {"*": "target"}}, "config.layout")
"""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from dimjax.data.formats import BOX_SHIFTS, FORMATS
from dimjax.data.frame_files import CHANNELS, NATIVE, Reading
from dimjax.data.labels import CATEGORIES
from dimjax.data.patterns import FRAME, SEQUENCE, SPLIT
from dimjax.errors import InputError
from dimjax.settings_rules import INTEGER, NUMBER, Rule, check_fields

IGNORE = "ignore"  # category of labels that are left out

_REMEDY = "Correct the layout."


def _is_inside(path: Any) -> bool:
    """Whether a pattern is relative and does not lead out of its folder."""
    if not isinstance(path, str) or not path.strip("./") or "\0" in path:
        return False
    return not PurePath(path).is_absolute() and ".." not in PurePath(path).parts


_INSIDE = Rule(_is_inside, "a path inside the folder")
_SIZE_PX = Rule(
    lambda value: NUMBER.holds(value) and 0.1 <= value <= 1000, "a number of pixels, 0.1 to 1000"
)
_PIXELS = Rule(
    lambda value: INTEGER.holds(value) and 1 <= value <= 2**31, "a whole number from 1 to 2^31"
)
_BYTES = Rule(
    lambda value: INTEGER.holds(value) and 1 <= value <= 2**48, "a whole number from 1 to 2^48"
)
_SIZES = {"centroid_size_px": _SIZE_PX, "max_frame_pixels": _PIXELS, "max_stack_bytes": _BYTES}
_CHOICES = {
    "label_format": tuple(FORMATS),
    "centroid_order": ("xy", "rowcol"),
    "first_frame": (0, 1),
    "box_point": ("", *BOX_SHIFTS),
    "box_end": ("", "inclusive", "exclusive"),
    "channel": ("", *CHANNELS),
    "stack_axes": ("", "thw", "hwt"),
    "surplus_rows": ("error", "drop"),
    "repeated_frames": ("skip", "keep"),
    "bad_pixels": ("replace", "keep"),
}


class Layout(NamedTuple):
    """Locations and formats of the files in a data folder; all paths are relative to it.

    Paths are globs. {sequence} stands for the name of a sequence, {frame} for a frame's file name
    without its suffix, {split} for a folder called train, val, test or new. The keys of `category`
    and `first_pixel` are shell patterns such as IR_BIRD_*; the longest one that matches a sequence,
    or for `category` the class of a label, applies.
    """

    sequences: str = "sequences/*"  # files or folders that are sequences; with {frame}: frames
    # Or labels/{sequence}.csv, {sequence}/masks/{frame}.png, ...; "" for a folder without labels.
    labels: str = "labels.csv"
    label_format: str = "table"  # one of dimjax.data.formats.FORMATS
    category: dict[str, str] = {}  # pattern -> target, interference or ignore
    centroid_order: str = "xy"  # xy or rowcol
    centroid_size_px: float = 3.0  # width and height of the boxes around centroids
    first_pixel: int | dict[str, int] = 0  # number of the first pixel, 0 or 1; or by pattern
    first_frame: int = 0  # number of the first frame, or of its line counted from 0; 0 or 1
    box_point: str = ""  # what x, y of a box are: corner, centre, bottom-left; "": as usual
    box_end: str = ""  # second corner: last pixel (inclusive) or exclusive; "": as usual
    surplus_rows: str = "error"  # rows beyond a sequence's end: error, or drop with a warning
    channel: str = ""  # red, green, blue or luma, if those of colour images differ
    stack_axes: str = ""  # order of the axes of stacks, thw or hwt; "": usual, and checked
    max_frame_pixels: int = NATIVE.max_frame_pixels  # larger frames are refused
    max_stack_bytes: int = NATIVE.max_stack_bytes  # so are larger stacks that are read whole
    repeated_frames: str = "skip"  # clips skip repeated and flat frames, or keep them
    bad_pixels: str = "replace"  # pixels that never change: by their neighbours, or keep them
    splits: dict[str, str] = {}  # split -> file that names its sequences, see `Folder.splits`

    @property
    def reading(self) -> Reading:
        """The keys that say how frames are read."""
        return Reading(self.channel, self.stack_axes, self.max_frame_pixels, self.max_stack_bytes)


DIMJAX = Layout(splits={name: f"splits/{name}.txt" for name in ("train", "val", "test", "new")})


def layout_from(mapping: Mapping[str, Any], subject: object) -> Layout:
    """Make a layout from a mapping, such as part of a configuration.

    Args:
      mapping: Fields of Layout; missing ones keep their defaults.
      subject: Subject of an error, such as the configuration key.

    Raises:
      InputError: A key is unknown, or a value is not allowed.
    """
    for key in mapping:
        if key not in Layout._fields:
            rule = f"a layout's keys are {', '.join(Layout._fields)}"
            raise InputError(subject, rule, repr(key), "Correct the key.")
    values = {k: dict(v) if hasattr(v, "items") else v for k, v in mapping.items()}
    layout = Layout(**values)
    check_layout(layout, subject)
    return layout


def check_layout(layout: Layout, subject: object) -> None:
    """Raise if a value of a layout is not allowed, or two values contradict each other.

    Args:
      layout: The layout to check.
      subject: Subject of an error.

    Raises:
      InputError: The first rule that the layout breaks.
    """
    _check_values(layout, subject)
    name = layout.label_format
    form = FORMATS[name]
    if not form.has_classes and not layout.category:
        rule = f"category must be given for {name}, which contains no classes"
        raise InputError(subject, rule, layout.category, "Say e.g. category={'*': 'target'}.")
    if form.is_point and layout.box_point:
        rule = f"box_point must be empty for {name}, which contains no boxes"
        raise InputError(subject, rule, repr(layout.box_point), _REMEDY)
    if layout.box_end and not form.is_inclusive:
        rule = f"box_end must be empty for {name}, which contains no second corners"
        raise InputError(subject, rule, repr(layout.box_end), _REMEDY)
    per_frame = FRAME in layout.labels
    if not layout.labels:
        return
    is_surplus = per_frame and form.scope != "frame"
    if is_surplus or form.scope != "folder" and not tells_sequence(layout.sequences, layout.labels):
        needed = "not contain {frame}" if is_surplus else f"contain {SEQUENCE}"
        raise InputError(subject, f"labels must {needed} for {name}", repr(layout.labels), _REMEDY)


def tells_sequence(sequences: str, labels: str) -> bool:
    """Whether the path of a label file tells its sequence, which may be the only one of a split."""
    of_split = SPLIT in labels and SPLIT in sequences and is_alone(sequences.replace(SPLIT, ""))
    return is_alone(sequences) or SEQUENCE in labels or of_split


def is_alone(sequences: str) -> bool:
    """Whether a pattern of sequences matches a single one."""
    texts = re.sub(r"\[[*?[]\]", "", sequences)  # such a bracket is a character, see `literal`
    place, _, name = texts.rpartition("/")
    if FRAME in name and SEQUENCE not in name:  # wildcards there differ from frame to frame
        texts = place
    return not re.search(r"[*?\[]|\{(?!frame)", texts)


def _check_values(layout: Layout, subject: object) -> None:
    check_fields(f"{subject}.{{}}", layout._asdict(), _SIZES, _REMEDY)
    for key, allowed in _CHOICES.items():
        value = getattr(layout, key)
        if value not in allowed:
            raise InputError(subject, f"{key} must be one of {allowed}", repr(value), _REMEDY)
    for key in ("category", "splits"):
        value = getattr(layout, key)
        if not isinstance(value, dict):
            raise InputError(subject, f"{key} must be a mapping", repr(value), _REMEDY)
    paths = {"sequences": layout.sequences, **layout.splits}
    paths |= {"labels": layout.labels} if layout.labels != "" else {}
    check_fields(f"{subject}: path of {{}}", paths, dict.fromkeys(paths, _INSIDE), _REMEDY)
    pixels = layout.first_pixel
    pixels = pixels if isinstance(pixels, dict) else {"*": pixels}
    for key, mapping, allowed in (
        ("category", layout.category, (*CATEGORIES, IGNORE)),
        ("first_pixel", pixels, (0, 1)),
    ):
        for value in mapping.values():
            if value not in allowed:
                rule = f"values of {key} must be one of {allowed}"
                raise InputError(subject, rule, repr(value), _REMEDY)
    if not layout.centroid_size_px > 0:
        rule = "centroid_size_px must be above 0"
        raise InputError(subject, rule, layout.centroid_size_px, _REMEDY)
