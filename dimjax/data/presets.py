"""Layouts of public data sets and of common formats, by name.

    open_folder("data/drone-ir", PRESETS["drone-ir"])
    open_folder("data/MOT", PRESETS["mot"])

From the command line: --config.data.layout=mot, or auto, which recognises the layout. A key after
it changes a part of it, such as --config.data.layout.first_pixel=0.
"""

from dimjax.data.formats.mot import MOT_CLASSES
from dimjax.data.labels import CATEGORIES
from dimjax.data.layouts import DIMJAX, Layout
from dimjax.errors import InputError

_TARGETS = {"*": "target"}
_CLASSES = {name: name for name in CATEGORIES} | {"0": "target"}  # "0": a class without a name
_MASKS = Layout(label_format="masks", category=_TARGETS)
_STILLS = _MASKS._replace(
    sequences="images/{sequence}.*",
    labels="masks/{sequence}.*",
    splits={"train": "*/train.txt", "test": "*/test.txt"},
)

PRESETS = {
    "dimjax": DIMJAX,
    "drone-ir": Layout(
        sequences="videos/*.mp4",
        labels="labels/{sequence}.csv",
        label_format="boxes",
        category={"IR_BIRD_*": "interference", "*": "target"},
        surplus_rows="drop",
        splits={"train": "splits/train.txt", "val": "splits/val.txt"},
    ),
    "cloud-seqs": Layout(
        sequences="data/*",
        labels="anno/{sequence}.txt",
        label_format="centroids",
        category=_TARGETS,
        first_pixel={"easy*": 1, "sequence*": 0},
    ),
    "sky-seqs": Layout(
        sequences="data/*",
        labels="centroids/{sequence}.csv",
        label_format="centroids",
        category=_TARGETS,
    ),
    "hahamyt": Layout(
        sequences="data/seq*",
        labels="data/groundturth/{sequence}.txt",
        label_format="centroids",
        category=_TARGETS,
        centroid_order="rowcol",
        first_pixel=1,
    ),
    "nudt-mirsdt": _MASKS._replace(
        sequences="{sequence}/images",
        labels="{sequence}/masks/{frame}.png",
        splits={"train": "train.txt", "test": "test.txt"},
    ),
    "nudt-mirsdt-mat": _MASKS._replace(
        sequences="{sequence}/Mix",
        labels="{sequence}/masks/{frame}.png",
        splits={"train": "train.txt", "test": "test.txt"},
    ),
    "irdst": _MASKS._replace(
        sequences="images/{sequence}",
        labels="masks/{sequence}/{frame}.*",
        splits={"train": "img_idx/train_*.txt", "test": "img_idx/test_*.txt"},
    ),
    "irdst-real": _MASKS._replace(
        sequences="real/images/{sequence}",
        labels="real/masks/{sequence}/{frame}.*",
        splits={"train": "real/train.txt", "test": "real/test.txt"},
    ),
    "irsatvideo": _MASKS._replace(
        sequences="images/{sequence}",
        labels="masks/{sequence}/{frame}.*",
        splits={"train": "video_idx/train_*.txt", "test": "video_idx/test_*.txt"},
    ),
    "satvideoirsdt": _MASKS._replace(
        sequences="{split}/{sequence}/img", labels="{split}/{sequence}/mask/{frame}.*"
    ),
    "daub": Layout(
        sequences="images/{split}/{sequence}",
        labels="annotations/*.json",
        label_format="coco",
        category=_TARGETS,
    ),
    "itsdt": Layout(
        sequences="images/{sequence}",
        labels="*_ITSDT.txt",
        label_format="lines",
        category=_TARGETS,
        splits={"train": "*train_ITSDT.txt", "val": "*val_ITSDT.txt"},
    ),
    "anti-uav": Layout(
        sequences="{split}/{sequence}/infrared.mp4",
        labels="{split}/{sequence}/infrared.json",
        label_format="exist-rect",
        category=_TARGETS,
    ),
    "anti-uav410": Layout(
        sequences="{split}/{sequence}",
        labels="{split}/{sequence}/IR_label.json",
        label_format="exist-rect",
        category=_TARGETS,
    ),
    "mot": Layout(
        sequences="{split}/{sequence}/img1",
        labels="{split}/{sequence}/gt/gt.txt",
        label_format="mot",
        category=MOT_CLASSES,
        first_pixel=1,
        first_frame=1,
    ),
    "yolo": Layout(
        sequences="images/{sequence}",
        labels="labels/{sequence}/{frame}.txt",
        label_format="yolo",
        category=_CLASSES,
    ),
    "yolo-flat": Layout(
        sequences="images/{split}/{sequence}_{frame}.*",
        labels="labels/{split}/{sequence}_{frame}.txt",
        label_format="yolo",
        category=_CLASSES,
    ),
    "voc": Layout(
        sequences="JPEGImages/{sequence}",
        labels="Annotations/{sequence}/{frame}.xml",
        label_format="voc",
        first_pixel=1,
    ),
    "coco": Layout(sequences="images/{sequence}", labels="annotations/*.json", label_format="coco"),
    "got-10k": Layout(
        sequences="{split}/{sequence}",
        labels="{split}/{sequence}/groundtruth.txt",
        label_format="rectangles",
        category=_TARGETS,
    ),
    "spotgeo": Layout(
        sequences="train/{sequence}",
        labels="train_anno.json",
        label_format="spotgeo",
        category=_TARGETS,
        first_frame=1,
    ),
    "sirst": _STILLS,
}


AUTO = Layout(sequences="auto")  # to be replaced by the layout that is recognised


def preset(name: str, subject: object) -> Layout:
    """Return a layout by its name; that of `auto` still has to be recognised.

    Raises:
      InputError: There is no layout of this name.
    """
    if name == "auto":
        return AUTO
    if name not in PRESETS:
        rule = f"a layout's name must be one of auto, {', '.join(PRESETS)}"
        raise InputError(subject, rule, repr(name), "Correct the name.")
    return PRESETS[name]


def is_usual_list(split: str, file: str) -> bool:
    """Whether the layout of dimjax or of a preset has this list of a split; it may be absent."""
    return any(layout.splits.get(split) == file for layout in (DIMJAX, *PRESETS.values()))
