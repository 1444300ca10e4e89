"""What a survey of an unknown folder says of files that are not used, as evidence and doubts.

left_out(path, found, unread)                       # ["not read: 1 file such as a.zip, an archive"]
possible_labels(path, found, unread)                # problems, if no labels are found
"""

from pathlib import Path

from dimjax.data.class_maps import levels_of
from dimjax.data.folder_survey import FolderSurvey
from dimjax.data.folders import Folder
from dimjax.data.label_arrays import label_arrays
from dimjax.data.label_columns import NO_LABELS
from dimjax.data.listing import locations, photos_in
from dimjax.data.patterns import FRAME, glob_of
from dimjax.data.unread_frames import TABLES, UNREAD
from dimjax.errors import InputError
from dimjax.progress import counted

_OF_MATLAB = " MATLAB counts pixels from 1 (data.layout.first_pixel=1)."


def left_out(path: Path, found: FolderSurvey, unread: list[Path]) -> list[str]:
    """Return evidence on files of frames that are left out."""
    lines = []
    if found.companions:
        first = found.companions[0].relative_to(path)
        kind = "folder" if found.companions[0].is_dir() else "file"
        lines.append(f"left out: {counted(len(found.companions), kind)} such as {first}")
    beside = photos_in(list(path.glob(glob_of(found.sequences))))
    if beside and FRAME not in found.sequences:
        first = beside[0].relative_to(path)
        lines.append(f"left out: {counted(len(beside), 'image')} beside folders, such as {first}")
    if found.arrays:
        first = found.arrays[0].relative_to(path)
        lines.append(f"not read: {counted(len(found.arrays), 'array')} of numbers such as {first}")
    if found.runs:
        first = found.runs[0].relative_to(path)
        lines.append(f"left out: {counted(len(found.runs), 'run')} of dimjax such as {first}")
    if unread:
        first = f"{unread[0].relative_to(path)}, {UNREAD[unread[0].suffix.lower()].kind}"
        lines.append(f"not read: {counted(len(unread), 'file')} such as {first}")
    for links, text in zip(found.links, ("read there", "not read"), strict=True):
        if links:
            count, target = counted(len(links), "link"), links[0].resolve()
            lines.append(f"{text}: {count} such as {links[0].relative_to(path)} to {target}")
    return lines


def outward(path: Path, links: list[Path]) -> InputError:
    """Return the doubt about frames or labels in folders that are links out of the data folder."""
    rule = "its frames and labels must lie in the folder to be recognised"
    value = f"{counted(len(links), 'link')} out of it, such as {links[0].relative_to(path)} to "
    remedy = "Move them here, or set the keys sequences and labels, which follow links."
    return InputError(path, rule, f"{value}{links[0].resolve()}", remedy)


def only_runs(path: Path, runs: list[Path]) -> InputError:
    """Return the error of a folder that holds the directories of runs and no other frames."""
    value = f"{counted(len(runs), 'run')} of dimjax, such as {runs[0].relative_to(path)}"
    sky = next((it / "sky" for it in runs if (it / "sky").is_dir()), None)
    remedy = "Give one as --workdir"
    remedy += f", or its simulated folder, such as {sky.relative_to(path)}." if sky else "."
    return InputError(path, "it must be a data folder", value, remedy)


def unusable(path: Path, found: FolderSurvey) -> list[InputError]:
    """Return doubts about files of frames or labels that are not where or what they should be."""
    doubts = []
    if found.others:
        rule = "all files of frames must be at one pattern"
        value = f"{len(found.others)} that are not at {found.sequences}, such as {found.others[0]}"
        remedy = "Use only a part of the folder, or move them. Write arrays of labels as CSV."
        doubts.append(InputError(path, rule, value, remedy))
    if found.objects:
        rule = "labels must be in a file that can be read"
        value = f"{len(found.objects)} files of MATLAB objects, such as {found.objects[0].name}"
        remedy = (
            "Write a CSV frame,x,y,w,h for each sequence, in MATLAB or with the Python package "
        )
        remedy += f"mcos-decoder.{_OF_MATLAB}"
        doubts.append(InputError(path, rule, value, remedy))
    return doubts


def possible_labels(path: Path, found: FolderSurvey, unread: list[Path]) -> list[InputError]:
    """Return doubts about masks, arrays and tables of a folder in which no labels are found."""
    doubts = []
    if masks := [*found.masks, *found.mask_stacks]:
        rule = "masks must have the names of their frames, perhaps with a text before or after them"
        kind = "images" if found.masks else "files"
        value = f"{kind} of two levels that are not, such as {masks[0].relative_to(path)}"
        doubts.append(InputError(path, rule, value, "Rename them, or set the key labels."))
    if found.maps:
        rule = "masks must be 0 where there is no target, and another level only at the targets"
        levels = ", ".join(map(str, levels_of(found.maps[0])))
        value = f"images of the levels {levels} in {found.maps[0].relative_to(path)}, which seem "
        value += "to be masks of several classes"
        doubts.append(InputError(path, rule, value, "Write masks of the targets alone."))
    if found.links[1]:
        doubts.append(outward(path, found.links[1]))
    if arrays := label_arrays(found.arrays):
        rule = "labels must be in a file that can be read"
        value = f"{counted(len(arrays), 'array')} of numbers, such as {arrays[0].name} "
        value += f"{list(arrays[0].shape)} in {arrays[0].file.relative_to(path)}"
        remedy = "Write them as text, a line x,y,w,h for each frame, or a CSV frame,x,y,w,h."
        remedy += _OF_MATLAB if arrays[0].file.suffix.lower() == ".mat" else ""
        doubts.append(InputError(path, rule, value, f"{remedy}{NO_LABELS}"))
    tables = [file for file in unread if file.suffix.lower() in TABLES]
    if tables:
        rule = "labels must be in a file that can be read"
        kind, remedy = UNREAD[tables[0].suffix.lower()]
        value = f"{tables[0].relative_to(path)}, {kind}"
        doubts.append(InputError(path, rule, value, remedy))
    return doubts


def fit_none(path: Path, form: str, files: list[Path]) -> str:
    """Describe label files of a format that fit no sequence and frame."""
    text = f"{counted(len(files), 'file')} of format {form} that fit no sequence and frame"
    return f"{text}, such as {files[0].relative_to(path)}"


def stray(folder: Folder, found: str) -> InputError:
    """Return the doubt about label files that are called after no sequence or frame."""
    rule = "label files must be called after their sequences and frames"
    first = next(iter(locations(folder.files).values())).relative_to(folder.path)
    remedy = f"Rename them after the images, see {first}.{NO_LABELS}"
    return InputError(folder.path, rule, found, remedy)
