"""Files of frames or labels that are not read, by their suffixes, and how to convert them.

UNREAD[".webm"].remedy                              # "Copy it without loss: ffmpeg -i ..."
find_unread(Path("data/unknown"))                   # [Path("data/unknown/images/0.pgm"), ...]
"""

from pathlib import Path
from typing import NamedTuple

from dimjax.data.walking import walk

TABLES = (".xlsx", ".xls", ".ods", ".parquet", ".feather", ".jsonl", ".ndjson")
_DATABASES = (".db", ".sqlite", ".sqlite3")
_REGIONS = ".reg"
TABLES += (*_DATABASES, _REGIONS)
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".xz", ".7z", ".rar")


class Unread(NamedTuple):
    """A kind of files that are not read."""

    kind: str
    remedy: str


_FLIR = Unread(
    "a recording of FLIR",
    "Export it as 16 bit TIFF with the software of the camera, or split it with split_seqs "
    "of the Python package flirpy, in an environment of its own.",
)
_CAMERA = Unread(
    "a recording of another camera", "Export it as 16 bit TIFF with the software of the camera."
)
_IMAGE = Unread("an image of a kind that is not read", "Convert it to PNG or TIFF of equal levels.")
_VIDEO = Unread(
    "a video whose container is not read", "Copy it without loss: ffmpeg -i FILE -c copy NAME.mkv."
)
_ARCHIVE = Unread("an archive", "Unpack it.")
_DUMP = Unread("a file of another program", "Export its frames as PNG or .npy, its labels as CSV.")
_TABLE = Unread("a table of a kind that is not read", "Save it as CSV.")
_DATABASE = Unread("a database", "Export its table of labels as CSV.")

UNREAD = dict.fromkeys((".seq", ".csq", ".fff", ".sfmov", ".ptw", ".ats"), _FLIR)
UNREAD |= dict.fromkeys((".irb", ".hcc", ".ravi", ".asc", ".ser"), _CAMERA)
UNREAD |= dict.fromkeys((".pgm", ".ppm", ".pnm", ".webp", ".jp2", ".j2k", ".jxl", ".gif"), _IMAGE)
UNREAD |= dict.fromkeys((".tga", ".dng", ".exr", ".heic", ".avif", ".pfm"), _IMAGE)
UNREAD |= dict.fromkeys((".webm", ".wmv", ".flv", ".mpg", ".mpeg", ".mts", ".m2ts"), _VIDEO)
UNREAD |= dict.fromkeys(ARCHIVES, _ARCHIVE)
UNREAD |= dict.fromkeys((".bag", ".mcap", ".db3", ".pkl", ".pickle", ".pt", ".tfrecord"), _DUMP)
UNREAD |= dict.fromkeys(TABLES, _TABLE) | dict.fromkeys(_DATABASES, _DATABASE)
UNREAD[_REGIONS] = Unread("regions of SAOImage DS9", "Write them as COCO or CSV.")


def find_unread(root: Path) -> list[Path]:
    """Find such files in a folder and the folders in it."""
    files = (file for _, files in walk(root).places for file in files)
    return [file for file in files if file.suffix.lower() in UNREAD]
