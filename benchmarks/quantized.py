"""An exported detector in 16 and 8 bits beside float32: recall, F1, size and speed on a CPU.

    python benchmarks/quantized.py --runs=runs/sky31,runs/sky32 --out=benchmarks/results

The convolutions of each run's ONNX file are converted to float16, weights and inputs alike, and to
int8 by ONNX Runtime, calibrated on frames of the validation split; everything else stays float32.
Every frame of the first test sequences is searched, each frame alone, with the thresholds of the
run. ONNX Runtime has no float16 convolution for x86, so that one shows the accuracy alone. "Whole"
is the rate of `detect --runtime=onnx`, from stored frames to detections. Writes quantized.json.
"""

import statistics
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import onnx
import pandas as pd
from absl import app, flags, logging
from machine import describe, write_record
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

import dimjax
from dimjax.detection.detector import Detector
from dimjax.detection.grid import Detections
from dimjax.detection.inference import detect_in_sequence
from dimjax.evaluation.figures import at_threshold, outcome_of, sweep
from dimjax.evaluation.recall import recall_at
from dimjax.export.detector_files import computed_by, with_onnx_runtime
from dimjax.export.onnx_runtime import open_onnx
from dimjax.progress import bar

_CALIBRATION_FRAMES = 64
_FALSE_ALARMS = (0.1, 0.65)


class Recorded(CalibrationDataReader):
    """Inputs of calls, each given once."""

    def __init__(self, calls: list[dict]):
        self._calls = iter(calls)

    def get_next(self) -> dict | None:
        """Return the next input; None at the end."""
        return next(self._calls, None)


def main(_) -> None:
    """Measure each form of each run; print a table and write the JSON file."""
    logging.set_verbosity(logging.ERROR)
    results = {path: measure(path) for path in flags.FLAGS.runs}
    rows = [one for forms in results.values() for one in forms.values()]
    columns = [*rows[0]]
    print("| run | convolutions | " + " | ".join(columns) + " |")
    print("| --- " * 2 + "| ---: " * len(columns) + "|")
    for path, forms in results.items():
        for name, row in forms.items():
            values = " | ".join(f"{row[column]:.4g}" for column in columns)
            print(f"| {Path(path).name} | {name} | {values} |")
    record = {**describe("dimjax", "jax", "onnxruntime", "onnx", "numpy"), "results": results}
    write_record(Path(flags.FLAGS.out) / "quantized.json", record)


def measure(path: str) -> dict[str, dict[str, float]]:
    """Measure the forms of a run's detector; form -> figures."""
    run = dimjax.load(path)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "float32.onnx"
        detector = with_onnx_runtime(run.detector, plain)
        calls = _calls(run, detector)
        files = {"float32": plain, "float16": to_float16(plain), "int8": to_int8(plain, calls)}
        return {
            name: {
                "kB": file.stat().st_size / 1e3,
                **_figures(run, computed_by(open_onnx(file), detector)),
            }
            for name, file in files.items()
        }


def _loaded(plain: Path) -> onnx.ModelProto:
    """Load a model with one entry for each domain of operators, which ONNX Runtime requires."""
    model = onnx.load(plain)
    versions = {one.domain.removeprefix("ai.onnx"): one.version for one in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*one) for one in versions.items())
    return model


def to_float16(plain: Path) -> Path:
    """Convert the inputs and weights of all convolutions to float16, their outputs back."""
    model, path, nodes = _loaded(plain), plain.with_name("float16.onnx"), []
    stored = {one.name: one for one in model.graph.initializer}
    for k, node in enumerate(model.graph.node):
        nodes += _in_half(node, f"half-{k}", stored) if node.op_type == "Conv" else [node]
    used = {name for node in nodes for name in node.input}
    for field, values in (("node", nodes), ("initializer", stored.values())):
        kept = [one for one in values if field == "node" or one.name in used]
        del getattr(model.graph, field)[:]
        getattr(model.graph, field).extend(kept)
    onnx.save(model, path)
    return path


def _in_half(node, suffix: str, stored: dict) -> list:
    """Return a convolution of float16 between casts; its weights join `stored`."""
    before = []
    for i, name in enumerate(node.input):
        node.input[i] = f"{name}-{suffix}"
        if name in stored:
            half = numpy_helper.to_array(stored[name]).astype(np.float16)
            stored[node.input[i]] = numpy_helper.from_array(half, node.input[i])
        else:
            before.append(helper.make_node("Cast", [name], [node.input[i]], to=TensorProto.FLOAT16))
    output = node.output[0]
    node.output[0] = f"{output}-{suffix}"
    return [*before, node, helper.make_node("Cast", [*node.output], [output], to=TensorProto.FLOAT)]


def to_int8(plain: Path, calls: list[dict]) -> Path:
    """Quantize the convolutions to int8, with ranges calibrated on the inputs of calls."""
    path = plain.with_name("int8.onnx")
    quantize_static(
        _loaded(plain),
        path,
        Recorded(calls),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        per_channel=True,
    )
    model = onnx.load(path)
    metadata = {one.key: one.value for one in onnx.load(plain).metadata_props}
    helper.set_model_props(model, metadata)  # without the quantizer's own entries
    onnx.save(model, path)
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


def _figures(run, detector: Detector) -> dict[str, float]:
    """Return recall, F1, milliseconds of a frame in the network, and frames/s of the whole."""
    folder, names = run.context.folder, run.context.splits["test"][: flags.FLAGS.sequences]
    calls, rates, tables = [], [], []

    def timed(*inputs) -> Detections:
        jax.block_until_ready(inputs[3])  # the evidence, which is computed ahead
        begin = time.perf_counter()
        found = detector.detect(*inputs)
        calls.append((time.perf_counter() - begin) / len(inputs[1]))
        return found

    for name in bar(names, "measure", "sequence"):
        sequence, begin = folder.sequence(name), time.perf_counter()
        tables.append(detect_in_sequence(detector._replace(detect=timed), sequence))
        rates.append(len(sequence) / (time.perf_counter() - begin))
    truth, found = run.context.reference, pd.concat(tables, ignore_index=True)
    truth, match_px = truth[truth.sequence.isin(names)], run.config.detection.match_px
    lengths = {name: folder.shapes[name][0] for name in names}
    outcome, _, _ = outcome_of(truth, found, "target", match_px)
    threshold = detector.description["threshold"]["target"]
    recalls = recall_at(truth, found, lengths, "target", match_px, _FALSE_ALARMS)
    return {
        **{f"recall at {one['false_alarms_per_frame']}": one["recall"] for one in recalls},
        "F1, targets": at_threshold(sweep(outcome), threshold, 1, 1)["f1"],
        "network, ms": 1e3 * statistics.median(calls),
        "whole, frames/s": statistics.median(rates),
    }


if __name__ == "__main__":
    flags.DEFINE_list("runs", None, "Trained runs.", required=True)
    flags.DEFINE_integer("sequences", 8, "Test sequences of each run.", 1)
    flags.DEFINE_string("out", "benchmarks/results", "Folder to write to.")
    app.run(main)
