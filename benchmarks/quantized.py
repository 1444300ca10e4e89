"""An exported detector in 8 or 16 bit: recall, size and speed beside float32.

    python benchmarks/quantized.py --run=runs/drone_ir --step=8 --out=benchmarks/results

The convolutions of the run's ONNX file are quantized by ONNX Runtime: to int8, calibrated on
frames of the validation split, and to float16. Measured on every n-th frame of the test split, each
frame alone, on the CPU. Writes quantized.json and quantized.md.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from absl import app, flags, logging
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

import dimjax
from dimjax.atomic_files import write_text
from dimjax.data.labels import CATEGORIES
from dimjax.detection.detector import Detector
from dimjax.detection.grid import Detections
from dimjax.detection.inference import detect_in_sequence
from dimjax.evaluation.figures import evaluate
from dimjax.evaluation.recall import recall_at
from dimjax.export.detector_files import with_onnx_runtime
from dimjax.export.onnx_runtime import open_onnx
from dimjax.progress import bar
from experiments.result_files import as_json, markdown, number

_RUN = flags.DEFINE_string("run", None, "A trained run.", required=True)
_STEP = flags.DEFINE_integer("step", 8, "Every n-th frame is measured.", 1)
_CLIPS = flags.DEFINE_integer("clips", 1000, "Largest number of sequences.", 1)
_OUT = flags.DEFINE_string("out", "benchmarks/results", "Folder to write to.")

_CALIBRATION_FRAMES = 64
_CONVOLUTIONS = ("Conv",)


class Recorded(CalibrationDataReader):
    """Inputs of calls, each given once."""

    def __init__(self, calls: list[dict]):
        self._calls = iter(calls)

    def get_next(self) -> dict | None:
        """Return the next input; None at the end."""
        return next(self._calls, None)


def main(_) -> None:
    """Quantize, measure, write and print the table."""
    logging.set_verbosity(logging.ERROR)
    run = dimjax.load(_RUN.value)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "float32.onnx"
        detector = with_onnx_runtime(run.detector, plain)
        files = {
            "float32": plain,
            "float16": _float16(plain),
            "int8": _int8(plain, _calls(run, detector)),
        }
        rows = {
            name: {"bytes": file.stat().st_size, **_measure(run, _with_file(detector, file))}
            for name, file in files.items()
        }
    lines = [["convolutions", "size, kB", "ms per frame", "recall at 0.65", "F1, targets", "birds"]]
    for name, row in rows.items():
        figures = [number(row[key]) for key in ("recall", "target", "interference")]
        lines.append([name, number(row["bytes"] / 1e3, 0), number(row["ms"], 1), *figures])
    write_text(Path(_OUT.value) / "quantized.json", as_json(rows))
    write_text(Path(_OUT.value) / "quantized.md", f"# Quantized\n\n{markdown(lines)}")
    print(markdown(lines))


def _load(plain: Path) -> onnx.ModelProto:
    """Load a model with one entry for each domain of operators, which ONNX Runtime requires."""
    model = onnx.load(plain)
    versions = {one.domain.removeprefix("ai.onnx"): one.version for one in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(*one) for one in versions.items())
    return model


def _float16(plain: Path) -> Path:
    """Convert the convolutions to float16; everything else stays float32."""
    model = _load(plain)
    others = sorted({node.op_type for node in model.graph.node} - set(_CONVOLUTIONS))
    path = plain.with_name("float16.onnx")
    model = convert_float_to_float16(model, keep_io_types=True, op_block_list=others)
    for k, node in enumerate(model.graph.node):
        node.name = f"node-{k}"  # the conversion gives some names twice
    onnx.save(model, path)
    return path


def _int8(plain: Path, calls: list[dict]) -> Path:
    path = plain.with_name("int8.onnx")
    quantize_static(
        _load(plain),
        path,
        Recorded(calls),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(_CONVOLUTIONS),
        per_channel=True,
    )
    return path


def _calls(run, detector: Detector) -> list[dict]:
    """Record the inputs of the network on frames of the validation split."""
    names, calls = ("frames", "scale", "evidence"), []

    def detect(variables, *inputs) -> Detections:
        values = [np.asarray(one, np.float32)[:1] for one in inputs if one is not None]
        calls.append(dict(zip(names, values, strict=False)))
        return detector.detect(variables, *inputs)

    sequences = run.context.splits["val"]
    count = max(1, _CALIBRATION_FRAMES // len(sequences))
    for name in sequences:
        sequence = run.context.folder.sequence(name)
        for t in np.linspace(0, len(sequence) - 1, count).astype(int):
            detect_in_sequence(detector._replace(detect=detect), sequence, [t])
    return calls


def _with_file(detector: Detector, file: Path) -> Detector:
    exported = open_onnx(file)

    def detect(variables, frames, scale, evidence=None) -> Detections:
        return exported.detect(frames, scale, *([] if evidence is None else [evidence]))

    return detector._replace(detect=detect)


def _measure(run, detector: Detector) -> dict:
    """Return recall at 0.65 false alarms, F1 of each category, and the time of a frame."""
    folder, seconds, tables, lengths = run.context.folder, 0.0, [], {}

    def timed(*inputs) -> Detections:
        nonlocal seconds
        inputs = [None if one is None else np.asarray(one) for one in inputs[1:]]
        begin = time.process_time()
        found = detector.detect(None, *inputs)
        seconds += time.process_time() - begin
        return found

    names = run.context.splits["test"][: _CLIPS.value]
    for name in bar(names, "measure", "sequence"):
        sequence = folder.sequence(name)
        numbers = range(0, len(sequence), _STEP.value)
        lengths[name] = len(numbers)
        tables.append(detect_in_sequence(detector._replace(detect=timed), sequence, numbers))
    truth, found = run.context.reference, pd.concat(tables, ignore_index=True)
    truth = truth[truth.sequence.isin(names) & (truth.frame % _STEP.value == 0)]
    match_px = run.config.detection.match_px
    pixels = {name: folder.shapes[name][1] * folder.shapes[name][2] for name in names}
    thresholds = detector.description["threshold"]
    figures = evaluate(truth, found, lengths, pixels, match_px, thresholds)
    recall = recall_at(truth, found, lengths, "target", match_px, (0.65,))[0]["recall"]
    f1 = {name: figures["categories"][name]["f1"] for name in CATEGORIES}
    return {"ms": 1e3 * seconds / sum(lengths.values()), "recall": recall, **f1}


if __name__ == "__main__":
    app.run(main)
