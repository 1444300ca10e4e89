"""Detectors as ONNX and StableHLO files, checked against the detector that they are exported from.

A file maps raw frames [B, 4, H, W] and scale [B, 2] to boxes [B, K, 4], score [B, K] and category
[B, K]; normalisation, decoding and the suppression of duplicates are included. B, H and W may
differ from call to call. Frames are float32, which ONNX Runtime, TensorRT and XLA all accept and
which represents 16-bit grey levels exactly.

A detector that uses motion evidence has a third input: the evidence [B, H, W, C], or the evidence
window [B, N, H, W] from which the file computes it. Its times are those of a reference frame far
from both ends of a sequence. Near an end they are others, so there only a file with the input
`evidence` gives the detections of the detector itself.

    export_onnx(detector, Path("network.onnx"))         # returns the largest difference
    export_onnx(detector, Path("detector.onnx"), with_window=True)
    export_stablehlo(detector, Path("detector.stablehlo"))
    detections = open_stablehlo("detector.stablehlo").detect(frames, scale)
"""

import contextlib
import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dimjax
from dimjax.atomic_files import atomic_write, write_text
from dimjax.data.labels import CATEGORIES
from dimjax.data.scale import RULE as SCALE_RULE
from dimjax.detection.detector import Detector, create_model, make_detector
from dimjax.detection.grid import Detections
from dimjax.errors import InputError
from dimjax.export.onnx_graph import onnx_graph
from dimjax.export.onnx_runtime import OnnxDetector, open_onnx
from dimjax.export.packages import import_extra
from dimjax.export.parity import (
    Detect,
    frames_with_targets,
    max_difference_on_frames,
    max_evidence_difference,
)
from dimjax.motion import EvidenceConfig, window_evidence
from dimjax.motion.bank import step_sigmas
from dimjax.motion.windows import inner_window

TOLERANCE = 1e-4
CHECK_SHAPES = ((1, 512, 640), (2, 203, 301))  # images, height and width of the compared frames
PLATFORMS = ("cpu", "cuda")

Shapes = tuple[tuple[int, int, int], ...]


class StablehloDetector(NamedTuple):
    """A detector in a StableHLO file."""

    detect: Detect  # frames, scale and, with motion evidence, window -> Detections
    evidence: Callable  # likewise -> evidence [B, H, W, C]


def export_onnx(
    detector: Detector,
    path: Path,
    check_shapes: Shapes = CHECK_SHAPES,
    with_window: bool = False,
) -> float:
    """Write a detector as an ONNX file, with its description as metadata.

    Args:
      detector: Its network is written in float32, for whole frames.
      path: File to write. It appears complete and checked, or not at all.
      check_shapes: Shapes of the frames on which the file must agree with the detector.
      with_window: Compute the motion evidence in the file, from its window; only for a detector
        that uses it.

    Returns:
      The largest difference, in the units of dimjax.export.parity.

    Raises:
      InputError: The file's detections differ, or the extra export is not installed.
    """
    model = onnx_graph(detector, with_window)
    model.producer_name, model.producer_version = "dimjax", dimjax.__version__
    properties = {key: json.dumps(value) for key, value in metadata(detector).items()}
    import_extra("onnx").helper.set_model_props(model, properties)
    import_extra("onnx").checker.check_model(model)
    check = partial(_difference, detector, check_shapes, with_window)
    return _write_checked(path, model.SerializeToString(), lambda file: check(open_onnx(file)))


def export_stablehlo(detector: Detector, path: Path, check_shapes: Shapes = CHECK_SHAPES) -> float:
    """Write a detector as StableHLO, for CPUs and CUDA GPUs; see export_onnx.

    If the detector uses motion evidence, the file computes it from its window.
    """
    untiled, variables = _in_float32_untiled(detector), jax.device_get(detector.variables)
    settings, shapes = detector.evidence, ["b, 4, h, w", "b, 2"]
    if settings is not None:
        shapes.append(f"b, {len(inner_window(settings).frames)}, h, w")

    def detect(frames, scale, *window):
        evidence = [_evidence(one, scale, settings) for one in window]
        detections = untiled.detect(variables, frames, scale, *evidence)
        return detections._asdict() | dict(zip(["evidence"], evidence, strict=False))

    scope = jax.export.SymbolicScope()
    arguments = [
        jax.ShapeDtypeStruct(jax.export.symbolic_shape(shape, scope=scope), jnp.float32)
        for shape in shapes
    ]
    exported = jax.export.export(jax.jit(detect), platforms=PLATFORMS)(*arguments)
    check = partial(_difference, detector, check_shapes, settings is not None)
    content = bytes(exported.serialize())
    return _write_checked(path, content, lambda file: check(open_stablehlo(file)))


def open_stablehlo(path: str | Path) -> StablehloDetector:
    """Open a StableHLO file."""
    call = jax.jit(jax.export.deserialize(bytearray(Path(path).read_bytes())).call)

    def run(*inputs: np.ndarray) -> dict:
        return call(*(jnp.asarray(values, jnp.float32) for values in inputs))

    def detect(*inputs: np.ndarray) -> Detections:
        outputs = run(*inputs)
        return Detections(*(outputs[name] for name in Detections._fields))

    return StablehloDetector(detect, lambda *inputs: run(*inputs)["evidence"])


def with_onnx_runtime(detector: Detector, path: Path) -> Detector:
    """Return the same detector, computed by ONNX Runtime in float32 on whole frames.

    Args:
      detector: A detector with its weights in memory.
      path: The exported file, without `window`. It is written first unless it is intact and holds
        these weights and settings.

    Raises:
      InputError: As export_onnx.
    """
    import_extra("onnxruntime")
    with contextlib.suppress(InputError):
        exported = open_onnx(path) if _is_intact(path) else None
        if exported and exported.metadata == metadata(detector) and "window" not in exported.inputs:
            return computed_by(exported, detector)
    export_onnx(detector, path)
    return computed_by(open_onnx(path), detector)


def metadata(detector: Detector) -> dict:
    """Collect the metadata of a file: description, categories, versions, hash of the weights."""
    return {
        **json.loads(json.dumps(detector.description)),
        "dimjax": dimjax.__version__,
        "jax": jax.__version__,
        "categories": list(CATEGORIES),
        "scale_rule": SCALE_RULE,
        "weights": _hash_of(detector.variables),
    }


def computed_by(exported: OnnxDetector, detector: Detector) -> Detector:
    """Return a detector whose detections an exported file, without `window`, computes."""

    def detect(variables, frames, scale, evidence=None) -> Detections:
        return exported.detect(frames, scale, *([] if evidence is None else [evidence]))

    return detector._replace(detect=detect)


def _write_checked(path: Path, content: bytes, difference_of: Callable[[Path], float]) -> float:
    """Write a file under a temporary name, compare its detections, then rename it."""
    with atomic_write(path) as partial_file:
        partial_file.write_bytes(content)
        difference = difference_of(partial_file)
        if not difference <= TOLERANCE:  # a NaN is refused too
            raise InputError(
                path,
                f"detections of the exported file must equal the detector's within {TOLERANCE:g}",
                f"a difference of {difference:.2g}",
                "Nothing was written. Use the detector itself, and report this as a bug.",
            )
        digest = hashlib.sha256(partial_file.read_bytes()).hexdigest()
    write_text(_digest_file(path), f"{digest}  {path.name}\n")  # for `sha256sum --check`
    return difference


def _digest_file(path: Path) -> Path:
    """Path of the SHA-256 beside an exported file."""
    return path.with_name(f"{path.name}.sha256")


def _is_intact(path: Path) -> bool:
    """Whether an exported file is as it was written."""
    digest = _digest_file(path)
    if not path.is_file() or not digest.is_file():
        return False
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return digest.read_text(errors="replace").split()[:1] == [found]


def _difference(
    detector: Detector,
    check_shapes: Shapes,
    with_window: bool,
    exported: OnnxDetector | StablehloDetector,
) -> float:
    """Compute the largest difference of detections, on the same evidence, and of the evidence."""
    untiled, description = _in_float32_untiled(detector), detector.description
    # On the CPU, because GPUs round float32 to fewer bits by default.
    with jax.default_device(jax.devices("cpu")[0]):
        variables = jax.device_get(detector.variables)

        def reference(*inputs):
            if with_window:
                inputs = (*inputs[:2], exported.evidence(*inputs))
            return jax.device_get(untiled.detect(variables, *inputs))

        difference = max_difference_on_frames(
            reference,
            exported.detect,
            check_shapes,
            description["output_stride"],
            description["suppress_px"],
            partial(_inputs, detector.evidence, with_window),
        )
        if not with_window:
            return difference
        of_evidence = _evidence_difference(detector.evidence, check_shapes, exported)
        return float(np.max([difference, of_evidence]))


def _evidence_difference(settings: EvidenceConfig, check_shapes: Shapes, exported) -> float:
    step = step_sigmas(settings.frames, settings.clip_sigmas) / np.sqrt(settings.frames)
    differences = []
    for shape in check_shapes:
        frames, scale, window = _inputs(settings, True, *shape, seed=0)
        expected = _evidence(window, scale, settings)
        other = exported.evidence(frames, scale, window)
        differences.append(max_evidence_difference(expected, other, step))
    return float(np.max(differences))


def _inputs(
    settings: EvidenceConfig | None, with_window: bool, *shape: int, seed: int
) -> tuple[np.ndarray, ...]:
    """Generate the inputs of a file: frames, scale and, if there is motion evidence, the third."""
    if settings is None:
        return frames_with_targets(*shape, seed)
    first, count = inner_window(settings).index, len(inner_window(settings).frames)
    frames, scale = frames_with_targets(*shape, seed, max(count, first + 4))
    clip, window = frames[:, first : first + 4], frames[:, :count]
    return clip, scale, window if with_window else _evidence(window, scale, settings)


@partial(jax.jit, static_argnames="settings")
def _evidence(window, scale, settings: EvidenceConfig) -> jax.Array:
    level, noise_sigma = scale[:, 0], scale[:, 1]
    return window_evidence(window, level, noise_sigma, inner_window(settings), settings)


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
