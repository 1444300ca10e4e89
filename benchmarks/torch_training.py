"""The training step in PyTorch, for the networks of torch_networks: the rival in training.py.

It does the same work as a step of dimjax: it gathers chips in memory, takes their differences,
normalises them, assigns labels to cells, and computes network, loss and AdamW. Channels last.

    step = make_step(network, chips, stride=8, a=1.0, b=1.0, compiled=False)
    losses = step(index)                                # [B], total loss of each chip
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from dimjax.chips.examples import Examples


def make_step(
    network: nn.Module, examples: Examples, stride: int, a: float, b: float, compiled: bool
) -> Callable[[np.ndarray], torch.Tensor]:
    """Create a step on the examples of an index [B]; it updates the network in place."""
    network.train().to(memory_format=torch.channels_last)
    optimizer = _adamw(network)
    frames = torch.from_numpy(examples.frames.astype(np.int32))
    scale, boxes = torch.from_numpy(examples.scale), torch.from_numpy(examples.boxes)
    category = torch.from_numpy(examples.category.astype(np.int64))

    def losses(frames, scale, boxes, category):
        frames = frames.float()
        sigmas = (frames[:, :1] - frames[:, 1:]) / scale[:, 1, None, None, None]
        images = torch.asinh(sigmas).contiguous(memory_format=torch.channels_last)
        return detection_loss(network(images), boxes, category, stride, a, b)

    if compiled:
        torch.compiler.reset()  # earlier networks count towards the limit of recompilations
        losses = torch.compile(losses, fullgraph=True, dynamic=False)

    def step(index: np.ndarray) -> torch.Tensor:
        chosen = torch.from_numpy(index)
        total = losses(frames[chosen], scale[chosen], boxes[chosen], category[chosen])
        optimizer.zero_grad()
        total.mean().backward()
        optimizer.step()
        return total.detach()

    return step


def detection_loss(outputs, boxes, category, stride: int, a: float, b: float) -> torch.Tensor:
    """Compute dimjax.training.losses in PyTorch, for chips with at most one label.

    Args:
      outputs: [B, 7, h, w].
      boxes: [B, 1, 4] x, y, w, h, pixels.
      category: [B, 1] 0 target, 1 interference, -1 no label.
      stride: Output stride, pixels.
      a: Weight of the location in Eq. (2).
      b: Weight of the classification in Eq. (2).

    Returns:
      Total loss of each chip, [B].
    """
    boxes, category = boxes[:, 0], category[:, 0]
    exists = (category >= 0).float()
    cell = (boxes[:, :2] / stride).floor()
    size = torch.where(exists[:, None] > 0, boxes[:, 2:], 1.0)
    location = torch.cat([boxes[:, :2] / stride - cell - 0.5, torch.log(size / stride)], dim=1)
    columns = outputs.shape[3]
    index = (cell[:, 1] * columns + cell[:, 0]).long()
    cells = outputs.flatten(2)
    at_label = cells.gather(2, index[:, None, None].expand(-1, 7, 1))[..., 0]
    distance = F.huber_loss(at_label[:, :4], location, reduction="none").sum(1)
    one_hot = F.one_hot(category.clamp(min=0), 2).float()
    entropy = F.binary_cross_entropy_with_logits(at_label[:, 5:], one_hot, reduction="none").sum(1)
    filled = torch.zeros_like(cells[:, 4]).scatter(1, index[:, None], exists[:, None])
    confidence = F.binary_cross_entropy_with_logits(cells[:, 4], filled, reduction="none").sum(1)
    return a * exists * distance + b * (confidence + exists * entropy)


def _adamw(network: nn.Module) -> torch.optim.AdamW:
    """Create the optimiser of dimjax.training.steps, with weight decay of kernels only."""
    parameters = list(network.parameters())
    kernels = [values for values in parameters if values.ndim > 1]
    others = [values for values in parameters if values.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": 1e-2}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, fused=True)
