"""Detection by ONNX Runtime, from a file that dimjax.export.detector_files wrote.

exported = open_onnx("runs/demo/export/detector.onnx")
detections = exported.detect(frames, scale)             # raw whole frames of any size
detections = exported.detect(frames, scale, evidence)   # of a detector that uses motion evidence
exported.metadata["threshold"]
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dimjax.detection.grid import Detections
from dimjax.errors import InputError, program
from dimjax.export.packages import import_extra

_REMEDY = f"Export the detector again: {program()} export --workdir=RUN"


class OnnxDetector(NamedTuple):
    """A detector in an ONNX file."""

    detect: Callable  # one array for each of `inputs` -> Detections of NumPy arrays
    evidence: Callable  # likewise -> evidence [B, H, W, C]; only if `window` is an input
    inputs: tuple[str, ...]  # frames, scale and, with motion evidence, evidence or window
    metadata: dict  # threshold, categories, output_stride, ...


def open_onnx(path: str | Path) -> OnnxDetector:
    """Open an exported detector on the CPU.

    Raises:
      InputError: The file does not exist or is not a detector exported by dimjax, or the extra
        export is not installed.
    """
    session = create_session(_existing(path))
    metadata = session.get_modelmeta().custom_metadata_map
    if "dimjax" not in metadata:
        rule = "it must be a detector that dimjax exported"
        raise InputError(path, rule, sorted(metadata) or "no metadata", _REMEDY)

    names = tuple(one.name for one in session.get_inputs())

    def run(outputs: list[str], *inputs: np.ndarray) -> list[np.ndarray]:
        values = (np.asarray(array, np.float32) for array in inputs)
        return session.run(outputs, dict(zip(names, values, strict=True)))

    return OnnxDetector(
        lambda *inputs: Detections(*run([*Detections._fields], *inputs)),
        lambda *inputs: run(["evidence"], *inputs)[0],
        names,
        {key: json.loads(value) for key, value in metadata.items()},
    )


def create_session(model: Path | bytes) -> Any:
    """Create an onnxruntime.InferenceSession on the CPU, with the settings of all detectors.

    Args:
      model: The ONNX file, or its content.

    Raises:
      InputError: The model is not valid ONNX, or the extra export is not installed.
    """
    runtime = import_extra("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # Threads that spin while they wait keep the reading of frames from its core: on two busy cores
    # a 640x512 frame takes 36 instead of 62 ms of CPU time, and is finished sooner.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = str(model) if isinstance(model, Path) else model
    try:
        return runtime.InferenceSession(source, options, ["CPUExecutionProvider"])
    except Exception as error:  # its classes have no other common base
        subject = model if isinstance(model, Path) else "ONNX model"
        rule = "it must be a complete ONNX file"
        raise InputError(subject, rule, str(error).splitlines()[0], _REMEDY) from error


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "an exported detector is needed", "no file", _REMEDY)
    return path
