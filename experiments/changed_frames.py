"""A trained run on frames changed as cameras, players and codecs change them.

    python main.py --config=configs/demo.py --workdir=runs/demo
    python experiments/changed_frames.py --run=runs/demo --out=experiments/results

The middle 320x256 pixels of the first test sequence are changed in each way of frame_changes.py.
Precision and recall are those of targets among the accepted detections of `detect`, with tracks. A
frame that is shown again counts again; frames that show no scene, such as a closed shutter, do not.
Sizes: all changes (cpu), four of them (toy). Writes changed_frames.json and changed_frames.md.
"""

import tempfile
from pathlib import Path

import av
import pandas as pd
from absl import app, flags, logging
from frame_changes import NAME, Changed, changes, middle, truth_of
from result_files import as_json, markdown, number, versions

import dimjax
from dimjax.atomic_files import write_text
from dimjax.data.labels import CATEGORIES
from dimjax.data.scale import measure_scale
from dimjax.data.sequences import Sequence, as_sequence, open_sequence
from dimjax.evaluation.figures import evaluate
from dimjax.progress import bar

_RUN = flags.DEFINE_string("run", None, "Directory of a trained run of a simulated sky.")
_OUT = flags.DEFINE_string("out", "experiments/results", "Folder to write to.")
_SIZE = flags.DEFINE_enum("size", "cpu", ["toy", "cpu"], "How many of the changes.")

_TOY = ("none", "black rows, 50 %", "each frame twice", "8 bit, H.264, crf 18")


def encoded(changed: Changed, folder: str) -> Sequence:
    """Return the frames as a sequence; those with a crf are written as H.264 and read again."""
    if changed.crf is None:
        return as_sequence(changed.frames, NAME)
    file = Path(folder) / f"{NAME}.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": str(changed.crf)})
        stream.height, stream.width = changed.frames.shape[1:]
        stream.pix_fmt = "yuv420p"
        for frame in changed.frames:
            picture = av.VideoFrame.from_ndarray(frame, format="gray")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return open_sequence(file, NAME)


def measure(run, changed: Changed, truth: pd.DataFrame) -> dict:
    """Detect in changed frames; return the figures of the targets and the noise that is measured.

    Args:
      run: From dimjax.load.
      changed: The frames.
      truth: Truths of the frames before the change.
    """
    with tempfile.TemporaryDirectory() as folder:
        sequence = encoded(changed, folder)
        detections = run.detect(sequence)
        # A track may go on through a closed shutter, where nothing can tell whether it is right.
        detections = detections[changed.shown[detections.frame] >= 0]
        noise = measure_scale(sequence).noise_sigma
    length, height, width = sequence.shape
    figures = evaluate(
        truth_of(changed, truth),
        detections,
        {NAME: length},
        {NAME: height * width},
        run.config.detection.match_px,
        dict.fromkeys(CATEGORIES, 0.0),  # all are accepted
    )
    target = figures["categories"]["target"]
    return {name: target[name] for name in ("precision", "recall", "truths")} | {"noise": noise}


def main(_) -> None:
    """Measure all changes; write and print the table."""
    logging.set_verbosity(logging.ERROR)
    run, out = dimjax.load(_RUN.value), Path(_OUT.value)
    folder = run.context.folder
    name = folder.splits["test"][0]
    reference = folder.reference
    frames, truth = middle(folder.sequence(name), reference[reference.sequence == name])
    table = changes()
    names = _TOY if _SIZE.value == "toy" else tuple(table)
    rows = [
        {"change": one, **measure(run, table[one](frames), truth)}
        for one in bar(names, "changes", "change")
    ]
    record = {"sequence": name, "frames": list(frames.shape), "rows": rows}
    record |= {"detector": run.detector.description["track_threshold"]}
    record |= {"versions": versions(("dimjax", "jax", "av"))}
    write_text(out / "changed_frames.json", as_json(record))
    text = as_markdown(rows)
    write_text(out / "changed_frames.md", f"# Changed frames\n\n{text}")
    print(text)


def as_markdown(rows: list[dict]) -> str:
    """Format the rows as a table."""
    lines = [["change", "precision", "recall", "targets", "noise, grey levels"]]
    for row in rows:
        shares = [number(row[name]) for name in ("precision", "recall")]
        lines.append([row["change"], *shares, str(row["truths"]), number(row["noise"], 2)])
    return markdown(lines)


if __name__ == "__main__":
    flags.mark_flag_as_required("run")
    app.run(main)
