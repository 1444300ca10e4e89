"""Files that hold no frames by their type, such as notes and tables, beside those that do.

is_document(Path("README.pdf"))                     # True
"""

from pathlib import Path

from dimjax.data.unread_frames import ARCHIVES, TABLES

# Labels, notes, and what Windows leaves in folders.
_LABELS = (".json", ".txt", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".hdr", ".label")
_SYSTEM = (".ini", ".db", ".lnk", ".url", ".lock")
_TEXTS = (".md", ".rst", ".pdf", ".doc", ".docx", ".odt", ".rtf", ".tex", ".bib", ".html", ".htm")
_TEXTS += (".ppt", ".pptx", ".odp", ".log", ".srt", ".cff", ".msg", ".eml")
_SUMS = (".md5", ".sha1", ".sha256", ".sha512", ".sfv", ".sum")
_GEOGRAPHY = (".kml", ".kmz", ".gpx", ".geojson", ".shp", ".shx", ".dbf", ".prj", ".ulg", ".tlog")
_WEATHER = (".grib", ".grb", ".grib2", ".nmea")
_PROGRAMS = (".py", ".ipynb", ".m", ".sh", ".bat", ".ps1", ".cfg", ".conf", ".toml", ".names")
_PROGRAMS += (".dvc", ".cache", ".torrent")
_SUFFIXES = {*_LABELS, *_SYSTEM, *_TEXTS, *_SUMS, *_GEOGRAPHY, *_WEATHER, *_PROGRAMS, *TABLES}
_STEMS = {"readme", "license", "licence", "copying", "changelog", "changes", "authors", "notice"}
_STEMS |= {"version", "makefile", "dockerfile", "md5sums", "sha1sums", "sha256sums", "checksums"}


def is_document(file: Path, or_archive: bool = False) -> bool:
    """Whether a file holds no frames by its type.

    Args:
      file: Its path; it need not exist.
      or_archive: Whether an archive counts as one too.
    """
    suffix = file.suffix.lower()
    named = not suffix and file.name.lower() in _STEMS
    return suffix in _SUFFIXES or named or or_archive and suffix in ARCHIVES
