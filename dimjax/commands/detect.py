"""Detect targets in sequences; write detections, tracks, overlay pictures and videos.

Detections are accepted with the category and the score of their tracks. Sequences are opened,
searched and written one after the other. Unreadable and too short sequences are reported and
skipped; the command then exits with an error.

run("runs/demo", "flight3.mp4", pictures=4, video=True)
run_untrained("flight3.mp4", max_false_alarms=0.5)     # without a run; into detections/flight3

runs/demo/detect/flight3/detections.csv      sequence, frame, x, y, w, h, category, score, ...
runs/demo/detect/flight3/tracks.csv          position of each track in each frame, gaps too
runs/demo/detect/flight3/flight3-000012.png
runs/demo/detect/flight3/flight3.mp4
runs/demo/detect/flight3/source.json         the source; another source is refused here
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from dimjax.atomic_files import atomic_write
from dimjax.commands.results import Results, check_place, open_results
from dimjax.commands.sources import existing_source, open_source, source_name
from dimjax.data.camera import moves
from dimjax.data.folders import Folder
from dimjax.data.frame_notes import describe
from dimjax.data.frame_survey import Survey
from dimjax.data.image_folders import ARRAYS
from dimjax.data.label_writing import as_labels, check_form, write_labels
from dimjax.data.layouts import DIMJAX
from dimjax.data.listing import locations
from dimjax.data.scale import measure
from dimjax.data.sequences import Sequence
from dimjax.data.stack_files import fits_date, fits_pixels
from dimjax.detection.repeated_frames import to_frames
from dimjax.drawing import overlay
from dimjax.errors import InputError, doing
from dimjax.progress import bar, counted, say
from dimjax.runs.context import layout_of, require_checkpoint
from dimjax.runs.workdir import read_config
from dimjax.tracks import Tracks

if TYPE_CHECKING:  # it loads JAX
    from dimjax.runs.run import Run

_DECIMALS = 4
_UNTRAINED_OUTPUT = Path("detections")

# Accepted detections, and all tracks, whose frames do not count repeated ones.
Search = Callable[[Sequence], tuple[pd.DataFrame, Tracks]]


class _Outputs(NamedTuple):
    """Results in one sequence."""

    table: pd.DataFrame  # accepted detections
    length: int  # frames
    tracks: int


def run(
    workdir: str | Path,
    source: str | Path | None,
    output: str | Path | None = None,
    pictures: int = 6,
    video: bool = False,
    runtime: str = "jax",
    form: str | None = None,
    round: int | None = None,
    epoch: int | None = None,
) -> Path:
    """Detect targets with the detector of a run.

    Args:
      workdir: The run's directory.
      source: A sequence (see dimjax.data.sequences), or a data folder in the layout of the run's
        configuration, with any number of sequences.
      output: Folder to write to; by default detect/NAME in the run's directory, NAME being that
        of the source. Earlier results of the same source are replaced.
      pictures: Number of overlay pictures, spread evenly over the frames with detections.
      video: Also write an overlay video of each sequence.
      runtime: "jax" or "onnx"; see dimjax.runs.run.load.
      form: Also write the detections in this form, one of dimjax.data.label_writing.FORMS.
      round: Round; None for the newest.
      epoch: Epoch of the checkpoint, from 1; None for that of the round's detector.

    Returns:
      The folder written to.

    Raises:
      InputError: There is no checkpoint, no such sequence or no such runtime; the folder holds
        results of another source, or the source itself; or some sequences could not be read, in
        which case all others are done.
    """
    source = existing_source(source)
    require_checkpoint(workdir, round, epoch)
    config = read_config(workdir)
    layout = layout_of(config)
    folder = open_source(source, layout, takes_stills=config.model.input == "single")
    from dimjax.runs.run import load  # loads JAX: a wrong run or source is refused before

    trained = load(workdir, round, epoch, runtime)
    say(f"detector: {trained.description}")
    output = Path(output) if output else trained.paths.detect / source_name(source, layout)
    check_place(output, trained.paths)
    return _write_all(_trained_search(trained), source, folder, output, pictures, video, form)


def run_untrained(
    source: str | Path | None,
    output: str | Path | None = None,
    pictures: int = 6,
    video: bool = False,
    max_false_alarms: float = 0.5,
    form: str | None = None,
    align: bool | None = None,
    rotation: bool = False,
) -> Path:
    """Detect moving targets without a run, by the filter of dimjax.motion.

    Args:
      source: A sequence, or a data folder in dimjax's layout, with any number of sequences.
      output: Folder to write to; by default detections/NAME in the working directory.
      pictures: Number of overlay pictures, spread evenly over the frames with detections.
      video: Also write an overlay video of each sequence.
      max_false_alarms: Threshold, expected false alarms in a frame.
      form: Also write the detections in this form, one of dimjax.data.label_writing.FORMS.
      align: Whether the motion of the camera is taken out of the frames; None: if it is notable.
      rotation: Whether its rotation and scale are taken out beside the shift, notable or not.

    Returns:
      The folder written to.

    Raises:
      InputError: The threshold is out of its range, there is no such sequence, the folder holds
        results of another source, or the source itself; or some sequences could not be searched, in
        which case all others are done.
    """
    source = existing_source(source)
    folder = open_source(source, DIMJAX)
    from dimjax.detection.untrained import (  # loads JAX
        align_as_asked,
        check_alignment,
        check_threshold,
        detect_and_link,
    )

    check_threshold(max_false_alarms)
    check_alignment(align, rotation)

    def search(sequence: Sequence) -> tuple[pd.DataFrame, Tracks]:
        sequence = align_as_asked(sequence, align, rotation)
        if align is None and not rotation and sequence.motion is not None:
            say(f"{sequence.name}: the camera moves; its motion is taken out (--noalign leaves it)")
        found = detect_and_link(sequence, max_false_alarms, progress=_search_bar(sequence))
        if found[0].empty:
            say(f"{sequence.name}: nothing found; targets that hover may need a trained network")
        return found

    output = Path(output) if output else _UNTRAINED_OUTPUT / source_name(source, DIMJAX)
    return _write_all(search, source, folder, output, pictures, video, form)


def _trained_search(trained: "Run") -> Search:
    description = trained.detector.description
    compares = description["input"] != "single"  # other inputs compare frames

    def search(sequence: Sequence) -> tuple[pd.DataFrame, Tracks]:
        if compares and not description["align"] and moves(sequence):
            say(f"{sequence.name}: the camera moves; runs with data.align=True take its motion out")
        detections = trained.detect(sequence, accepted=False, progress=_search_bar(sequence))
        tracks = trained.tracks(sequence, detections)
        return to_frames(trained.detector.accept(tracks), sequence), tracks

    return search


def _search_bar(sequence: Sequence) -> Callable:
    return lambda items: bar(items, f"search {sequence.name}")


def _write_all(
    search: Search,
    source: Path,
    folder: Folder,
    output: Path,
    pictures: int,
    video: bool,
    form: str | None,
) -> Path:
    """Search all sequences of a source and write the results; return the folder."""
    if form is not None:
        check_form(form)
    with open_results(output, source, locations(folder.files), form) as into:
        results = _search_all(search, folder, into, video)
        into.finish()
        table = pd.concat([one.table for one in results.values()] or [pd.DataFrame()])
        chosen = pictured_frames({k: one.length for k, one in results.items()}, table, pictures)
        for name, frames in itertools.groupby(chosen, lambda frame: frame[0]):
            _draw(folder.sequence(name), [t for _, t in frames], results[name].table, output)
        if form is not None:
            searched = {name: folder.sequence(name) for name in results}
            write_labels(as_labels(table), searched, output / form, form)
    _summarise(results, table, output)
    failed = len(folder.names) - len(results)
    if failed:
        rule = f"all {len(folder.names)} sequences must be readable and long enough"
        remedy = f"They are named above; the results of the others are in {output}."
        raise InputError(source, rule, f"{failed} that are not", remedy)
    return output


def _search_all(search: Search, folder: Folder, into: Results, video: bool) -> dict[str, _Outputs]:
    """Search sequences one after the other; report and skip those that cannot be searched."""
    results = {}
    for name in folder.names:
        try:
            with doing(f"detect, sequence {name}"):
                results[name] = _detect_in(search, folder.sequence(name), into, video)
        except InputError as problem:
            if len(folder.names) == 1:
                raise
            say(f"skipped: {problem}")
    return results


def _detect_in(search: Search, sequence: Sequence, folder: Results, video: bool) -> _Outputs:
    """Detect in a sequence and append the results to the tables."""
    survey = sequence.survey() if sequence.survey else Survey(len(sequence))
    ignored = describe(measure(sequence), survey, replaced=sequence.replaced)
    if ignored:
        say(f"{sequence.name}: {'; '.join(ignored)}")
    table, tracks = search(sequence)
    for note in tracks.notes:
        say(note)
    points = tracks.points[tracks.points.confirmed].drop(columns="confirmed").round(_DECIMALS)
    points = to_frames(points, sequence)
    if video:
        with atomic_write(folder.folder / f"{sequence.name}.mp4") as partial:
            overlay.write_video(partial, sequence, table, lambda it: bar(it, "video", "frame"))
    columns = _columns_of_frames(sequence)
    folder.append(
        *(
            rows.assign(**{key: [texts[t] for t in rows.frame] for key, texts in columns.items()})
            for rows in (table, points)
        )
    )
    return _Outputs(table, len(sequence), points.track.nunique())


def _columns_of_frames(sequence: Sequence) -> dict[str, list[str]]:
    """File names of the frames, if each has a file of its own, and the dates of FITS images."""
    names = list(sequence.names)
    columns = {"file": names} if names else {}
    if names and ARRAYS.get(Path(names[0]).suffix.lower()) is fits_pixels:
        columns["date"] = [fits_date(sequence.path / name) for name in names]
    return columns


def _draw(sequence: Sequence, frames: list[int], table: pd.DataFrame, output: Path) -> None:
    """Write the overlay pictures of a sequence."""
    for t in frames:
        with atomic_write(output / f"{sequence.name}-{t:06d}.png") as partial:
            overlay.draw_frame(sequence, t, table).save(partial, "png")


def _summarise(results: dict[str, _Outputs], table: pd.DataFrame, output: Path) -> None:
    frames = sum(one.length for one in results.values())
    tracks = sum(one.tracks for one in results.values())
    counts = table.category.value_counts() if len(table) else {}
    counts = ", ".join(f"{n:,} of {kind}" for kind, n in counts.items())
    say(
        f"{counted(len(results), 'sequence')}, {counted(frames, 'frame')}; "
        f"detections: {counts or 'none'}; confirmed tracks: {tracks}"
    )
    say(f"written: {output}")


def pictured_frames(lengths: dict[str, int], table: pd.DataFrame, count: int) -> list[tuple]:
    """Choose up to `count` frames, evenly spread over those with detections, if there are any."""
    frames = [(name, t) for name, length in lengths.items() for t in range(length)]
    with_any = set(zip(table.sequence, table.frame, strict=True)) if len(table) else set()
    frames = [frame for frame in frames if frame in with_any] or frames
    chosen = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[k] for k in chosen]
