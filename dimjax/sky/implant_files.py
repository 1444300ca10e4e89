"""Files of implants: the table of a run, and a data folder whose frames contain them.

write_implants(folder, names, ImplantConfig(share=0.5), "runs/x/implants.csv")
with_implants(folder, "runs/x/implants.csv").labels         # the folder's own, and implants
write_implanted_folder(folder, ImplantConfig(share=1.0), Path("implanted"))

implanted/sequences/NAME/frames.npy     [T, H, W], the type of the source
implanted/splits/*.txt                  as in the source
implanted/labels.csv                    the source's own labels, and those of the implants
implanted/implants.csv                  truth of the implants, with SNR and stamps
implanted/implants.json                 settings and versions
"""

import contextlib
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import dimjax
from dimjax.atomic_files import atomic_write, read_record, write_text
from dimjax.data.csv_files import line_numbers, parse_numbers, read_columns, write_csv
from dimjax.data.folders import Additions, Folder
from dimjax.data.labels import COLUMNS, TRUTH_COLUMNS
from dimjax.data.sequences import Sequence
from dimjax.errors import InputError
from dimjax.progress import bar
from dimjax.sky.implants import STAMP_COLUMNS, ImplantConfig, check, draw_implants, with_objects

_RECORD, _FOLDERS = "implants.json", ("sequences", "splits")
_TEXTS = ("sequence", "category", "track", "source")
_INTEGERS = ("frame", "step", "highest")


def write_implants(
    folder: Folder, names: Collection[str], settings: ImplantConfig, path: str | Path
) -> None:
    """Draw implants for some sequences of a folder and write their table.

    Args:
      folder: Folder.
      names: Names of the sequences.
      settings: Settings; the share is not applied.
      path: CSV file to write.

    Raises:
      InputError: A setting is out of its range, or the noise of a sequence cannot be measured.
    """
    check(settings)
    empty = pd.DataFrame(columns=[*TRUTH_COLUMNS, *STAMP_COLUMNS])
    tables = [
        draw_implants(folder.sequence(name), settings, folder.align_rotation)
        for name in bar(sorted(names), "implant", "sequence")
    ]
    write_csv(pd.concat([*tables, *([] if tables else [empty])], ignore_index=True), path)


def with_implants(folder: Folder, path: str | Path) -> Folder:
    """Return a folder whose frames, labels and truth contain the implants of a table.

    Raises:
      InputError: The table is missing or damaged.
    """
    rows = _read(Path(path))
    by_sequence = dict(tuple(rows.groupby("sequence")))
    additions = Additions(rows[list(TRUTH_COLUMNS)], functools.partial(_add, by_sequence))
    return replace(folder, additions=additions)


def choose(names: Collection[str], share: float, seed: int) -> list[str]:
    """Choose a share of names, above 0, at least one; the same for any order of them."""

    def order(name: str) -> bytes:
        return hashlib.sha256(f"{seed}/{name}".encode()).digest()

    return sorted(sorted(names, key=order)[: max(1, round(share * len(names)))])


def write_implanted_folder(folder: Folder, settings: ImplantConfig, output: Path) -> pd.DataFrame:
    """Write all sequences of a folder, a share of them with implants, as a data folder.

    The labels are written last: without them, the folder is not complete.

    Args:
      folder: Folder; its labels are kept.
      settings: Settings.
      output: Folder to write to; an earlier data folder of this function is replaced.

    Returns:
      The labels that were written.

    Raises:
      InputError: A setting is out of its range, or the noise of a sequence cannot be measured.
    """
    _remove_earlier(output)
    record = {"dimjax": dimjax.__version__, "source": str(folder.path), **settings._asdict()}
    splits = [split for split in folder.splits if split != "all"]
    written = dict(zip(_FOLDERS, (folder.names, [f"{s}.txt" for s in splits]), strict=True))
    write_text(output / _RECORD, json.dumps(record | {"written": written}, indent=2) + "\n")
    for name in _FOLDERS:
        (output / name).mkdir(parents=True)
    file = output / "labels.csv"
    file.unlink(missing_ok=True)
    names = choose(folder.names, settings.share, settings.seed)
    write_implants(folder, names, settings, output / "implants.csv")
    implanted = with_implants(folder, output / "implants.csv")
    for name in bar(implanted.names, "write", "sequence"):
        _write_frames(implanted.sequence(name), output / "sequences" / name)
    for split in splits:
        text = "".join(f"{name}\n" for name in folder.splits[split])
        write_text(output / "splits" / f"{split}.txt", text)
    labels = implanted.labels[list(COLUMNS)]
    write_csv(labels, file)
    return labels


def _remove_earlier(output: Path) -> None:
    """Remove the sequences and splits of an earlier call.

    Raises:
      InputError: There are others beside them.
    """
    written = {}
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        written = dict(read_record(output / _RECORD)["written"])
    for name in _FOLDERS:
        own = written.get(name) if isinstance(written.get(name), list) else []
        others = [path.name for path in sorted((output / name).glob("*")) if path.name not in own]
        if others:
            rule = "it must hold nothing but what was written there before"
            remedy = "Move that away, or choose another folder."
            raise InputError(output / name, rule, ", ".join(others), remedy)
    for name in _FOLDERS:
        shutil.rmtree(output / name, ignore_errors=True)


def _write_frames(sequence: Sequence, folder: Path) -> None:
    with atomic_write(folder / "frames.npy") as partial:
        frames = np.lib.format.open_memmap(partial, "w+", sequence.dtype, sequence.shape)
        _allocate(partial)
        for t in range(len(sequence)):
            frames[t] = sequence.frame(t)
        frames.flush()
        del frames  # Windows renames no file that is mapped


def _allocate(file: Path) -> None:
    """Take the room for a file: on a full disk, writing to a memory map would kill the process."""
    if hasattr(os, "posix_fallocate"):
        with open(file, "r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)


def _add(by_sequence: dict[str, pd.DataFrame], sequence: Sequence) -> Sequence:
    rows = by_sequence.get(sequence.name)
    return sequence if rows is None else with_objects(sequence, rows)


def _read(path: Path) -> pd.DataFrame:
    columns = (*TRUTH_COLUMNS, *STAMP_COLUMNS)
    texts = read_columns(path, columns)
    lines = line_numbers(texts)
    rows = pd.DataFrame(
        {
            name: texts[name]
            if name in _TEXTS
            else parse_numbers(name, texts[name], path, lines, name in _INTEGERS)
            for name in columns
        }
    )
    if not rows.step.ge(1).all() or not rows.highest.between(1, 2**16 - 1).all():
        rule = "grey levels of implants must be 1 to 65535"
        raise InputError(path, rule, "others", "Restore the file, or make it again.")
    return rows.astype(dict.fromkeys(_TEXTS, "str"))
