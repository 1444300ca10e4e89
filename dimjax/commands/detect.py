"""Detect: sequences in; detections, tracks, overlay pictures and videos out.

Detections are those that are accepted after their tracks have voted on category and score. One
sequence after the other is opened, searched and written. One that cannot be read is told and left
out, and is an error when the others are done.

run("runs/demo", "flight3.mp4", pictures=4, video=True)

runs/demo/detect/flight3/detections.csv      sequence, frame, x, y, w, h, category, score, track
runs/demo/detect/flight3/tracks.csv          where each track is in each frame, gaps too
runs/demo/detect/flight3/flight3-000012.png
runs/demo/detect/flight3/flight3.mp4
runs/demo/detect/flight3/source.json         what was searched: another source is refused here
"""

import glob
import itertools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.atomic_files import write_whole
from dimjax.data.folders import layout_from, open_folder
from dimjax.data.sequences import open_sequence
from dimjax.drawing import overlay
from dimjax.errors import InputError
from dimjax.progress import bar, say
from dimjax.runs.run import Run, load

_DECIMALS = 4
_TABLES = ("detections.csv", "tracks.csv")


class _Found(NamedTuple):
    """What was found in a sequence."""

    table: pd.DataFrame
    length: int  # frames
    tracks: int


def run(
    workdir: str | Path,
    source: str | Path | None,
    output: str | Path | None = None,
    pictures: int = 6,
    video: bool = False,
    runtime: str = "jax",
) -> Path:
    """Search sequences with the newest checkpoint of a run.

    Args:
      workdir: The run's directory.
      source: A sequence (see dimjax.data.sequences), or a data folder in the layout of the run's
        configuration, all of whose sequences are searched.
      output: Folder to write to; by default detect/NAME in the run's directory, NAME being that
        of the source. What an earlier search of the same source left there is replaced.
      pictures: Number of overlay pictures, spread evenly over the frames with detections.
      video: Whether to write an overlay video of each sequence too.
      runtime: "jax" or "onnx"; see dimjax.runs.run.load.

    Returns:
      The folder written to.

    Raises:
      InputError: There is no checkpoint, no such sequence or no such runtime; the folder holds
        what was found in another source, or the source itself; or some sequences could not be
        read: then all others are done.
    """
    if source is None:
        remedy = "Give --input=PATH."
        raise InputError("--input", "it must be a sequence or a data folder", "nothing", remedy)
    run_, source = load(workdir, runtime=runtime), Path(source)
    files = _files(run_.config, source)
    output = Path(output) if output else run_.paths.found / _name(source)
    _begin(output, source, files)
    found = {}
    for name, path in files.items():
        try:
            found[name] = _one(run_, path, name, output, video)
        except InputError as problem:
            if len(files) == 1:
                raise
            say(f"left out: {problem}")
    table = pd.concat([one.table for one in found.values()] or [pd.DataFrame()])
    chosen = _chosen({name: one.length for name, one in found.items()}, table, pictures)
    for name, frames in itertools.groupby(chosen, lambda frame: frame[0]):
        _draw(files[name], name, [t for _, t in frames], found[name].table, output)
    _tell(found, table, output)
    if len(found) < len(files):
        rule = f"all {len(files)} sequences must be readable"
        remedy = f"They are named above; what was found in the others is in {output}."
        raise InputError(source, rule, f"{len(files) - len(found)} that are not", remedy)
    return output


def _files(config, source: Path) -> dict[str, Path]:
    """Names and paths of the sequences of a data folder, or of the one that the source is."""
    layout = layout_from(config.data.layout.to_dict(), "config.data.layout")
    if source.is_dir() and any(source.glob(layout.sequences)):
        return open_folder(source, layout).files
    open_sequence(source)  # what is none is told before anything is written
    return {_name(source): source}


def _name(source: Path) -> str:
    return source.resolve().name if source.is_dir() else source.stem


def _begin(output: Path, source: Path, files: dict[str, Path]) -> None:
    """Make the folder for a source; what was found in it before is removed."""
    if any(path.resolve().parent == output.resolve() for path in files.values()):
        rule, remedy = "the results must not lie among the sequences", "Choose another folder."
        raise InputError("--output", rule, output, remedy)
    record, own = output / "source.json", str(source.resolve())
    before = {"source": own, "sequences": []}
    if record.exists():
        before = json.loads(record.read_text())
    elif any((output / name).exists() for name in _TABLES):
        before["source"] = "those of an unknown source"
    if before["source"] != own:
        rule = f"the folder must hold no results but those of {own}"
        remedy = "Choose another folder with --output, or remove this one."
        raise InputError(output, rule, before["source"], remedy)
    for name in before["sequences"]:
        escaped = glob.escape(name)
        for old in [*output.glob(f"{escaped}-{'[0-9]' * 6}*.png"), *output.glob(f"{escaped}.mp4")]:
            old.unlink()
    for name in _TABLES:
        (output / name).unlink(missing_ok=True)
    write_whole(record, json.dumps({"source": own, "sequences": list(files)}, indent=1) + "\n")


def _one(run_: Run, path: Path, name: str, output: Path, video: bool) -> _Found:
    """Search a sequence and add what was found in it to the tables."""
    sequence = open_sequence(path, name)
    found = run_.detect(sequence, False, lambda it: bar(it, f"search {name}"))
    tracks = run_.tracks(sequence, found)
    for note in tracks.notes:
        say(note)
    table = run_.detector.decided(tracks)
    points = tracks.points[tracks.points.confirmed].drop(columns="confirmed").round(_DECIMALS)
    for rows, file in zip((table, points), _TABLES, strict=True):
        into = output / file
        rows.to_csv(into, mode="a", header=not into.exists(), index=False, lineterminator="\n")
    if video:
        overlay.write_video(
            output / f"{name}.mp4", sequence, table, lambda it: bar(it, "video", "frame")
        )
    return _Found(table, len(sequence), points.track.nunique())


def _draw(path: Path, name: str, frames: list[int], table: pd.DataFrame, output: Path) -> None:
    """Write the overlay pictures of a sequence, which has been searched."""
    sequence = open_sequence(path, name)
    for t in frames:
        overlay.picture(sequence, t, table).save(output / f"{name}-{t:06d}.png")


def _tell(found: dict[str, _Found], table: pd.DataFrame, output: Path) -> None:
    frames = sum(one.length for one in found.values())
    tracks = sum(one.tracks for one in found.values())
    counts = table.category.value_counts() if len(table) else {}
    counts = ", ".join(f"{n:,} of {kind}" for kind, n in counts.items())
    say(
        f"{len(found)} sequences, {frames:,} frames; detections: {counts or 'none'}; "
        f"confirmed tracks: {tracks}"
    )
    say(f"written: {output}")


def _chosen(lengths: dict[str, int], table: pd.DataFrame, count: int) -> list[tuple]:
    """Up to count frames, evenly spread over those with detections, or over all without any."""
    frames = [(name, t) for name, length in lengths.items() for t in range(length)]
    with_any = set(zip(table.sequence, table.frame, strict=True)) if len(table) else set()
    frames = [frame for frame in frames if frame in with_any] or frames
    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[k] for k in places]
