"""The six backbones of the paper's Table 2 and the detector that is built on them.

In: [B, H, W, C]. Out: [B, H/s, W/s, 7] = x, y, w, h, confidence, target, interference.

    detector = create_detector("darknet19", width=1.0, output_stride=8)
    variables = detector.init(key, chips, train=False)
    outputs = detector.apply(variables, chips, train=False)
"""

from dimjax.models.backbones.darknet import DarkNet19
from dimjax.models.backbones.efficientnet import EfficientNetB0
from dimjax.models.backbones.googlenet import GoogLeNet
from dimjax.models.backbones.mobilenet import MobileNet
from dimjax.models.backbones.resnet import ResNet18
from dimjax.models.backbones.squeezenet import SqueezeNet
from dimjax.models.detector import BACKBONES, OUTPUT_STRIDES, OUTPUTS, Detector, create_detector

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
