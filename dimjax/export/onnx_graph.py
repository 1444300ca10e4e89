"""A detector as one ONNX graph, from raw frames to boxes, scores and categories.

The network is converted by jax2onnx. Normalisation before it is written below in ONNX's text
format, with the arithmetic of dimjax.training.inputs; what follows it stands in detection_graph.
All of it is channels first, so that only the boxes need a transpose.

    model = onnx_graph(detector)                    # an onnx.ModelProto, not yet checked
"""

from string import Template
from typing import Any

import jax
import jax.numpy as jnp

from dimjax.detection.detector import Detector, create_model, input_channels
from dimjax.detection.rescoring import CELL_PX, CELLS, REACH_PX
from dimjax.export.detection_graph import detection_text
from dimjax.export.evidence_graph import evidence_text
from dimjax.export.packages import import_extra, silenced
from dimjax.models.batch_norm_fusion import apply_fused
from dimjax.models.ops.export_forms import for_export
from dimjax.motion.settings import EvidenceConfig, bands, channels
from dimjax.motion.windows import inner_window
from dimjax.training.inputs import NOISE_PEAK, NOISE_SPREAD, frame_mode, uses_evidence

# Supported by runtimes since 2023: ONNX Runtime 1.15, TensorRT 10.
OPSET, IR_VERSION = 18, 9

_HEADER = f'<ir_version: {IR_VERSION}, opset_import: ["": {OPSET}]>'

# ONNX Runtime takes five times as long for Asinh itself on a CPU, and three times as long for Sign
# as for a clipped product.
_ASINH = """
    magnitude_$value = Abs($value)
    square_$value = Mul($value, $value)
    above_one_$value = Add(square_$value, one)
    root_$value = Sqrt(above_one_$value)
    growth_$value = Add(magnitude_$value, root_$value)
    logarithm_$value = Log(growth_$value)
    steep_$value = Mul($value, huge)
    sign_$value = Clip(steep_$value, minus_one, one)
    asinh_$value = Mul(sign_$value, logarithm_$value)
"""
_SIGMAS = """
    parts = Constant<value_ints = [1, 3]>()
    first, others = Split<axis = 1>(frames, parts)
    difference = Sub(first, others)
    sigmas = Div(difference, sigma)
"""
# Frames to the channels `image`, by the mode without evidence.
_IMAGES = {
    "difference": _SIGMAS
    + Template(_ASINH).substitute(value="sigmas")
    + """
    image = Identity(asinh_sigmas)
""",
    "sequence": """
    above = Sub(frames, level)
    image = Div(above, sigma)
""",
    "single": """
    parts = Constant<value_ints = [1, 3]>()
    first, others = Split<axis = 1>(frames, parts)
    above = Sub(first, level)
    image = Div(above, sigma)
""",
}
_WITHOUT_EVIDENCE = """
    normal = Identity(image)
"""
# Strength, clutter and its spread (dimjax.detection.rescoring.surroundings), channels first.
_AROUND = f"""
    bright_sum, dark_sum = Split<axis = 1>(sums, ones)
    larger_sum = Max(bright_sum, dark_sum)
    strength_map = MaxPool<kernel_shape = {[2 * REACH_PX + 1] * 2}, pads = {[REACH_PX] * 4}>(
        larger_sum)
    sum_cells = MaxPool<ceil_mode = 1, kernel_shape = {[CELL_PX] * 2}, strides = {[CELL_PX] * 2}>(
        larger_sum)
    clutter_map = AveragePool<kernel_shape = {[CELLS] * 2}, pads = {[CELLS // 2] * 4}>(sum_cells)
    square_cells = Mul(sum_cells, sum_cells)
    mean_square_of_cells = AveragePool<kernel_shape = {[CELLS] * 2}, pads = {[CELLS // 2] * 4}>(
        square_cells)
    clutter_squared = Mul(clutter_map, clutter_map)
    sample_variance = Sub(mean_square_of_cells, clutter_squared)
    variance = Relu(sample_variance)
    spread_map = Sqrt(variance)
    of_cells = Concat<axis = 1>(clutter_map, spread_map)
    wide_of_cells = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric",
        nearest_mode = "floor">(of_cells, , cell_scales)
    size_of_frame = Shape<start = 2>(larger_sum)
    clutter_of_pixels = Slice(wide_of_cells, frame_corner, size_of_frame, rows_columns)
    around = Concat<axis = 1>(strength_map, clutter_of_pixels)
"""
_MAPS = """
    maps = Transpose<perm = [0, 3, 1, 2]>(evidence)
"""
_WITH_EVIDENCE = f"""
    map_parts = Constant<value_ints = $map_parts>()
    sums, of_reference$slow_sums = Split<axis = 1>(maps, map_parts)
    noise_peak = Constant<value_float = {NOISE_PEAK}>()
    noise_spread = Constant<value_float = {NOISE_SPREAD}>()
    above_peak = Sub(sums, noise_peak)
    normal_sums = Div(above_peak, noise_spread)
    {Template(_ASINH).substitute(value="of_reference")}
    $slow
    normal = Concat<axis = 1>(image, normal_sums, asinh_of_reference$slow_normal)
    {_AROUND}
"""
_SLOW = """
    slow_above_peak = Sub(slow_sums, noise_peak)
    slow_normal_sums = Div(slow_above_peak, noise_spread)
"""

# Frames to network inputs, padded with zeros to multiples of the output stride.
_BEFORE = """
before ($inputs) => (float[b, $channels, hs, ws] images$outputs)
<int64[2] ones = {1, 1}, int64[2] rows_columns = {2, 3}, int64[1] stride = {$stride},
 int64[6] none = {0, 0, 0, 0, 0, 0}, bool always = {1},
 float one = {1}, float minus_one = {-1}, float huge = {1e30},
 float[4] cell_scales = {1, 1, $cell_px, $cell_px}, int64[2] frame_corner = {0, 0}$initializers>
{
    flat_level, flat_sigma = Split<axis = 1>(scale, ones)
    level = Unsqueeze(flat_level, rows_columns)
    sigma = Unsqueeze(flat_sigma, rows_columns)
    $image
    $evidence
    size = Shape<start = 2>(normal)
    negative_size = Neg(size)
    missing = Mod(negative_size, stride)
    pads = Concat<axis = 0>(none, missing)
    images = Pad(normal, pads)
}
"""


def onnx_graph(detector: Detector, with_window: bool = False) -> Any:
    """Convert a detector to an onnx.ModelProto, in float32 and for whole frames.

    Inputs: frames [B, 4, H, W] float32, scale [B, 2] float32. Outputs: boxes [B, K, 4] float32,
    score [B, K] float32, category [B, K] int32, signals [B, K, 5] float32, as in
    dimjax.detection.grid.Detections. B, H and W are dynamic, K is the description's
    `max_detections`. A detector that uses motion evidence has a third input, evidence
    [B, H, W, C] float32.

    Args:
      detector: Detector.
      with_window: Compute the motion evidence in the graph. The third input is then the evidence
        window [B, N, H, W] float32 of a reference frame that is far from both ends of its
        sequence, and evidence [B, H, W, C] is a fifth output.

    Raises:
      InputError: The extra export is not installed.
    """
    compose, parser = import_extra("onnx.compose"), import_extra("onnx.parser")
    description = detector.description
    before, after = _before(detector, with_window), detection_text(description)
    before, after = (parser.parse_model(_HEADER + text) for text in (before, after))
    network = compose.add_prefix(network_graph(detector), "network/")
    model = compose.merge_models(before, network, [("images", "network/images")])
    links = [("network/grid", "grid")]
    if uses_evidence(description["input"]):
        links.append(("around", "around"))
    model = compose.merge_models(model, after, links)
    model.graph.name = "detector"
    del model.graph.value_info[:]  # those of jax2onnx are wrong for dynamic sizes
    # The evidence comes last.
    outputs = sorted(model.graph.output, key=lambda output: output.name == "evidence")
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return model


def _before(detector: Detector, with_window: bool) -> str:
    """Write the graph from the inputs of the detector to those of its network."""
    description = detector.description
    mode = description["input"]
    inputs, outputs = "float[b, 4, h, w] frames, float[b, 2] scale", ""
    if uses_evidence(mode):
        outputs = ", float[b, 3, h, w] around"
    initializers, evidence = "", _WITHOUT_EVIDENCE
    if with_window:
        text = evidence_text(detector.evidence)
        inputs += f", float[b, {len(inner_window(detector.evidence).frames)}, h, w] window"
        outputs += f", float[b, h, w, {channels(detector.evidence)}] evidence"
        initializers = f",\n {text.initializers}"
        evidence = text.nodes + _with_evidence(detector.evidence)
    elif uses_evidence(mode):
        inputs += f", float[b, h, w, {channels(detector.evidence)}] evidence"
        evidence = _MAPS + _with_evidence(detector.evidence)
    return Template(_BEFORE).substitute(
        inputs=inputs,
        outputs=outputs,
        initializers=initializers,
        image=_IMAGES[frame_mode(mode)],
        evidence=evidence,
        channels=input_channels(description),
        stride=description["output_stride"],
        cell_px=CELL_PX,
    )


def _with_evidence(settings: EvidenceConfig) -> str:
    """Write the nodes from the evidence maps to channels of the network's input."""
    with_slow = len(bands(settings)) > 1
    return Template(_WITH_EVIDENCE).substitute(
        map_parts=[2, 2, 2] if with_slow else [2, 2],
        slow_sums=", slow_sums" if with_slow else "",
        slow=_SLOW if with_slow else "",
        slow_normal=", slow_normal_sums" if with_slow else "",
    )


def network_graph(detector: Detector) -> Any:
    """Convert the network alone: images [b, C, h, w] -> grid [b, 7, h/s, w/s]."""
    description = detector.description
    model = create_model({**description, "bf16": False})
    variables = jax.device_get(detector.variables)
    stride, count = description["output_stride"], input_channels(description)

    def network(images):
        with for_export():
            return apply_fused(model, variables, images)

    shape = jax.export.symbolic_shape(f"b, {stride}*h, {stride}*w, {count}")
    with silenced():
        network = import_extra("jax2onnx").to_onnx(
            network,
            [jax.ShapeDtypeStruct(shape, jnp.float32)],
            opset=OPSET,
            inputs_as_nchw=[0],
            outputs_as_nchw=[0],
            input_names=["images"],
            output_names=["grid"],
        )
    network.ir_version = IR_VERSION
    return network
