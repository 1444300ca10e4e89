"""Export: a trained detector as one file for other programs, checked against the detector itself.

In comes a detector; out goes a file that takes raw frames [B, 4, H, W] and scale [B, 2], both
float32, and gives boxes [B, K, 4], score [B, K] and category [B, K]; normalisation, decoding and
the suppression of duplicates are inside. B, H and W are whatever each call gives. Frames are
float32, which ONNX Runtime, TensorRT and XLA all take; grey levels of 16 bit are exact in it.

    export_onnx(detector, Path("detector.onnx"))                # gives the greatest difference
    export_stablehlo(detector, Path("detector.stablehlo"))
    found = open_stablehlo("detector.stablehlo")(frames, scale)
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
from dimjax.atomic_files import written_aside
from dimjax.data.labels import CATEGORIES
from dimjax.detection.detector import Detector, create_model, make_detector
from dimjax.detection.grid import Detections
from dimjax.errors import InputError
from dimjax.export.onnx_graph import onnx_graph
from dimjax.export.onnx_runtime import Exported, open_onnx
from dimjax.export.packages import needed
from dimjax.export.parity import parity

TOLERANCE = 1e-4
CHECKED = ((1, 512, 640), (2, 203, 301))  # images, height and width of the frames of the check
PLATFORMS = ("cpu", "cuda")


def export_onnx(
    detector: Detector, path: Path, checked: tuple[tuple[int, int, int], ...] = CHECKED
) -> float:
    """Write a detector as an ONNX file, with the description as its metadata.

    Args:
      detector: Its network is written in float32, for whole frames.
      path: Of the file; it is there whole and checked, or not at all.
      checked: Shapes of the frames that it must find the same in.

    Returns:
      The greatest difference, in the units of dimjax.export.parity.

    Raises:
      InputError: The file finds something else, or the extra export is not installed.
    """
    model = onnx_graph(detector)
    model.producer_name, model.producer_version = "dimjax", dimjax.__version__
    metadata = {key: json.dumps(value) for key, value in facts(detector).items()}
    needed("onnx").helper.set_model_props(model, metadata)
    needed("onnx").checker.check_model(model)
    return _written(
        detector, path, model.SerializeToString(), lambda aside: open_onnx(aside).detect, checked
    )


def export_stablehlo(
    detector: Detector, path: Path, checked: tuple[tuple[int, int, int], ...] = CHECKED
) -> float:
    """Write a detector as StableHLO, for CPUs and CUDA GPUs; see export_onnx."""
    whole, variables = _for_whole_frames(detector), jax.device_get(detector.variables)

    def detect(frames, scale):
        return whole.detect(variables, frames, scale)._asdict()

    scope = jax.export.SymbolicScope()
    shapes = (jax.export.symbolic_shape(shape, scope=scope) for shape in ("b, 4, h, w", "b, 2"))
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    exported = jax.export.export(jax.jit(detect), platforms=PLATFORMS)(*arguments)
    return _written(detector, path, bytes(exported.serialize()), open_stablehlo, checked)


def open_stablehlo(path: str | Path) -> Callable:
    """The function in a StableHLO file: frames [B, 4, H, W], scale [B, 2] -> Detections."""
    call = jax.jit(jax.export.deserialize(bytearray(Path(path).read_bytes())).call)

    def detect(frames: np.ndarray, scale: np.ndarray) -> Detections:
        return Detections(**call(jnp.asarray(frames, jnp.float32), jnp.asarray(scale)))

    return detect


def through_onnx(detector: Detector, path: Path) -> Detector:
    """The same detector, run by ONNX Runtime from an exported file, in float32 on whole frames.

    Args:
      detector: Its weights must be in memory.
      path: The file; it is written anew unless it holds these very weights and settings.
    """
    needed("onnxruntime")
    with contextlib.suppress(InputError):
        exported = open_onnx(path)
        if exported.facts == facts(detector):
            return _run_by(exported, detector)
    export_onnx(detector, path)
    return _run_by(open_onnx(path), detector)


def facts(detector: Detector) -> dict:
    """What a file says of its detector: description, categories, versions, hash of the weights."""
    return {
        **json.loads(json.dumps(detector.description)),
        "dimjax": dimjax.__version__,
        "jax": jax.__version__,
        "categories": list(CATEGORIES),
        "weights": _fingerprint(detector.variables),
    }


def _run_by(exported: Exported, detector: Detector) -> Detector:
    return detector._replace(detect=lambda _, frames, scale: exported.detect(frames, scale))


def _written(detector: Detector, path: Path, content: bytes, opened: Callable, checked) -> float:
    """Write aside, check, then rename."""
    with written_aside(path) as aside:
        aside.write_bytes(content)
        difference = _difference(detector, opened(aside), checked)
        if not difference <= TOLERANCE:  # nor may it be NaN
            raise InputError(
                path,
                f"the exported detector must find what the detector finds, to {TOLERANCE:g}",
                f"a difference of {difference:.2g}",
                "Nothing was written; use the detector itself, and report this as an error.",
            )
    return difference


def _difference(detector: Detector, other: Callable, checked) -> float:
    whole = _for_whole_frames(detector)
    # On the CPU, since a GPU rounds float32 to fewer bits by default.
    with jax.default_device(jax.devices("cpu")[0]):
        variables = jax.device_get(detector.variables)

        def reference(frames, scale):
            return jax.device_get(whole.detect(variables, frames, scale))

        description = detector.description
        return parity(
            reference, other, checked, description["output_stride"], description["suppress_px"]
        )


def _for_whole_frames(detector: Detector) -> Detector:
    """The detector in float32 and without tiles."""
    description = {**detector.description, "bf16": False, "tile_px": 0}
    if description == detector.description:
        return detector  # with all that it has compiled
    return make_detector(create_model(description), detector.variables, description)


def _fingerprint(variables) -> str:
    """The same for the same names and values."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(variables)):
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()
