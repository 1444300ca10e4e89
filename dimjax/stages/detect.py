"""Detect: sequences in; detections, tracks, overlay pictures and videos out.

Detections are those that are accepted after their tracks have voted on category and score.

run("runs/demo", "flight3.mp4", pictures=4, video=True)

runs/demo/detect/flight3/detections.csv      sequence, frame, x, y, w, h, category, score, track
runs/demo/detect/flight3/tracks.csv          where each track is in each frame, gaps too
runs/demo/detect/flight3/flight3-000012.png
runs/demo/detect/flight3/flight3.mp4
"""

from pathlib import Path

import numpy as np
import pandas as pd

from dimjax import overlay, runs
from dimjax.errors import InputError
from dimjax.folders import layout_from, open_folder
from dimjax.labels import write_table
from dimjax.progress import bar, say
from dimjax.sequences import Sequence, open_sequence

_DECIMALS = 4


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
      source: A sequence (see dimjax.sequences), or a data folder in the layout of the run's
        configuration, all of whose sequences are searched.
      output: Folder to write to; by default detect/NAME in the run's directory, NAME being that
        of the source.
      pictures: Number of overlay pictures, spread evenly over the frames with detections.
      video: Whether to write an overlay video of each sequence too.
      runtime: "jax" or "onnx"; see dimjax.search.restore_detector.

    Returns:
      The folder written to.

    Raises:
      InputError: There is no checkpoint, no such sequence or no such runtime.
    """
    if source is None:
        remedy = "Give --input=PATH."
        raise InputError("--input", "it must be a sequence or a data folder", "nothing", remedy)
    run_ = runs.load(workdir, runtime=runtime)
    sequences = _sequences(run_.config, Path(source))
    output = Path(output) if output else run_.paths.found / Path(source).resolve().stem
    output.mkdir(parents=True, exist_ok=True)
    found = {
        name: run_.detect(sequence, False, lambda it, name=name: bar(it, f"search {name}"))
        for name, sequence in sequences.items()
    }
    tracks = run_.detector.linked(pd.concat(found.values(), ignore_index=True))
    for note in tracks.notes:
        say(note)
    table = run_.detector.decided(tracks).drop(columns="strong")
    write_table(table, output / "detections.csv")
    points = tracks.points[tracks.points.confirmed].drop(columns="confirmed")
    write_table(points.round(_DECIMALS), output / "tracks.csv")
    found = {name: table[table.sequence == name] for name in sequences}
    for name, t in _chosen(sequences, table, pictures):
        image = overlay.picture(sequences[name], t, found[name])
        image.save(output / f"{name}-{t:06d}.png")
    for name, sequence in sequences.items() if video else ():
        path = output / f"{name}.mp4"
        overlay.write_video(path, sequence, found[name], lambda it: bar(it, "video", "frame"))
    frames = sum(map(len, sequences.values()))
    counts = ", ".join(f"{n:,} of {kind}" for kind, n in table.category.value_counts().items())
    say(
        f"{len(sequences)} sequences, {frames:,} frames; detections: {counts or 'none'}; "
        f"confirmed tracks: {points.track.nunique()}"
    )
    say(f"written: {output}")
    return output


def _sequences(config, source: Path) -> dict[str, Sequence]:
    """Those of a data folder, or the one that the source is."""
    layout = layout_from(config.data.layout.to_dict(), "config.data.layout")
    if source.is_dir() and any(source.glob(layout.sequences)):
        folder = open_folder(source, layout)
        return {name: folder.sequence(name) for name in folder.names}
    sequence = open_sequence(source)
    return {sequence.name: sequence}


def _chosen(sequences: dict[str, Sequence], table: pd.DataFrame, count: int) -> list[tuple]:
    """Up to count frames, evenly spread over those with detections, or over all without any."""
    frames = [(name, t) for name, sequence in sequences.items() for t in range(len(sequence))]
    with_any = set(zip(table.sequence, table.frame, strict=True))
    frames = [frame for frame in frames if frame in with_any] or frames
    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[k] for k in places]
