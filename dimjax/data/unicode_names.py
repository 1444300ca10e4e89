r"""Names that are equal but for the form of their letters with accents.

macOS stores ö as two characters (NFD), other systems and most programs write one (NFC).

same_name("Ko\u0308ln", ["K\u00f6ln"])               # "K\u00f6ln"
find_files(Path("data"), "labels/K\u00f6ln.csv")     # also a file whose name has the other form
"""

import unicodedata
from collections.abc import Collection
from pathlib import Path

import pandas as pd


def composed(text: str) -> str:
    """Return a text in the form of one character per letter (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def same_name(text: str, names: Collection[str]) -> str | None:
    """Return the name that is equal to a text, perhaps in the other form; None without one."""
    if text in names:
        return text
    if text.isascii():
        return None
    return next((name for name in names if composed(name) == composed(text)), None)


def with_known_names(table: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Replace the sequences of a table by the names that are equal to them."""
    found = {text: same_name(text, names) for text in table.sequence.unique()}
    changed = {text: name for text, name in found.items() if name not in (None, text)}
    return table.assign(sequence=table.sequence.replace(changed)) if changed else table


def find_files(folder: Path, glob: str) -> list[Path]:
    """Return the files at a glob, in order; its letters may be in either form."""
    forms = {glob} | {unicodedata.normalize(form, glob) for form in ("NFC", "NFD")}
    return sorted(set().union(*(folder.glob(form) for form in forms)))
