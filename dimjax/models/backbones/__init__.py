"""Backbones: the six published networks of the paper's Table 2, one module each.

All are instances of `Backbone`: [B, H, W, C] -> features [B, H/s, W/s, F]. With `classes` they
return class logits [B, classes], which the tests use to compare parameter counts with the
publications. Dropout, stochastic depth and auxiliary classifiers are left out.

    net = BACKBONES["resnet18"](width=0.5, output_stride=8)
    variables = net.init(key, image, train=False)
    features = net.apply(variables, image, train=False)     # [B, H/8, W/8, 64]
"""

from dimjax.models.backbones.base import Backbone
from dimjax.models.backbones.darknet import DarkNet19
from dimjax.models.backbones.efficientnet import EfficientNetB0
from dimjax.models.backbones.googlenet import GoogLeNet
from dimjax.models.backbones.mobilenet import MobileNet
from dimjax.models.backbones.resnet import ResNet18
from dimjax.models.backbones.squeezenet import SqueezeNet

BACKBONES = {
    "darknet19": DarkNet19,
    "resnet18": ResNet18,
    "googlenet": GoogLeNet,
    "squeezenet": SqueezeNet,
    "mobilenet": MobileNet,
    "efficientnet_b0": EfficientNetB0,
}

__all__ = [
    "BACKBONES",
    "Backbone",
    "DarkNet19",
    "EfficientNetB0",
    "GoogLeNet",
    "MobileNet",
    "ResNet18",
    "SqueezeNet",
]
