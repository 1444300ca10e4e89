"""Models: the six backbones of the paper's Table 2 and the detector that is built on them.

- detector: a backbone with the detection head; BACKBONES and `create_detector`.
- backbones: one module for each published network.
- layers, ops: layers that they share; operations in the forms that XLA compiles to fast code.
- batch_norm_fusion: a network in evaluation mode with its batch norms fused into convolutions.

Detectors map images [B, H, W, C] to [B, H/s, W/s, 7] = x, y, w, h, confidence, target,
interference.

    detector = create_detector("darknet19", width=1.0, output_stride=8)
    variables = detector.init(key, chips, train=False)
    outputs = detector.apply(variables, chips, train=False)
"""

from dimjax.models.backbones import (
    BACKBONES,
    DarkNet19,
    EfficientNetB0,
    GoogLeNet,
    MobileNet,
    ResNet18,
    SqueezeNet,
)
from dimjax.models.detector import OUTPUT_STRIDES, OUTPUTS, Detector, create_detector

__all__ = [
    "BACKBONES",
    "OUTPUTS",
    "OUTPUT_STRIDES",
    "DarkNet19",
    "Detector",
    "EfficientNetB0",
    "GoogLeNet",
    "MobileNet",
    "ResNet18",
    "SqueezeNet",
    "create_detector",
]
