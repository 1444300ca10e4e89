"""The six detectors in PyTorch, with the weights of a dimjax detector: the rival in benchmarks.

Layers, channels and names are those of dimjax.models. Padding is symmetric, as usual in PyTorch.
Networks with convolutions of stride 2 therefore have other outputs, at the same cost; those of
DarkNet-19, which has none, are equal.

    network = torch_detector(description, variables)       # images [B, C, H, W] -> [B, 7, h, w]
"""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from dimjax.detection.detector import create_model, input_channels
from dimjax.models import OUTPUTS
from dimjax.models.backbones import darknet, efficientnet, googlenet, mobilenet, resnet, squeezenet
from dimjax.models.layers import scaled_channels, stages_up_to

_leaky_relu = partial(F.leaky_relu, negative_slope=0.1)
_max_pool = partial(F.max_pool2d, kernel_size=3, stride=2, padding=1)


def torch_detector(description: dict, variables: dict) -> nn.Module:
    """Create the network of a description with these variables, in evaluation mode."""
    width, stride = description["width"], description["output_stride"]
    skipped = create_model(description).skipped_channels
    head_channels = variables["params"]["outputs"]["kernel"].shape[2] - 2 * skipped
    make = {
        "darknet19": _DarkNet19,
        "resnet18": _ResNet18,
        "googlenet": _GoogLeNet,
        "squeezenet": _SqueezeNet,
        "mobilenet": _MobileNet,
        "efficientnet_b0": partial(_EfficientNetB0, context_px=description["context_px"]),
    }[description["backbone"]]
    backbone = make(input_channels(description), width, stride)
    network = _Detector(backbone, head_channels, stride, skipped)
    _load(network, variables)
    return network.eval()


class _Detector(nn.Module):
    def __init__(self, backbone, head_channels, stride, skipped):
        super().__init__()
        self.backbone, self.stride, self.skipped = backbone, stride, skipped
        inputs = backbone.out + 2 * skipped
        self.head = _ConvNorm(inputs, head_channels, 3, activation=_leaky_relu)
        self.outputs = nn.Conv2d(head_channels + 2 * skipped, len(OUTPUTS), 1)

    def forward(self, x):
        if not self.skipped:  # PyTorch pools no empty tensors
            return self.outputs(self.head(self.backbone(x)))
        skipped = x[:, x.shape[1] - self.skipped :]
        extremes = F.max_pool2d(torch.cat([skipped, -skipped], 1), self.stride)
        features = self.head(torch.cat([self.backbone(x), extremes], 1))
        return self.outputs(torch.cat([features, extremes], 1))


class _ConvNorm(nn.Module):
    """Convolution, batch norm and activation; depthwise if `groups` is the number of channels."""

    def __init__(
        self, inputs, outputs, kernel=3, stride=1, activation=F.relu, epsilon=1e-5, groups=1
    ):
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs, epsilon)
        self.activation = activation

    def forward(self, x):
        x = self.norm(self.conv(x))
        return x if self.activation is None else self.activation(x)


class _Backbone(nn.Module):
    """Layers applied in the order of `self.steps`: names of modules, or functions."""

    def forward(self, x):
        for step in self.steps:
            x = getattr(self, step)(x) if isinstance(step, str) else step(x)
        return x

    def _add(self, name, module, out):
        setattr(self, name, module)
        self.steps.append(name)
        self.out = out


class _DarkNet19(_Backbone):
    def __init__(self, inputs, width, output_stride):
        super().__init__()
        self.steps, self.out, number = [], inputs, 0
        for stride, rows in stages_up_to(output_stride, darknet.STAGES).items():
            if stride > 1:
                self.steps.append(partial(F.max_pool2d, kernel_size=2))
            for filters, kernel in rows:
                number, out = number + 1, scaled_channels(filters, width)
                layer = _ConvNorm(self.out, out, kernel, activation=_leaky_relu)
                self._add(f"conv{number}", layer, out)


class _ResNet18(_Backbone):
    def __init__(self, inputs, width, output_stride):
        super().__init__()
        self.steps, out = [], scaled_channels(64, width)
        self._add("conv1", _ConvNorm(inputs, out, 7, 2), out)
        self.steps.append(_max_pool)
        stages = stages_up_to(output_stride, resnet.STAGES)
        for stage, (stride, rows) in enumerate(stages.items(), start=2):
            for index, filters in enumerate(rows):
                step, out = 2 if index == 0 and stride > 4 else 1, scaled_channels(filters, width)
                self._add(f"conv{stage}_{index + 1}", _BasicBlock(self.out, out, step), out)


class _BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = _ConvNorm(inputs, outputs, 3, stride)
        self.second = _ConvNorm(outputs, outputs, 3, activation=None)
        if stride > 1 or inputs != outputs:
            self.projection = _ConvNorm(inputs, outputs, 1, stride, activation=None)

    def forward(self, x):
        shortcut = self.projection(x) if hasattr(self, "projection") else x
        return F.relu(shortcut + self.second(self.first(x)))


class _GoogLeNet(_Backbone):
    def __init__(self, inputs, width, output_stride):
        super().__init__()
        conv, self.steps = partial(_ConvNorm, epsilon=1e-3), []
        first, last = scaled_channels(64, width), scaled_channels(192, width)
        self._add("conv1", conv(inputs, first, 7, 2), first)
        self.steps.append(_max_pool)
        self._add("conv2_reduce", conv(first, first, 1), first)
        self._add("conv2", conv(first, last, 3), last)
        for stride, modules in stages_up_to(output_stride, googlenet.STAGES).items():
            small = partial(F.max_pool2d, kernel_size=2)
            self.steps.append(small if stride == 32 else _max_pool)
            for name, filters in modules.items():
                scaled = [scaled_channels(count, width) for count in filters]
                out = scaled[0] + scaled[2] + scaled[4] + scaled[5]
                self._add(f"inception{name}", _Inception(self.out, scaled), out)


class _Inception(nn.Module):
    def __init__(self, inputs, filters):
        super().__init__()
        conv = partial(_ConvNorm, epsilon=1e-3)
        one, three_reduce, three, five_reduce, five, pooled = filters
        layers = {
            "1x1": conv(inputs, one, 1),
            "3x3_reduce": conv(inputs, three_reduce, 1),
            "3x3": conv(three_reduce, three, 3),
            "5x5_reduce": conv(inputs, five_reduce, 1),
            "5x5": conv(five_reduce, five, 3),
            "pool_proj": conv(inputs, pooled, 1),
        }
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        layers = dict(self.named_children())
        pooled = F.max_pool2d(x, 3, 1, 1)
        branches = [
            layers["1x1"](x),
            layers["3x3"](layers["3x3_reduce"](x)),
            layers["5x5"](layers["5x5_reduce"](x)),
            layers["pool_proj"](pooled),
        ]
        return torch.cat(branches, dim=1)


class _SqueezeNet(_Backbone):
    def __init__(self, inputs, width, output_stride):
        super().__init__()
        self.steps, out = [], scaled_channels(96, width)
        self._add("conv1", nn.Conv2d(inputs, out, 7, 2, 3), out)
        self.steps.append(F.relu)
        for fires in stages_up_to(output_stride, squeezenet.STAGES).values():
            self.steps.append(_max_pool)
            for name, filters in fires.items():
                scaled = [scaled_channels(count, width) for count in filters]
                self._add(name, _Fire(self.out, scaled), scaled[1] + scaled[2])
        if output_stride == 32:
            self.steps.append(_max_pool)


class _Fire(nn.Module):
    def __init__(self, inputs, filters):
        super().__init__()
        squeeze, expand1, expand3 = filters
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand1, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand3, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class _MobileNet(_Backbone):
    def __init__(self, inputs, width, output_stride):
        super().__init__()
        conv, self.steps, number = partial(_ConvNorm, epsilon=1e-3), [], 0
        first = scaled_channels(32, width)
        self._add("conv1", conv(inputs, first, 3, 2), first)
        for stride, rows in stages_up_to(output_stride, mobilenet.STAGES).items():
            for index, filters in enumerate(rows):
                number, out = number + 1, scaled_channels(filters, width)
                step = 2 if index == 0 and stride > 2 else 1
                deep = conv(self.out, self.out, 3, step, groups=self.out)
                self._add(f"depthwise{number}", deep, self.out)
                self._add(f"pointwise{number}", conv(self.out, out, 1), out)


class _EfficientNetB0(_Backbone):
    def __init__(self, inputs, width, output_stride, context_px):
        super().__init__()
        conv, self.steps = partial(_ConvNorm, epsilon=1e-3, activation=F.silu), []
        first = scaled_channels(32, width)
        self._add("stem", conv(inputs, first, 3, 2), first)
        for stride, rows in stages_up_to(output_stride, efficientnet.STAGES).items():
            cells = None if context_px is None else context_px // stride
            blocks = [row[:3] for row in rows for _ in range(row[3])]
            for index, (expansion, kernel, filters) in enumerate(blocks):
                step, out = 2 if index == 0 and stride > 2 else 1, scaled_channels(filters, width)
                block = _MBConv(self.out, out, expansion, kernel, step, cells)
                self._add(f"stride{stride}_block{index + 1}", block, out)
        if output_stride == 32:
            last = scaled_channels(1280, width)
            self._add("top", conv(self.out, last, 1), last)


class _MBConv(nn.Module):
    def __init__(self, inputs, outputs, expansion, kernel, stride, cells):
        super().__init__()
        conv, wide = partial(_ConvNorm, epsilon=1e-3, activation=F.silu), expansion * inputs
        if expansion > 1:
            self.expand = conv(inputs, wide, 1)
        self.depthwise = conv(wide, wide, kernel, stride, groups=wide)
        self.excite = _Excitation(wide, inputs // 4, cells)
        self.project = conv(wide, outputs, 1, activation=None)
        self.same = stride == 1 and inputs == outputs

    def forward(self, x):
        y = self.expand(x) if hasattr(self, "expand") else x
        y = self.project(self.excite(self.depthwise(y)))
        return x + y if self.same else y


class _Excitation(nn.Module):
    def __init__(self, inputs, squeezed, cells):
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(inputs, squeezed, 1), nn.Conv2d(squeezed, inputs, 1)
        self.radius = None if cells is None else max(cells - 1, 0) // 2

    def forward(self, x):
        if self.radius is None:
            mean = x.mean((2, 3), keepdim=True)
        else:  # one axis after the other, as in dimjax
            size, pad = 2 * self.radius + 1, self.radius
            mean = F.avg_pool2d(x, (size, 1), 1, (pad, 0), count_include_pad=False)
            mean = F.avg_pool2d(mean, (1, size), 1, (0, pad), count_include_pad=False)
        return x * torch.sigmoid(self.expand(F.silu(self.reduce(mean))))


def _load(network: nn.Module, variables: dict) -> None:
    """Copy variables into the modules of the same names."""
    state = {}
    for tree in (variables["params"], variables["batch_stats"]):
        _flatten(tree, (), state)
    state = {name: torch.from_numpy(np.array(values)) for name, values in state.items()}
    missing, unexpected = network.load_state_dict(state, strict=False)
    counters = [name for name in missing if name.endswith("num_batches_tracked")]
    assert missing == counters and not unexpected, (missing, unexpected)


_NAMES = {"Conv_0": "conv", "BatchNorm_0": "norm", "scale": "weight", "mean": "running_mean",
          "var": "running_var"}  # fmt: skip


def _flatten(tree: dict, path: tuple, state: dict) -> None:
    for key, value in tree.items():
        if isinstance(value, dict):
            _flatten(value, (*path, _NAMES.get(key, key)), state)
        elif key == "kernel":
            is_depthwise = "BatchNorm_0" in tree  # its kernel is beside the norm
            name = ".".join((*path, *(["conv"] if is_depthwise else []), "weight"))
            state[name] = np.transpose(value, (3, 2, 0, 1))
        else:
            state[".".join((*path, _NAMES.get(key, key)))] = value
