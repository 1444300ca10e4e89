"""Templates of the ONNX nodes that compute the motion evidence; see dimjax.export.evidence_graph.

Names of values in a pass over the background: a, d and r are the gradients across and down and the
residual, limited and padded to whole blocks; two letters are a product, and mean_ is a mean over
the box around each block.
"""

FILTER = """
    frame_size = Shape<start = 2>(window)
    window_size = Shape(window)
    above_level = Sub(window, level)
    unfiltered = Div(above_level, sigma)
    image_size = Concat<axis = 0>(any_channel, frame_size)
    unfiltered_images = Reshape(unfiltered, image_size)
    filtered_down = Conv<pads = [$reach, 0, $reach, 0]>(unfiltered_images, taps_down)
    filtered_images = Conv<pads = [0, $reach, 0, $reach]>(filtered_down, taps_across)
    filtered = Reshape(filtered_images, window_size)
    negative_frame_size = Neg(frame_size)
    one_image_size = Concat<axis = 0>(one_channel, frame_size)
    ones_image = Expand(one_pixel, one_image_size)
    fit_missing = Mod(negative_frame_size, fit_px)
    fit_pads = Concat<axis = 0>(no_pads, fit_missing)
    fit_ones = Pad(ones_image, fit_pads)
    fit_ones_blocks = Conv<strides = $fit_strides>(fit_ones, fit_block)
    fit_pixels = Conv<pads = $fit_margins>(fit_ones_blocks, fit_box)
    rms_missing = Mod(negative_frame_size, rms_px)
    rms_pads = Concat<axis = 0>(no_pads, rms_missing)
    rms_ones = Pad(ones_image, rms_pads)
    rms_ones_blocks = Conv<strides = $rms_strides>(rms_ones, rms_block)
    rms_pixels = Conv<pads = $rms_margins>(rms_ones_blocks, rms_box)
"""

# What follows, up to the sums, is repeated for each velocity band.
FRAMES_OF_BAND = """
    aligned0 = Gather<axis = 1>(filtered, band_frames)
"""

# One pass of still_residuals: $p is its number, $next the number after it.
PASS = """
    sum$p = ReduceSum(aligned$p, frame_axis)
    largest_value$p = ReduceMax(aligned$p, frame_axis)
    smallest_value$p = ReduceMin(aligned$p, frame_axis)
    below_largest$p = Sub(sum$p, largest_value$p)
    between$p = Sub(below_largest$p, smallest_value$p)
    still$p = Div(between$p, inner_frames)
    unfitted$p = Sub(aligned$p, still$p)
    bordered_columns$p = Pad<mode = "edge">(still$p, column_border)
    right$p = Slice(bordered_columns$p, from_third, to_end, column_axis)
    left$p = Slice(bordered_columns$p, from_first, to_third_last, column_axis)
    across_twice$p = Sub(right$p, left$p)
    across$p = Mul(across_twice$p, half_step)
    bordered_rows$p = Pad<mode = "edge">(still$p, row_border)
    lower$p = Slice(bordered_rows$p, from_third, to_end, row_axis)
    upper$p = Slice(bordered_rows$p, from_first, to_third_last, row_axis)
    down_twice$p = Sub(lower$p, upper$p)
    down$p = Mul(down_twice$p, half_step)
    limited$p = Clip(unfitted$p, minus_fit_limit, fit_limit)
    a$p = Pad(across$p, fit_pads)
    d$p = Pad(down$p, fit_pads)
    r$p = Pad(limited$p, fit_pads)
    aa$p = Mul(a$p, a$p)
    dd$p = Mul(d$p, d$p)
    ad$p = Mul(a$p, d$p)
    ra$p = Mul(r$p, a$p)
    rd$p = Mul(r$p, d$p)
    $means
    mean_a_squared$p = Mul(mean_a$p, mean_a$p)
    mean_d_squared$p = Mul(mean_d$p, mean_d$p)
    mean_a_mean_d$p = Mul(mean_a$p, mean_d$p)
    mean_r_mean_a$p = Mul(mean_r$p, mean_a$p)
    mean_r_mean_d$p = Mul(mean_r$p, mean_d$p)
    sample_var_a$p = Sub(mean_aa$p, mean_a_squared$p)
    sample_var_d$p = Sub(mean_dd$p, mean_d_squared$p)
    var_a$p = Add(sample_var_a$p, min_variance)
    var_d$p = Add(sample_var_d$p, min_variance)
    cov_ad$p = Sub(mean_ad$p, mean_a_mean_d$p)
    cov_ra$p = Sub(mean_ra$p, mean_r_mean_a$p)
    cov_rd$p = Sub(mean_rd$p, mean_r_mean_d$p)
    var_product$p = Mul(var_a$p, var_d$p)
    cov_squared$p = Mul(cov_ad$p, cov_ad$p)
    determinant$p = Sub(var_product$p, cov_squared$p)
    x_first$p = Mul(var_d$p, cov_ra$p)
    x_second$p = Mul(cov_ad$p, cov_rd$p)
    x_numerator$p = Sub(x_first$p, x_second$p)
    x$p = Div(x_numerator$p, determinant$p)
    y_first$p = Mul(var_a$p, cov_rd$p)
    y_second$p = Mul(cov_ad$p, cov_ra$p)
    y_numerator$p = Sub(y_first$p, y_second$p)
    y$p = Div(y_numerator$p, determinant$p)
    x_mean$p = Mul(x$p, mean_a$p)
    y_mean$p = Mul(y$p, mean_d$p)
    without_x$p = Sub(mean_r$p, x_mean$p)
    offset$p = Sub(without_x$p, y_mean$p)
    $fields
    x_motion$p = Mul(x_field$p, across$p)
    y_motion$p = Mul(y_field$p, down$p)
    motion$p = Sum(x_motion$p, y_motion$p, offset_field$p)
    residual$p = Sub(unfitted$p, motion$p)
    aligned$next = Add(still$p, residual$p)
"""
BOX_MEAN = """
    blocks_$value = Conv<group = $group, strides = $fit_strides>($value, $block)
    boxes_$value = Conv<group = $group, pads = $fit_margins>(blocks_$value, $box)
    mean_$value = Div(boxes_$value, fit_pixels)
"""
FIELD = """
    wide_$value = Resize<mode = "linear">($value, no_region, fit_scales)
    ${name}_field$p = Slice(wide_$value, frame_origin, frame_size, rows_columns)
"""

LOCAL_SIGMAS = """
    scaled = Mul(residual$last, gain)
    clipped = Clip(scaled, minus_rms_limit, rms_limit)
    squares = Mul(clipped, clipped)
    padded_squares = Pad(squares, rms_pads)
    rms_blocks = Conv<group = $frames, strides = $rms_strides>(padded_squares, rms_block_frames)
    rms_sums = Conv<group = $frames, pads = $rms_margins>(rms_blocks, rms_box_frames)
    mean_square = Div(rms_sums, rms_pixels)
    rms = Sqrt(mean_square)
    local_sigma = Max(rms, one_sigma)
    wide_sigma = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric",
        nearest_mode = "floor">(local_sigma, no_region, rms_scales)
    pixel_sigma = Slice(wide_sigma, frame_origin, frame_size, rows_columns)
    local = Div(scaled, pixel_sigma)
    limited_local = Clip(local, minus_clip, clip)
    in_steps = Div(limited_local, step)
    steps = Round(in_steps)
"""

BANK = """
    padded_steps = Pad(steps, path_margins)
    no_sum = Mul(still0, zero_sum)
    slice_size = Concat<axis = 0>(one_frame, frame_size)
    largest, smallest = Loop(paths, always, no_sum, no_sum) <body = add_path
        (int64 path, bool going, float[b, 1, h, w] largest_old, float[b, 1, h, w] smallest_old)
        => (bool goes_on, float[b, 1, h, w] largest_new, float[b, 1, h, w] smallest_new)
    {
        corners_of_path = Gather(corners, path)
        $starts = Split<axis = 0>(corners_of_path, corner_sizes)
        $slices
        total = Sum($parts)
        largest_new = Max(largest_old, total)
        smallest_new = Min(smallest_old, total)
        goes_on = Identity(going)
    }>
"""
SLICE = """
        stop$k = Add(start$k, slice_size)
        part$k = Slice(padded_steps, start$k, stop$k, slice_axes)"""

SUMS = """
    bright = Mul(largest, unit)
    dark = Mul(smallest, minus_unit)
"""

CHANNELS = """
    reference = Slice(local, reference_of_band, after_reference_of_band, frame_axis)
    raw_reference = Slice(unfiltered, reference_frame, after_reference, frame_axis)
    bordered_reference = Pad<mode = "edge">(raw_reference, contrast_border)
    reference_mean = AveragePool<kernel_shape = [$contrast, $contrast]>(bordered_reference)
    contrast = Sub(raw_reference, reference_mean)
    maps = Concat<axis = 1>($sums)
    evidence = Transpose<perm = [0, 2, 3, 1]>(maps)
"""
