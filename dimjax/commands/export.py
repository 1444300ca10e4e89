"""Export the newest detector of a run as files for other programs, with a description.

run("runs/demo")
run_labels("runs/demo", "coco")          # instead, the labels of the run, as reviews corrected them

runs/demo/export/detector.onnx           for ONNX Runtime, TensorRT, OpenVINO
runs/demo/export/detector.stablehlo      for XLA, on CPUs and CUDA GPUs, weights inside
runs/demo/export/network.onnx            with motion evidence only: takes it as an input
runs/demo/export/detector.json           inputs, outputs, thresholds, versions, a use of each file
"""

import contextlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dimjax.atomic_files import exclusive_lock, write_text
from dimjax.commands.results import check_output
from dimjax.data.label_writing import check_form, write_labels
from dimjax.data.listing import locations, natural_key
from dimjax.detection.rescoring import SIGNALS
from dimjax.export import detector_files
from dimjax.motion.windows import inner_window
from dimjax.progress import counted, say
from dimjax.runs import digests
from dimjax.runs.context import RoundContext
from dimjax.runs.run import Run, load
from dimjax.runs.workdir import Paths, newest_round, read_config

_LOCK = "export.lock"

_INPUTS = {
    "frames": {
        "shape": ["B", 4, "H", "W"],
        "dtype": "float32",
        "meaning": "F1, F2, F3, F4, raw grey levels, `stride` frames apart, each later than the "
        "one before or, if it is negative, earlier; detections are those in F1. Batch, height and "
        "width are free. If detector.align is true, F2, F3 and F4 are aligned to F1, if "
        "detector.align_rotation is true by shift, rotation and scale.",
    },
    "scale": {
        "shape": ["B", 2],
        "dtype": "float32",
        "meaning": "Scale of each clip's sequence, the same for all its clips: the median grey "
        "level and the noise sigma of one frame, as detector.scale_rule says.",
    },
}
_WINDOW = {
    "shape": ["B", "N", "H", "W"],
    "dtype": "float32",
    "meaning": "Only of detector.onnx and detector.stablehlo: the evidence window of each clip, "
    "raw grey levels of the frames at `times` from F1. The clips of a sequence whose windows would "
    "begin before or end after it need network.onnx.",
}
_EVIDENCE = {
    "shape": ["B", "H", "W", "C"],
    "dtype": "float32",
    "meaning": "Input of network.onnx, and output of the other files: the motion evidence of F1, "
    "in noise sigmas (dimjax.motion.evidence_of). In dimjax it takes a CPU a sixth of the time "
    "that it takes in detector.onnx, and it is right at both ends of a sequence too.",
}
_OUTPUTS = {
    "boxes": {
        "shape": ["B", "K", 4],
        "dtype": "float32",
        "meaning": "x, y, w, h in pixels: centre and size; F1's top-left corner is (0, 0).",
    },
    "score": {
        "shape": ["B", "K"],
        "dtype": "float32",
        "meaning": "Probability, 0 to 1; 0 means no detection. Accept scores from the category's "
        "threshold on. Drop centres outside the frame, which is padded to a multiple of "
        "output_stride.",
    },
    "category": {"shape": ["B", "K"], "dtype": "int32", "meaning": "Index into categories."},
    "signals": {
        "shape": ["B", "K", len(SIGNALS)],
        "dtype": "float32",
        "names": [*SIGNALS],
        "meaning": "Scores of the network for both categories; and, 0 without motion evidence: its "
        "strength within 3 pixels, and mean and spread of its maxima around, noise sigmas.",
    },
}
_USE = {
    "detector.onnx": "session = onnxruntime.InferenceSession('detector.onnx'); "
    "boxes, score, category, signals = session.run(None, {'frames': frames, 'scale': scale})",
    "detector.stablehlo": "call = jax.export.deserialize(bytearray(open('detector.stablehlo', 'rb')"
    ".read())).call; found = call(frames, scale); found['boxes'], found['score']",
}
_USE_WITH_EVIDENCE = {
    "network.onnx": "Fastest: session = onnxruntime.InferenceSession('network.onnx'); boxes, score,"
    " category, signals = session.run(None, {'frames': frames, 'scale': scale, "
    "'evidence': evidence})",
    "detector.onnx": "Without dimjax: session = onnxruntime.InferenceSession('detector.onnx'); "
    "boxes, score, category, signals, evidence = session.run(None, {'frames': frames, "
    "'scale': scale, 'window': window})",
    "detector.stablehlo": "call = jax.export.deserialize(bytearray(open('detector.stablehlo', 'rb')"
    ".read())).call; found = call(frames, scale, window); found['boxes'], found['evidence']",
}


def run(
    workdir: str | Path,
    output: str | Path | None = None,
    round: int | None = None,
    epoch: int | None = None,
) -> Path:
    """Export the detector of a run.

    Args:
      workdir: The run's directory.
      output: Folder to write to; by default export in the run's directory.
      round: Round; None for the newest.
      epoch: Epoch of the checkpoint, from 1; None for that of the round's detector.

    Returns:
      The folder written to.

    Raises:
      InputError: There is no checkpoint, the outputs of an exported file differ from the
        detector's, or the extra export is not installed.
    """
    trained = load(workdir, round, epoch)
    say(f"detector: {trained.description}")
    if trained.detector.description["align"]:
        say("data.align: the files take frames that are aligned to F1; see docs/export.md")
    output = Path(output) if output else trained.paths.exported
    folder = trained.context.folder
    check_output(output, folder.path, locations(folder.files), _LOCK, trained.paths)
    with _sole_export(output):
        _write_all(trained, output)
    return output


def _sole_export(output: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the right to write to a folder."""
    rule, remedy = "one process at a time exports", "Wait for its end, or end it."
    return exclusive_lock(output / _LOCK, rule, remedy)


def _write_all(trained: Run, output: Path) -> None:
    inputs, use, differences = _INPUTS, _USE, {}
    with_evidence = trained.detector.evidence is not None
    if with_evidence:
        times = inner_window(trained.detector.evidence).times.tolist()
        inputs = _INPUTS | {"window": _WINDOW | {"times": times}, "evidence": _EVIDENCE}
        use = _USE_WITH_EVIDENCE
    for name, write in _writers(with_evidence).items():
        differences[name] = write(trained.detector, output / name)
        say(f"{output / name}: equals the detector within {differences[name]:.1g}")
    record = {
        "inputs": inputs,
        "outputs": _OUTPUTS,
        "detector": detector_files.metadata(trained.detector),
        "use": use,
        "greatest_difference": differences,
        "units": "Differences are those of scores, of centres in output strides, and of the "
        "logarithms of sizes; detection in float32 on whole frames is the reference.",
    }
    write_text(output / "detector.json", json.dumps(record, indent=2) + "\n")


def run_labels(workdir: str | Path, form: str, output: str | Path | None = None) -> Path:
    """Write the labels of a run with all decisions of its reviews, without planted errors.

    Args:
      workdir: The run's directory.
      form: One of dimjax.data.label_writing.FORMS.
      output: Folder to write to; by default export/FORM in the run's directory.

    Returns:
      The folder written to.

    Raises:
      InputError: There is no run, no such form, the run has no labels yet, or another process
        writes to the folder.
    """
    check_form(form)
    paths = Paths(workdir, newest_round(workdir))
    config = read_config(workdir)
    digests.verify(paths, "simulate")
    context = RoundContext(config, paths)
    labels = context.corrected_labels()
    names = [name for split in context.splits.values() for name in split]
    names = sorted({*names, *labels.sequence}, key=natural_key)
    sequences = {name: context.folder.sequence(name) for name in names}
    output = Path(output) if output else paths.exported / form
    check_output(output, context.folder.path, locations(context.folder.files), _LOCK, paths)
    with _sole_export(output):
        write_labels(labels, sequences, output, form)
    counts = ", ".join(f"{n:,} of {kind}" for kind, n in labels.category.value_counts().items())
    say(f"{output}: labels of {counted(len(sequences), 'sequence')}, {counts or 'none'}")
    return output


def _writers(with_evidence: bool) -> dict[str, Callable[..., float]]:
    """File -> function that writes it and returns its largest difference from the detector."""
    export_onnx = detector_files.export_onnx
    writers = {
        "detector.onnx": partial(export_onnx, with_window=with_evidence),
        "detector.stablehlo": detector_files.export_stablehlo,
    }
    return {"network.onnx": export_onnx, **writers} if with_evidence else writers
