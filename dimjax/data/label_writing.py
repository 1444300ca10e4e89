"""Labels and detections written in the formats of other programs.

    write_labels(table, {"flight3": sequence}, Path("out"), "coco")

| form    | files                                  | preset keys that read them       |
| ------- | -------------------------------------- | -------------------------------- |
| csv     | labels.csv                             | label_format=table               |
| coco    | annotations.json                       | label_format=coco                |
| yolo    | labels/SEQUENCE/FRAME.txt, data.yaml   | label_format=yolo                |
| mot     | SEQUENCE/gt/gt.txt                     | label_format=mot, first_pixel=1, |
|         |                                        | first_frame=1                    |
| masks   | masks/SEQUENCE/FRAME.png, targets only | label_format=masks               |
| regions | regions/SEQUENCE/FRAME.reg, for DS9    | none                             |

FRAME is the name of the image without its suffix, or the frame's number if there is none.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from dimjax.atomic_files import atomic_write, write_text
from dimjax.data.csv_files import write_csv
from dimjax.data.labels import CATEGORIES, COLUMNS
from dimjax.data.sequences import Sequence
from dimjax.errors import InputError

_Sequences = Mapping[str, Sequence]
_Frame = tuple[Sequence, int, str, pd.DataFrame]  # sequence, frame number, FRAME and its labels


def write_labels(table: pd.DataFrame, sequences: _Sequences, folder: Path, form: str) -> None:
    """Write labels or detections.

    Args:
      table: Label table; a column `score`, if there is one, is written where a form has a place.
      sequences: Name -> sequence, those with no label too.
      folder: Folder to write to, created if missing.
      form: One of FORMS.

    Raises:
      InputError: There is no such form.
    """
    check_form(form)
    folder.mkdir(parents=True, exist_ok=True)
    FORMS[form](table, sequences, folder)


def check_form(form: str) -> None:
    """Raise if there is no such form.

    Raises:
      InputError: There is none.
    """
    if form not in FORMS:
        rule = f"a form must be one of {', '.join(FORMS)}"
        raise InputError("--form or --labels", rule, repr(form), "Name one of these.")


def as_labels(detections: pd.DataFrame) -> pd.DataFrame:
    """Return detections as a label table with a column score; `source` says detector."""
    table = detections.reindex(columns=["sequence", "frame", *"xywh", "category", "track", "score"])
    tracks = ["" if pd.isna(track) else str(track) for track in table.track]
    return table.assign(track=tracks, source="detector")


def box_pixels(centre: float, size: float) -> slice:
    """Return the pixels of a box in one direction: those with their centres in it.

    The pixel of the box's centre is always one of them; the slice may end beyond the frame.
    """
    low, high = np.ceil(centre - size / 2 - 0.5), np.floor(centre + size / 2 - 0.5)
    return slice(max(0, int(min(low, np.floor(centre)))), int(max(high, np.floor(centre))) + 1)


def _write_csv(table: pd.DataFrame, sequences: _Sequences, folder: Path) -> None:
    write_csv(table[list(COLUMNS)], folder / "labels.csv")


def _write_coco(table: pd.DataFrame, sequences: _Sequences, folder: Path) -> None:
    images, annotations = [], []
    for sequence, t, name, rows in _frames(table, sequences):
        _, height, width = sequence.shape
        file = sequence.names[t] if sequence.names else name
        image = {"id": len(images) + 1, "file_name": f"{sequence.name}/{file}"}
        images.append(image | {"width": width, "height": height, "frame": t})
        for row in rows.itertuples():
            box = [row.x - row.w / 2, row.y - row.h / 2, row.w, row.h]
            entry = {"id": len(annotations) + 1, "image_id": image["id"], "bbox": box}
            entry |= {"category_id": CATEGORIES.index(row.category) + 1, "area": row.w * row.h}
            entry |= {"iscrowd": 0, "track_id": str(row.track)}
            scores = {"score": row.score} if "score" in rows else {}
            annotations.append(entry | scores)
    kinds = [{"id": k, "name": name} for k, name in enumerate(CATEGORIES, start=1)]
    content = {"images": images, "annotations": annotations, "categories": kinds}
    write_text(folder / "annotations.json", json.dumps(content, indent=1) + "\n")


def _write_yolo(table: pd.DataFrame, sequences: _Sequences, folder: Path) -> None:
    for sequence, _, name, rows in _frames(table, sequences):
        _, height, width = sequence.shape
        lines = []
        for row in rows.itertuples():
            box = row.x / width, row.y / height, row.w / width, row.h / height
            score = f" {row.score:.6f}" if "score" in rows else ""
            numbers = " ".join(f"{number:.8f}" for number in box)
            lines.append(f"{CATEGORIES.index(row.category)} {numbers}{score}\n")
        write_text(folder / "labels" / sequence.name / f"{name}.txt", "".join(lines))
    names = "".join(f"  {k}: {name}\n" for k, name in enumerate(CATEGORIES))
    write_text(folder / "data.yaml", f"path: .\nnames:\n{names}")


def _write_mot(table: pd.DataFrame, sequences: _Sequences, folder: Path) -> None:
    for sequence in sequences.values():
        lines = []
        rows = table[table.sequence == sequence.name].sort_values("frame", kind="stable")
        texts = rows.track.astype(str)
        tracks = {text: k for k, text in enumerate(texts[texts != ""].unique(), start=1)}
        for row, text in zip(rows.itertuples(), texts, strict=True):
            corner = row.x - row.w / 2 + 1, row.y - row.h / 2 + 1
            box = ",".join(f"{number:.4f}" for number in (*corner, row.w, row.h))
            score = f"{row.score:.6f}" if "score" in rows else "1"
            kind = CATEGORIES.index(row.category) + 1
            lines.append(f"{row.frame + 1},{tracks.get(text, -1)},{box},{score},{kind},1\n")
        write_text(folder / sequence.name / "gt" / "gt.txt", "".join(lines))


def _write_masks(table: pd.DataFrame, sequences: _Sequences, folder: Path) -> None:
    for sequence, _, name, rows in _frames(table[table.category == "target"], sequences):
        mask = np.zeros(sequence.shape[1:], np.uint8)
        for row in rows.itertuples():
            columns, lines = box_pixels(row.x, row.w), box_pixels(row.y, row.h)
            mask[lines, columns] = 255
        with atomic_write(folder / "masks" / sequence.name / f"{name}.png") as partial:
            Image.fromarray(mask).save(partial, "png")


def _write_regions(table: pd.DataFrame, sequences: _Sequences, folder: Path) -> None:
    colours = dict(zip(CATEGORIES, ("green", "red"), strict=True))
    for sequence, _, name, rows in _frames(table, sequences):
        lines = ["# Region file format: DS9 version 4.1\nimage\n"]
        for row in rows.itertuples():
            # The centre of the lowest, leftmost pixel is (1, 1), and y points up.
            centre = f"{row.x + 0.5:.4f},{sequence.shape[1] - row.y + 0.5:.4f}"
            text = f"{row.category} {row.track}".strip()
            shape = f"box({centre},{row.w:.4f},{row.h:.4f},0)"
            lines.append(f"{shape} # color={colours[row.category]} text={{{text}}}\n")
        write_text(folder / "regions" / sequence.name / f"{name}.reg", "".join(lines))


FORMS: dict[str, Callable[[pd.DataFrame, _Sequences, Path], None]] = {
    "csv": _write_csv,
    "coco": _write_coco,
    "yolo": _write_yolo,
    "mot": _write_mot,
    "masks": _write_masks,
    "regions": _write_regions,
}


def _frames(table: pd.DataFrame, sequences: _Sequences) -> Iterator[_Frame]:
    """Each frame of all sequences, with its labels."""
    groups = dict(tuple(table.groupby(["sequence", "frame"])))
    for sequence in sequences.values():
        for t in range(len(sequence)):
            name = Path(sequence.names[t]).stem if sequence.names else f"{t:06d}"
            yield sequence, t, name, groups.get((sequence.name, t), table[:0])
