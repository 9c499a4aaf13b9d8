"""The network that guesses where the product is: a small residual encoder with a pyramid decoder. Needs torch.

Found by measuring: full 3 × 3 convolutions that start at a quarter of the size learn more per second on a CPU than
depthwise ones at half of it, and answer as fast. Lateral sums as in T.-Y. Lin et al., "Feature Pyramid
Networks" (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 32


@dataclass(frozen=True)
class Shape:
    """Channels at 1/4, 1/8, 1/16 and 1/32 of the size, residual blocks at each, and channels of the half-size head."""

    channels: tuple[int, ...] = (32, 48, 80, 112)
    blocks: tuple[int, ...] = (1, 2, 2, 3)
    head: int = 16


# Depth at a sixteenth of the size costs weights but hardly time. "wide" ships; "teacher" is too large for that, and
# labels photos and teaches.
DESIGNS = {
    "first": Shape(),
    "deep": Shape((24, 48, 96, 128), (1, 2, 3, 3)),
    "wide": Shape((32, 56, 96, 128), (1, 2, 3, 3)),
    "teacher": Shape((64, 128, 256, 384), (2, 3, 4, 4), 32),
}


class Convolution(nn.Sequential):
    """3 × 3 (or other) convolution, batch norm and, unless told otherwise, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, stride: int = 1, *, active: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if active else []))


class Residual(nn.Module):
    """Two convolutions beside the identity (K. He et al., 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels)
        self.second = Convolution(channels, channels, active=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = F.relu(x + self.second(self.first(x)))
        return out


class SalientNetwork(nn.Module):
    """N × 5 × H × W (see `gpu_worker.models.salient.prepared`), sides multiples of 32, to logits N × 1 × H/2 × W/2."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or Shape()
        c, n = shape.channels, shape.blocks
        self.entry = Convolution(5, shape.head, stride=2)
        self.stem = nn.Sequential(
            Convolution(shape.head, c[0], stride=2), *(Residual(c[0]) for _ in range(n[0]))
        )
        self.down = nn.ModuleList(
            nn.Sequential(Convolution(c[i - 1], c[i], stride=2), *(Residual(c[i]) for _ in range(n[i])))
            for i in range(1, len(c))
        )
        self.everywhere = nn.Conv2d(c[-1], c[-1], 1)
        self.lateral = nn.ModuleList(nn.Conv2d(deep, shallow, 1) for shallow, deep in pairwise(c))
        self.fuse = nn.ModuleList(Residual(width) for width in c[:-1])
        self.sharpen = Convolution(c[0] + shape.head, shape.head)
        self.answer = nn.Conv2d(shape.head, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        half = self.entry(x)
        levels = [self.stem(half)]
        for down in self.down:
            levels.append(down(levels[-1]))
        y = levels[-1]
        # What the whole photo holds, told to every place: a small product is only small beside the rest.
        y = y + self.everywhere(y.mean((2, 3), keepdim=True))
        for index in range(len(levels) - 2, -1, -1):
            y = self.fuse[index](levels[index] + _doubled(self.lateral[index](y)))
        out: Tensor = self.answer(self.sharpen(torch.cat([_doubled(y), half], dim=1)))
        return out


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def parameters(network: nn.Module) -> int:
    """How many weights it has."""
    return sum(p.numel() for p in network.parameters())
