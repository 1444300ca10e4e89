"""Detectors as ONNX and StableHLO files, checked against the detector that they are exported from.

A file maps raw frames [B, 4, H, W] and scale [B, 2] to boxes [B, K, 4], score [B, K] and category
[B, K]; normalisation, decoding and the suppression of duplicates are included. B, H and W may
differ from call to call. Frames are float32, which ONNX Runtime, TensorRT and XLA all accept and
which represents 16-bit grey levels exactly.

    export_onnx(detector, Path("detector.onnx"))        # returns the largest difference
    export_stablehlo(detector, Path("detector.stablehlo"))
    detections = open_stablehlo("detector.stablehlo")(frames, scale)
"""

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import dimjax
from dimjax.atomic_files import atomic_write
from dimjax.data.labels import CATEGORIES
from dimjax.detection.detector import Detector, create_model, make_detector
from dimjax.detection.grid import Detections
from dimjax.errors import InputError
from dimjax.export.onnx_graph import onnx_graph
from dimjax.export.onnx_runtime import OnnxDetector, open_onnx
from dimjax.export.packages import import_extra
from dimjax.export.parity import Detect, max_difference_on_frames

TOLERANCE = 1e-4
CHECK_SHAPES = ((1, 512, 640), (2, 203, 301))  # images, height and width of the compared frames
PLATFORMS = ("cpu", "cuda")

Shapes = tuple[tuple[int, int, int], ...]


def export_onnx(detector: Detector, path: Path, check_shapes: Shapes = CHECK_SHAPES) -> float:
    """Write a detector as an ONNX file, with its description as metadata.

    Args:
      detector: Its network is written in float32, for whole frames.
      path: File to write. It appears complete and checked, or not at all.
      check_shapes: Shapes of the frames on which the file must agree with the detector.

    Returns:
      The largest difference, in the units of dimjax.export.parity.

    Raises:
      InputError: The file's detections differ, or the extra export is not installed.
    """
    model = onnx_graph(detector)
    model.producer_name, model.producer_version = "dimjax", dimjax.__version__
    properties = {key: json.dumps(value) for key, value in metadata(detector).items()}
    import_extra("onnx").helper.set_model_props(model, properties)
    import_extra("onnx").checker.check_model(model)
    return _write_checked(
        detector, path, model.SerializeToString(), lambda file: open_onnx(file).detect, check_shapes
    )


def export_stablehlo(detector: Detector, path: Path, check_shapes: Shapes = CHECK_SHAPES) -> float:
    """Write a detector as StableHLO, for CPUs and CUDA GPUs; see export_onnx."""
    untiled, variables = _in_float32_untiled(detector), jax.device_get(detector.variables)

    def detect(frames, scale):
        return untiled.detect(variables, frames, scale)._asdict()

    scope = jax.export.SymbolicScope()
    shapes = (jax.export.symbolic_shape(shape, scope=scope) for shape in ("b, 4, h, w", "b, 2"))
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    exported = jax.export.export(jax.jit(detect), platforms=PLATFORMS)(*arguments)
    return _write_checked(detector, path, bytes(exported.serialize()), open_stablehlo, check_shapes)


def open_stablehlo(path: str | Path) -> Detect:
    """Open a StableHLO file: a function from frames [B, 4, H, W], scale [B, 2] to Detections."""
    call = jax.jit(jax.export.deserialize(bytearray(Path(path).read_bytes())).call)

    def detect(frames: np.ndarray, scale: np.ndarray) -> Detections:
        return Detections(**call(jnp.asarray(frames, jnp.float32), jnp.asarray(scale)))

    return detect


def with_onnx_runtime(detector: Detector, path: Path) -> Detector:
    """Return the same detector, computed by ONNX Runtime in float32 on whole frames.

    Args:
      detector: A detector with its weights in memory.
      path: The exported file. It is written first unless it holds these weights and settings.

    Raises:
      InputError: The file's detections differ, or the extra export is not installed.
    """
    import_extra("onnxruntime")
    with contextlib.suppress(InputError):
        exported = open_onnx(path)
        if exported.metadata == metadata(detector):
            return _computed_by(exported, detector)
    export_onnx(detector, path)
    return _computed_by(open_onnx(path), detector)


def metadata(detector: Detector) -> dict:
    """Collect the metadata of a file: description, categories, versions, hash of the weights."""
    return {
        **json.loads(json.dumps(detector.description)),
        "dimjax": dimjax.__version__,
        "jax": jax.__version__,
        "categories": list(CATEGORIES),
        "weights": _hash_of(detector.variables),
    }


def _computed_by(exported: OnnxDetector, detector: Detector) -> Detector:
    return detector._replace(detect=lambda _, frames, scale: exported.detect(frames, scale))


def _write_checked(
    detector: Detector, path: Path, content: bytes, open_file: Callable, check_shapes: Shapes
) -> float:
    """Write a file under a temporary name, compare its detections, then rename it."""
    with atomic_write(path) as partial:
        partial.write_bytes(content)
        difference = _difference(detector, open_file(partial), check_shapes)
        if not difference <= TOLERANCE:  # a NaN is refused too
            raise InputError(
                path,
                f"detections of the exported file must equal the detector's within {TOLERANCE:g}",
                f"a difference of {difference:.2g}",
                "Nothing was written. Use the detector itself, and report this as a bug.",
            )
    return difference


def _difference(detector: Detector, other: Detect, check_shapes: Shapes) -> float:
    untiled, description = _in_float32_untiled(detector), detector.description
    # On the CPU, because GPUs round float32 to fewer bits by default.
    with jax.default_device(jax.devices("cpu")[0]):
        variables = jax.device_get(detector.variables)

        def reference(frames, scale):
            return jax.device_get(untiled.detect(variables, frames, scale))

        return max_difference_on_frames(
            reference,
            other,
            check_shapes,
            description["output_stride"],
            description["suppress_px"],
        )


def _in_float32_untiled(detector: Detector) -> Detector:
    """Return the detector in float32 and for whole frames."""
    description = {**detector.description, "bf16": False, "tile_px": 0}
    if description == detector.description:
        return detector  # keeps its compiled functions
    return make_detector(create_model(description), detector.variables, description)


def _hash_of(variables) -> str:
    """Hash the names and values of variables."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(variables)):
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()
