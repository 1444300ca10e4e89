"""Decoding and rescoring of a grid, and the suppression of duplicates, in ONNX's text format.

The arithmetic is that of dimjax.detection.grid and dimjax.detection.rescoring.

    text = detection_text(description)      # grid, around -> boxes, score, category, signals
"""

from string import Template

from dimjax.data.labels import CATEGORIES
from dimjax.detection.rescoring import (
    CALM,
    CLUTTER_RANGE,
    EPSILON,
    MAX_STRENGTH,
    MIN_SCORE,
    SPREAD_RANGE,
)
from dimjax.training.inputs import uses_evidence

# Cells of score 0 are added, because a small frame may have fewer cells than `max_detections`.
_AFTER = """
after (float[b, 7, gh, gw] grid$inputs) => (float[b, $count, 4] boxes, float[b, $count] score,
    int32[b, $count] category, float[b, $count, 5] signals)
<int64[3] flat_cells = {0, 7, -1}, int64[6] added = {0, 0, 0, 0, 0, $count},
 float no_logit = {-1000},
 int64[2] location_logits = {4, 3}, int64[2] confidence_categories = {1, 2},
 int64[2] twos = {2, 2}, int64[1] count = {$count}, int64 passes = {$count}, bool yes = {1},
 int64[1] axis0 = {0}, int64[1] axis1 = {1}, int64[1] axis2 = {2}, int64[1] axis3 = {3},
 int64[3] four_times = {1, 4, 1}, int64[3] five_times = {1, 5, 1}, float half = {0.5},
 float zero = {0}, float cell_px = {$stride}, int64 zero_whole = {0}, int64 one_whole = {1},
 float radius = {$radius}, int64 below = {-1}$initializers>
{
    rows = Reshape(grid, flat_cells)
    cells = Pad(rows, added, no_logit)
    locations, logits = Split<axis = 1>(cells, location_logits)
    odds = Sigmoid(logits)
    confidence, categories = Split<axis = 1>(odds, confidence_categories)
    scores = Mul(confidence, categories)

    cell_count = Shape<start = 2>(cells)
    cell_limit = Squeeze(cell_count, axis0)
    cell_index = Range(zero_whole, cell_limit, one_whole)
    columns = Shape<start = 3>(grid)
    row_flat = Div(cell_index, columns)
    column_flat = Mod(cell_index, columns)
    row = Unsqueeze(row_flat, axis0)
    column = Unsqueeze(column_flat, axis0)
    whole_cell = Concat<axis = 0>(column, row)
    cell = Cast<to = 1>(whole_cell)
    offset, log_size = Split<axis = 1>(locations, twos)
    from_cell = Add(offset, cell)
    middle = Add(from_cell, half)
    centres = Mul(middle, cell_px)
    strides = Exp(log_size)
    extents = Mul(strides, cell_px)
    boxes_of_cells = Concat<axis = 1>(centres, extents)
    $around
    signals_of_cells = Concat<axis = 1>(scores, evidence_of_cells)
    $rescoring
    ranked = ReduceMax<keepdims = 0>(probabilities, axis1)
    best_category = ArgMax<axis = 1, keepdims = 0>(probabilities)

    strongest, index = TopK<axis = 1>(ranked, count)
    chosen_category = GatherElements<axis = 1>(best_category, index)
    category = Cast<to = 6>(chosen_category)
    chosen_index = Unsqueeze(index, axis1)
    signal_index = Expand(chosen_index, five_times)
    signals_last = GatherElements<axis = 2>(signals_of_cells, signal_index)
    signals = Transpose<perm = [0, 2, 1]>(signals_last)
    box_index = Expand(chosen_index, four_times)
    boxes_last = GatherElements<axis = 2>(boxes_of_cells, box_index)
    boxes = Transpose<perm = [0, 2, 1]>(boxes_last)
    centre, extent = Split<axis = 1>(boxes_last, twos)

    from_point = Unsqueeze(centre, axis3)
    to_point = Unsqueeze(centre, axis2)
    offset_between = Sub(from_point, to_point)
    distance = ReduceL2<keepdims = 0>(offset_between, axis1)
    is_near = Less(distance, radius)
    near_any = Cast<to = 1>(is_near)
    near = Trilu<upper = 0>(near_any, below)
    is_positive = Greater(strongest, zero)
    candidate_flat = Cast<to = 1>(is_positive)
    candidate = Unsqueeze(candidate_flat, axis2)
    kept = Loop(passes, yes, candidate) <body = settle
        (int64 number, bool going, float[b, $count, 1] kept_old)
        => (bool changed, float[b, $count, 1] kept_new)
    {
        stronger_near = MatMul(near, kept_old)
        is_free = Less(stronger_near, half)
        free = Cast<to = 1>(is_free)
        kept_new = Mul(candidate, free)
        change = Sub(kept_new, kept_old)
        changes = Abs(change)
        any_change = ReduceMax<keepdims = 0>(changes)
        changed = Greater(any_change, zero)
    }>
    kept_flat = Squeeze(kept, axis2)
    score = Mul(strongest, kept_flat)
}
"""


# Strength, clutter and its spread at all cells [b, 3, cells].
_NO_EVIDENCE = """
    confidences = Mul(confidence, zero)
    evidence_of_cells = Concat<axis = 1>(confidences, confidences, confidences)
"""
_EVIDENCE = """
    whole_px = Floor(centres)
    px = Cast<to = 7>(whole_px)
    x, y = Split<axis = 1>(px, one_each)
    frame_px = Shape<start = 2>(around)
    frame_rows, frame_columns = Split<axis = 0>(frame_px, one_each)
    last_row = Sub(frame_rows, one_whole)
    last_column = Sub(frame_columns, one_whole)
    x_from_zero = Max(x, zero_whole)
    x_inside = Min(x_from_zero, last_column)
    y_from_zero = Max(y, zero_whole)
    y_inside = Min(y_from_zero, last_row)
    row_start = Mul(y_inside, frame_columns)
    pixel = Add(row_start, x_inside)
    pixels = Expand(pixel, three_times)
    around_flat = Reshape(around, flat_pixels)
    evidence_of_cells = GatherElements<axis = 2>(around_flat, pixels)
"""
_NO_RESCORING = """
    probabilities = Identity(scores)
"""
_RESCORING = """
    strength, clutter, spread = Split<axis = 1>(evidence_of_cells, each_of_three)
    bounded = Clip(scores, smallest_score, largest_score)
    improbable = Sub(largest_probability, bounded)
    odds_of_network = Div(bounded, improbable)
    logits_of_network = Log(odds_of_network)
    limited_strength = Min(strength, max_strength)
    limited_clutter = Clip(clutter, min_clutter, max_clutter)
    more_clutter = Sub(limited_clutter, calm_clutter)
    limited_spread = Clip(spread, min_spread, max_spread)
    more_spread = Sub(limited_spread, calm_spread)
    features = Concat<axis = 1>(logits_of_network, limited_strength, more_clutter, more_spread)
    weighted = MatMul(weights, features)
    log_odds = Add(weighted, intercepts)
    odds_of_both = Sigmoid(log_odds)
    best_score = ReduceMax(scores, axis1)
    is_enough = GreaterOrEqual(best_score, min_score)
    enough = Cast<to = 1>(is_enough)
    probabilities = Mul(odds_of_both, enough)
"""


def detection_text(description: dict) -> str:
    """Write the graph from the output grid [b, 7, h, w] of the network to the detections.

    A detector that uses motion evidence has a second input, around [b, 3, h, w], from
    dimjax.detection.rescoring.surroundings.
    """
    inputs = initializers = ""
    around, rescoring = _NO_EVIDENCE, _NO_RESCORING
    if uses_evidence(description["input"]):
        inputs, around = ", float[b, 3, h, w] around", _EVIDENCE
        initializers = (
            ",\n int64[2] one_each = {1, 1}, int64[3] flat_pixels = {0, 3, -1},"
            " int64[3] three_times = {1, 3, 1}"
        )
    if description["rescoring"] is not None:
        rescoring = _RESCORING
        initializers += _weights([description["rescoring"][name] for name in CATEGORIES])
    return Template(_AFTER).substitute(
        inputs=inputs,
        initializers=initializers,
        around=around,
        rescoring=rescoring,
        count=description["max_detections"],
        stride=description["output_stride"],
        radius=description["suppress_px"],
    )


def _weights(rescoring: list[list[float]]) -> str:
    """Initializers of the rescoring, see dimjax.detection.rescoring."""
    intercepts = [weights[0] for weights in rescoring]
    others = [value for weights in rescoring for value in weights[1:]]
    numbers = {
        "smallest_score": EPSILON,
        "largest_score": 1 - EPSILON,
        "largest_probability": 1,
        "max_strength": MAX_STRENGTH,
        "min_clutter": CLUTTER_RANGE[0],
        "max_clutter": CLUTTER_RANGE[1],
        "calm_clutter": CALM[0],
        "min_spread": SPREAD_RANGE[0],
        "max_spread": SPREAD_RANGE[1],
        "calm_spread": CALM[1],
        "min_score": MIN_SCORE,
    }
    texts = [
        f"float[1, 2, 1] intercepts = {{{', '.join(map(repr, intercepts))}}}",
        f"float[1, 2, 5] weights = {{{', '.join(map(repr, others))}}}",
        "int64[3] each_of_three = {1, 1, 1}",
        *(f"float {name} = {{{value}}}" for name, value in numbers.items()),
    ]
    return ",\n " + ",\n ".join(texts)
