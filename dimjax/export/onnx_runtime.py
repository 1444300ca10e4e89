"""Detection through ONNX Runtime, from a file that dimjax.export.files wrote.

In come raw frames, whole ones of any size; out come the detections, as the file's detector gives
them.

    exported = open_onnx("runs/demo/export/detector.onnx")
    found = exported.detect(frames, scale)             # Detections of NumPy arrays
    exported.facts["threshold"]
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dimjax.detection.grid import Detections
from dimjax.errors import InputError
from dimjax.export.packages import needed


class Exported(NamedTuple):
    """A detector in an ONNX file."""

    detect: Callable  # frames [B, 4, H, W], scale [B, 2] -> Detections of NumPy arrays
    facts: dict  # the metadata: threshold, categories, output_stride, ...


def open_onnx(path: str | Path) -> Exported:
    """Open an exported detector on the CPU.

    Raises:
      InputError: There is no such file, it is no detector of dimjax, or the extra export is not
        installed.
    """
    runtime, path = needed("onnxruntime"), Path(path)
    remedy = "Export the detector anew: python main.py export --workdir=RUN"
    if not path.is_file():
        raise InputError(path, "an exported detector is needed", "no file", remedy)
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # Threads that wait in a loop keep the reading of frames from its core: on two busy cores a
    # 640x512 frame takes 36 in place of 62 ms of CPU time, and is done sooner.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # its classes have no other common base
        rule = "it must be a whole ONNX file"
        raise InputError(path, rule, str(error).splitlines()[0], remedy) from error
    metadata = session.get_modelmeta().custom_metadata_map
    if "dimjax" not in metadata:
        rule = "it must be a detector that dimjax exported"
        raise InputError(path, rule, sorted(metadata) or "no metadata", remedy)

    def detect(frames: np.ndarray, scale: np.ndarray) -> Detections:
        inputs = {"frames": frames, "scale": scale}
        inputs = {name: np.asarray(values, np.float32) for name, values in inputs.items()}
        return Detections(*session.run(["boxes", "score", "category"], inputs))

    return Exported(detect, {key: json.loads(value) for key, value in metadata.items()})
