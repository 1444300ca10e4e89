"""A detector as one ONNX graph: raw frames in, boxes, scores and categories out.

The network is converted by jax2onnx; what stands before and after it (normalisation, decoding,
suppression of duplicates) is written below in ONNX's own notation, with the arithmetic of
dimjax.training.inputs and dimjax.detection.grid. All of it is channels first, so that
the only transpose left is that of the boxes.

    model = onnx_graph(detector)                    # an onnx.ModelProto, not yet checked
"""

from string import Template
from typing import Any

import jax
import jax.numpy as jnp

from dimjax.detection.detector import Detector, create_model
from dimjax.export.packages import _quiet, needed
from dimjax.models.folding import apply_folded
from dimjax.models.ops.export_forms import written_plainly
from dimjax.training.inputs import CHANNELS

# What the runtimes of 2023 and later know: ONNX Runtime 1.15, TensorRT 10.
OPSET, IR_VERSION = 18, 9

_HEADER = f'<ir_version: {IR_VERSION}, opset_import: ["": {OPSET}]>'

# Asinh itself takes ONNX Runtime five times as long as this, on a CPU, and Sign thrice as long as
# a product that is cut off.
_ASINH = """
    one = Constant<value_float = 1.0>()
    minus_one = Constant<value_float = -1.0>()
    huge = Constant<value_float = 1e30>()
    magnitude = Abs(sigmas)
    square = Mul(sigmas, sigmas)
    above_one = Add(square, one)
    root = Sqrt(above_one)
    growth = Add(magnitude, root)
    logarithm = Log(growth)
    steep = Mul(sigmas, huge)
    sign = Clip(steep, minus_one, one)
    normal = Mul(sign, logarithm)
"""
_INPUTS = {
    "difference": f"""
    parts = Constant<value_ints = [1, 3]>()
    first, others = Split<axis = 1>(frames, parts)
    difference = Sub(first, others)
    sigmas = Div(difference, sigma)
    {_ASINH}""",
    "sequence": """
    level = Unsqueeze(flat_level, rows_columns)
    above_level = Sub(frames, level)
    normal = Div(above_level, sigma)
""",
    "single": """
    parts = Constant<value_ints = [1, 3]>()
    first, others = Split<axis = 1>(frames, parts)
    level = Unsqueeze(flat_level, rows_columns)
    above_level = Sub(first, level)
    normal = Div(above_level, sigma)
""",
}

# Frames become what the network sees; rims of zeros make them multiples of the output stride.
_BEFORE = """
before (float[b, 4, h, w] frames, float[b, 2] scale) => (float[b, $channels, hs, ws] images)
<int64[2] ones = {1, 1}, int64[2] rows_columns = {2, 3}, int64[1] stride = {$stride},
 int64[6] none = {0, 0, 0, 0, 0, 0}>
{
    flat_level, flat_sigma = Split<axis = 1>(scale, ones)
    sigma = Unsqueeze(flat_sigma, rows_columns)
    $input
    size = Shape<start = 2>(normal)
    less_size = Neg(size)
    lacking = Mod(less_size, stride)
    pads = Concat<axis = 0>(none, lacking)
    images = Pad(normal, pads)
}
"""

# Cells are added whose score is 0, since a small frame may have fewer than `max_detections`.
_AFTER = """
after (float[b, 7, gh, gw] grid)
    => (float[b, $most, 4] boxes, float[b, $most] score, int32[b, $most] category)
<int64[3] in_a_row = {0, 7, -1}, int64[6] added = {0, 0, 0, 0, 0, $most}, float nothing = {-1000},
 int64[2] location_logits = {4, 3}, int64[2] confidence_categories = {1, 2},
 int64[2] twos = {2, 2}, int64[1] most = {$most}, int64 passes = {$most}, bool yes = {1},
 int64[1] axis1 = {1}, int64[1] axis2 = {2}, int64[1] axis3 = {3},
 int64[3] four_alike = {1, 4, 1}, float half = {0.5}, float zero = {0}, float cell_px = {$stride},
 float radius = {$radius}, int64 below = {-1}>
{
    rows = Reshape(grid, in_a_row)
    cells = Pad(rows, added, nothing)
    locations, logits = Split<axis = 1>(cells, location_logits)
    odds = Sigmoid(logits)
    confidence, categories = Split<axis = 1>(odds, confidence_categories)
    scores = Mul(confidence, categories)
    best = ReduceMax<keepdims = 0>(scores, axis1)
    named = ArgMax<axis = 1, keepdims = 0>(scores)
    strongest, index = TopK<axis = 1>(best, most)

    chosen_category = GatherElements<axis = 1>(named, index)
    category = Cast<to = 6>(chosen_category)
    place = Unsqueeze(index, axis1)
    places = Expand(place, four_alike)
    location = GatherElements<axis = 2>(locations, places)
    offset, log_size = Split<axis = 1>(location, twos)
    columns = Shape<start = 3>(grid)
    row = Div(place, columns)
    column = Mod(place, columns)
    whole_cell = Concat<axis = 1>(column, row)
    cell = Cast<to = 1>(whole_cell)
    from_cell = Add(offset, cell)
    middle = Add(from_cell, half)
    centre = Mul(middle, cell_px)
    strides = Exp(log_size)
    extent = Mul(strides, cell_px)
    boxes_last = Concat<axis = 1>(centre, extent)
    boxes = Transpose<perm = [0, 2, 1]>(boxes_last)

    from_point = Unsqueeze(centre, axis3)
    to_point = Unsqueeze(centre, axis2)
    way = Sub(from_point, to_point)
    distance = ReduceL2<keepdims = 0>(way, axis1)
    is_near = Less(distance, radius)
    near_any = Cast<to = 1>(is_near)
    near = Trilu<upper = 0>(near_any, below)
    is_found = Greater(strongest, zero)
    found_flat = Cast<to = 1>(is_found)
    found = Unsqueeze(found_flat, axis2)
    kept = Loop(passes, yes, found) <body = settle
        (int64 number, bool going, float[b, $most, 1] kept_before)
        => (bool changed, float[b, $most, 1] kept_after)
    {
        stronger_near = MatMul(near, kept_before)
        is_free = Less(stronger_near, half)
        free = Cast<to = 1>(is_free)
        kept_after = Mul(found, free)
        change = Sub(kept_after, kept_before)
        changes = Abs(change)
        any_change = ReduceMax<keepdims = 0>(changes)
        changed = Greater(any_change, zero)
    }>
    kept_flat = Squeeze(kept, axis2)
    score = Mul(strongest, kept_flat)
}
"""


def onnx_graph(detector: Detector) -> Any:
    """The detector as an onnx.ModelProto, in float32 and for whole frames.

    Inputs: frames [B, 4, H, W] float32, scale [B, 2] float32. Outputs: boxes [B, K, 4] float32,
    score [B, K] float32, category [B, K] int32, as in dimjax.detection.grid.Detections. B, H and W
    are dynamic, K is the description's `max_detections`.

    Raises:
      InputError: The extra export is not installed.
    """
    compose, parser = needed("onnx.compose"), needed("onnx.parser")
    description = detector.description
    before = Template(_BEFORE).substitute(
        input=_INPUTS[description["input"]],
        channels=CHANNELS[description["input"]],
        stride=description["output_stride"],
    )
    after = Template(_AFTER).substitute(
        most=description["max_detections"],
        stride=description["output_stride"],
        radius=description["suppress_px"],
    )
    before, after = (parser.parse_model(_HEADER + text) for text in (before, after))
    network = compose.add_prefix(network_graph(detector), "network/")
    model = compose.merge_models(before, network, [("images", "network/images")])
    model = compose.merge_models(model, after, [("network/grid", "grid")])
    model.graph.name = "detector"
    del model.graph.value_info[:]  # jax2onnx's are wrong where height and width are dynamic
    return model


def network_graph(detector: Detector) -> Any:
    """The network alone, images [b, C, h, w] -> grid [b, 7, h/s, w/s], as an onnx.ModelProto."""
    description = detector.description
    model = create_model({**description, "bf16": False})
    variables = jax.device_get(detector.variables)
    stride, channels = description["output_stride"], CHANNELS[description["input"]]

    def network(images):
        with written_plainly():
            return apply_folded(model, variables, images)

    shape = jax.export.symbolic_shape(f"b, {stride}*h, {stride}*w, {channels}")
    with _quiet():
        network = needed("jax2onnx").to_onnx(
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
