"""Operations of the networks, written so that XLA compiles them to fast code on a CPU.

Features are [B, H, W, C], padding is SAME. One module holds an operation with all its forms:

- convolution: `convolve` for training, `linen_convolution` for detection and export.
- depthwise: depthwise convolution as shifted multiply-adds, with its own gradient.
- pooling: `max_pool` and `window_mean`.
- concatenation: `concatenate` along the channels.
- batch_norm: `normalize`, batch normalisation in training, with its own gradient.
- export_forms: `for_export` selects the forms that map to single ONNX operators.

    y = max_pool(depthwise(x, kernel, stride=1), 3, 2)
    with for_export():
        y = max_pool(x, 3, 2)                           # traced as one pooling operator
"""
