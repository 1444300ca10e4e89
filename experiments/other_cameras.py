"""Sequences of cameras that nothing was trained on: the untrained filter and trained networks.

    python experiments/other_cameras.py --data=DATA --runs=runs/drone_ir,runs/demo --out=DIR

cloud-seqs and sky-seqs in full, each as its frames are and with the motion of the camera taken out.
A hit is nearer than 3 px, since the targets are 1 to 3 px large. The best F1 is that at the best
threshold for all sequences of the set together; by sequence, at the best for each. Networks see
clips of stride 2, because these cameras have lower frame rates. Sizes: all frames (cpu), the first
24 of one sequence of cloud-seqs (toy). Writes other_cameras.json and .md into DIR; what is in
DIR/other_cameras.work is not measured again.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from absl import app, flags
from result_files import as_json, markdown, number, versions

import dimjax
from dimjax.atomic_files import write_text
from dimjax.data.camera import aligned
from dimjax.data.folders import Folder, open_folder
from dimjax.data.presets import PRESETS
from dimjax.data.sequences import Sequence
from dimjax.detection.detector import Detector, make_detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.detection.repeated_frames import new_frames, to_frames, to_places
from dimjax.detection.untrained import untrained_detections, untrained_linking
from dimjax.evaluation.figures import ANYTHING, best_f1
from dimjax.evaluation.recall import recall_at
from dimjax.motion import EvidenceConfig
from dimjax.progress import bar
from dimjax.tracks import Tracks, link, score

SETS = ("cloud-seqs", "sky-seqs")
FILTER = "untrained filter"
MATCH_PX = 3.0
STRIDE = 2  # of the clips of networks
ALLOWED = 0.65  # false alarms per frame
TOY_FRAMES = 24

# A sequence, and the motion of its camera, or None -> detections at all scores, and tracks.
Search = Callable[[Sequence, dict | None], tuple[pd.DataFrame, Tracks]]


def main(_) -> None:
    """Measure each set with each detector, and write the table."""
    data, out = Path(flags.FLAGS.data), Path(flags.FLAGS.out)
    toy = flags.FLAGS.size == "toy"
    detectors = [(FILTER, None), *((Path(run).name, run) for run in flags.FLAGS.runs)]
    rows = []
    for name in SETS[:1] if toy else SETS:
        folder = open_folder(data / name, PRESETS[name])
        for detector, run in detectors:
            for align in (False, True):
                file = out / "other_cameras.work" / f"{name}-{detector}-{align:d}.json"
                if not file.exists():
                    found = measure(folder, search_of(run), align, toy)
                    row = {"data": name, "detector": detector, "aligned": align, **found}
                    write_text(file, as_json(row))
                rows.append(json.loads(file.read_text()))
    record = {"versions": versions(("dimjax", "jax")), "match_px": MATCH_PX, "rows": rows}
    write_text(out / "other_cameras.json", as_json(record))
    parts = (
        "# Other cameras",
        as_table(rows),
        "Best F1 by sequence, with tracks:",
        by_sequence(rows),
    )
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    write_text(out / "other_cameras.md", text)
    print(text)


def search_of(run: str | None) -> Search:
    """Return the untrained filter, or the detector of a run."""
    if run is None:
        return filter_search
    trained = dimjax.load(run).detector
    description = {**trained.description, "stride": STRIDE}
    detector = make_detector(trained.model, trained.variables, description)
    return lambda sequence, shifts: network_search(detector, sequence, shifts)


def filter_search(sequence: Sequence, shifts: dict | None) -> tuple[pd.DataFrame, Tracks]:
    """Search with the untrained filter at its default settings."""
    found = untrained_detections(sequence, EvidenceConfig())
    return found, link(to_places(found, sequence), untrained_linking(), shifts)


def network_search(
    detector: Detector, sequence: Sequence, shifts: dict | None
) -> tuple[pd.DataFrame, Tracks]:
    """Search with a trained network."""
    found = detect_in_sequence(detector, sequence)
    return found, detector.link(to_places(found, sequence), shifts)


def measure(folder: Folder, search: Search, align: bool, toy: bool) -> dict:
    """Measure one detector on a set: each frame alone, and with tracks."""
    names = folder.names[-1:] if toy else folder.names
    tables = {"frames": [], "tracks": []}
    lengths = {}
    for name in bar(names, f"{folder.path.name}, {'aligned' if align else 'as it is'}", "sequence"):
        sequence = folder.sequence(name)
        if toy:
            shape = (TOY_FRAMES, *sequence.shape[1:])
            sequence = dataclasses.replace(sequence, shape=shape, survey=None)
        lengths[name] = len(sequence)
        sequence = aligned(sequence) if align else sequence
        shifts = {name: sequence.motion()[new_frames(sequence)]} if align else None
        found, tracks = search(sequence, shifts)
        tables["frames"].append(found)
        tables["tracks"].append(to_frames(score(tracks), sequence))
    truth = folder.labels[folder.labels.sequence.isin(names)]
    truth = truth[truth.frame < truth.sequence.map(lengths)]
    return {
        "sequences": len(names),
        "truths": len(truth),
        **{part: figures(truth, pd.concat(found), lengths) for part, found in tables.items()},
    }


def figures(truth: pd.DataFrame, found: pd.DataFrame, lengths: dict[str, int]) -> dict:
    """Compute the best F1 of a set and of each sequence, and the recall."""

    def best(names: list[str], category: str = "target") -> float:
        truths, detections = (table[table.sequence.isin(names)] for table in (truth, found))
        return best_f1(truths, detections, category, MATCH_PX)

    recall = recall_at(truth, found.reset_index(drop=True), lengths, "target", MATCH_PX, (ALLOWED,))
    return {
        "best_f1": best(list(lengths)),
        "best_f1_of_anything": best(list(lengths), ANYTHING),
        "recall": recall[0]["recall"],
        "by_sequence": {name: best([name]) for name in lengths},
    }


def as_table(rows: list[dict]) -> str:
    """Format the figures of whole sets."""
    measures = "best F1", "of any category", f"recall at {ALLOWED}"
    measures = *measures, *(f"{measure}, tracks" for measure in measures)
    lines = [["data", "detector", "frames", *measures]]
    for row in rows:
        keys = "best_f1", "best_f1_of_anything", "recall"
        values = [row[part][key] for part in ("frames", "tracks") for key in keys]
        seen = "aligned" if row["aligned"] else "as they are"
        lines.append([row["data"], row["detector"], seen, *(number(value) for value in values)])
    return markdown(lines)


def by_sequence(rows: list[dict]) -> str:
    """Format the best F1 of each sequence with tracks, a column for each detector."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    columns = list(_columns(rows))
    for row, column in zip(rows, _columns(rows), strict=True):
        for name, value in row["tracks"]["by_sequence"].items():
            cells.setdefault((row["data"], name), {})[column] = number(value)
    columns = list(dict.fromkeys(columns))
    lines = [["data", "sequence", *columns]]
    lines += [[*key, *(line.get(column, "") for column in columns)] for key, line in cells.items()]
    return markdown(lines)


def _columns(rows: list[dict]) -> Iterator[str]:
    return (row["detector"] + (", aligned" if row["aligned"] else "") for row in rows)


if __name__ == "__main__":
    flags.DEFINE_string("data", None, "Folder with cloud-seqs and sky-seqs.", required=True)
    flags.DEFINE_list("runs", [], "Trained runs, by their directories.")
    flags.DEFINE_string("out", "experiments/results", "Folder for the results.")
    flags.DEFINE_enum("size", "cpu", ["toy", "cpu"], "How many frames.")
    app.run(main)
