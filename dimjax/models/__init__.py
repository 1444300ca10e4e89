"""The six backbones of the paper's Table 2 and the detector that is built on them.

In: [B, H, W, C]. Out: [B, H/s, W/s, 7] = x, y, w, h, confidence, target, interference.

    detector = create_detector("darknet19", width=1.0, output_stride=8)
    variables = detector.init(key, chips, train=False)
    outputs = detector.apply(variables, chips, train=False)
"""

from dimjax.models.darknet import DarkNet19
from dimjax.models.detector import BACKBONES, OUTPUT_STRIDES, OUTPUTS, Detector, create_detector
from dimjax.models.efficientnet import EfficientNetB0
from dimjax.models.googlenet import GoogLeNet
from dimjax.models.mobilenet import MobileNet
from dimjax.models.resnet import ResNet18
from dimjax.models.squeezenet import SqueezeNet

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
