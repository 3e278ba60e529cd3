# SPDX-License-Identifier: Apache-2.0
"""An architecture's forward pass in PyTorch, with weights from a store; see architecture.Layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import sqrt
from typing import Protocol

import torch
from torch.nn import functional as F

from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.window import Pair, resolve_padding
from mcuforge.nas.architecture import Architecture, Layers, Task, lay
from mcuforge.nas.training.weights import Shapes, Store

EPSILON = 1e-5  # of a batch normalization
EPSILON_TOKENS = 1e-6  # of a LayerNorm, as the compiler's graph has it
ONE: Pair = (1, 1)


class Rounding(Protocol):
    """Rounds weights and activations as the int8 network will; see fake_quant."""

    def weight(self, name: str, w: torch.Tensor) -> torch.Tensor:
        """Round weights, each slice of the first axis by its own scale."""
        ...

    def constant(self, name: str, w: torch.Tensor) -> torch.Tensor:
        """Round what is neither a matrix nor a bias, by one scale."""
        ...

    def activation(
        self, name: str, x: torch.Tensor, bounds: tuple[float, float] | None = None
    ) -> torch.Tensor:
        """Round an activation; `bounds`: its range, where that does not depend on the data."""
        ...


@dataclass
class BatchNorms:
    """Means and variances of batch normalizations, by layer.

    `fixed` None: each batch's own, as in training. `collected`: sums of means, of squares, and
    their number, when `collect` is set.
    """

    fixed: dict[str, tuple[torch.Tensor, torch.Tensor]] | None = None
    collect: bool = False
    collected: dict[str, tuple[torch.Tensor, torch.Tensor, int]] = field(default_factory=dict)

    def apply(
        self, name: str, x: torch.Tensor, gain: torch.Tensor, shift: torch.Tensor
    ) -> torch.Tensor:
        """Normalize (n, channels, rows, columns)."""
        if self.fixed is not None:
            mean, variance = self.fixed[name]
            return F.batch_norm(x, mean, variance, gain, shift, eps=EPSILON)
        if self.collect:
            mean, square = x.mean((0, 2, 3)), (x * x).mean((0, 2, 3))
            before = self.collected.get(name, (torch.zeros_like(mean), torch.zeros_like(mean), 0))
            self.collected[name] = (before[0] + mean, before[1] + square, before[2] + 1)
        return F.batch_norm(x, None, None, gain, shift, training=True, eps=EPSILON)

    def calibrated(self) -> BatchNorms:
        """Fixed normalizations by what was collected."""
        fixed = {}
        for name, (mean, square, count) in self.collected.items():
            mean, square = mean / count, square / count
            fixed[name] = (mean, (square - mean * mean).clamp_min(0))
        return BatchNorms(fixed)


def forward(
    store: Store,
    architecture: Architecture,
    x: torch.Tensor,
    classes: int,
    norms: BatchNorms | None,
    rounding: Rounding | None = None,
) -> torch.Tensor:
    """Logits (n, classes) of inputs (n, channels, rows, columns).

    `norms` None: convolutions have a bias, which batch normalizations were folded into.
    """
    layers: Layers[torch.Tensor] = TorchLayers(store, norms, rounding)
    if rounding is not None:
        x = rounding.activation("input", x)
    return lay(layers, architecture, x, classes)


def shapes_of(architectures: Iterable[Architecture], task: Task) -> Shapes:
    """The weights that hold any of these architectures; about 3 ms for each.

    PyTorch runs them on an empty batch, which is 60 times faster than its device `meta`.
    """
    shapes = Shapes({})
    rows, columns, channels = task.image
    x = torch.empty((0, channels, rows, columns))
    with torch.no_grad():
        for architecture in architectures:
            forward(shapes, architecture, x, task.classes, NoNorms())
    return shapes


class NoNorms(BatchNorms):
    """Leaves everything as it is: an empty batch has neither mean nor variance."""

    def apply(
        self, name: str, x: torch.Tensor, gain: torch.Tensor, shift: torch.Tensor
    ) -> torch.Tensor:
        """Return `x`."""
        return x


class TorchLayers:
    """Runs layers at once; images are (n, channels, rows, columns), tokens (n, count, width)."""

    def __init__(self, store: Store, norms: BatchNorms | None, rounding: Rounding | None) -> None:
        self._store = store
        self._norms = norms
        self._rounding = rounding
        self._count = 0

    def shape(self, x: torch.Tensor) -> tuple[int, ...]:
        if x.dim() == 4:
            return (x.shape[2], x.shape[3], x.shape[1])
        return tuple(x.shape[1:])

    def conv(
        self, name: str, x: torch.Tensor, filters: int, kernel: Pair, stride: Pair, act: Activation
    ) -> torch.Tensor:
        weight = self._store.take(f"{name}.weight", (filters, x.shape[1], *kernel), "conv")
        return self._convolved(name, x, weight, stride, act, same=True)

    def depthwise(
        self, name: str, x: torch.Tensor, kernel: Pair, stride: Pair, act: Activation
    ) -> torch.Tensor:
        weight = self._store.take(f"{name}.weight", (x.shape[1], 1, *kernel), "conv")
        return self._convolved(name, x, weight, stride, act, same=True)

    def patches(self, name: str, x: torch.Tensor, filters: int, side: Pair) -> torch.Tensor:
        weight = self._store.take(f"{name}.weight", (filters, x.shape[1], *side), "conv")
        return self._convolved(name, x, weight, side, "none", same=False)

    def _convolved(
        self,
        name: str,
        x: torch.Tensor,
        weight: torch.Tensor,
        stride: Pair,
        act: Activation,
        *,
        same: bool,
    ) -> torch.Tensor:
        """Convolve, normalize, and apply ReLU where asked."""
        filters, kernel = weight.shape[0], (weight.shape[2], weight.shape[3])
        if kernel == ONE and same:
            # the same numbers; oneDNN 3.12, of PyTorch 2.13, writes beyond its buffers in the
            # backward pass of strided 1x1 convolutions of fewer than 8 or 16 channels (its #6035)
            x, stride = x[:, :, :: stride[0], :: stride[1]], ONE
        if same:
            size = (x.shape[2], x.shape[3])
            top, left, bottom, right = resolve_padding("same", size, kernel, stride, ONE)
            if (top, left) == (bottom, right):
                pad = (top, left)
            else:
                x, pad = F.pad(x, (left, right, top, bottom)), (0, 0)
        else:
            pad = (0, 0)
        groups = x.shape[1] if weight.shape[1] == 1 and x.shape[1] > 1 else 1
        if self._norms is None:
            bias = self._store.take(f"{name}.bias", (filters,), "zeros")
            x = F.conv2d(x, self._weight(name, weight), bias, stride, pad, groups=groups)
        else:
            gain = self._store.take(f"{name}.gain", (filters,), "ones")
            shift = self._store.take(f"{name}.shift", (filters,), "zeros")
            x = F.conv2d(x, weight, None, stride, pad, groups=groups)
            x = self._norms.apply(name, x, gain, shift)
        return self._rounded(F.relu_(x) if act == "relu" else x)

    def add(self, a: torch.Tensor, b: torch.Tensor, act: Activation) -> torch.Tensor:
        total = a + b
        return self._rounded(F.relu_(total) if act == "relu" else total)

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(2).transpose(1, 2)

    def class_token(self, name: str, x: torch.Tensor) -> torch.Tensor:
        token = self._constant(name, self._store.take(name, (1, 1, x.shape[2]), "embedding"))
        return torch.cat((token.expand(len(x), -1, -1), x), 1)

    def positions(self, name: str, x: torch.Tensor, grid: Pair) -> torch.Tensor:
        width = x.shape[2]
        at = self._store.take(f"{name}.grid", (width, *grid), "grid").flatten(1).t()
        if x.shape[1] > len(at):  # the class token is in front
            token = self._store.take(f"{name}.class", (1, width), "embedding")
            at = torch.cat((token, at))
        return self._rounded(x + self._constant(name, at))

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        width = (x.shape[-1],)
        gain = self._store.take(f"{name}.gain", width, "ones")
        shift = self._store.take(f"{name}.shift", width, "zeros")
        gain = self._constant(f"{name}.gain", gain)
        return self._rounded(F.layer_norm(x, width, gain, shift, EPSILON_TOKENS))

    def attention(
        self, name: str, x: torch.Tensor, heads: int, head_width: int, rank: int
    ) -> torch.Tensor:
        split = (heads, head_width)
        q, k, v = (
            self._linear(f"{name}.{part}", x, split, (x.shape[-1],), rank)
            .unflatten(2, split)
            .transpose(1, 2)
            for part in "qkv"
        )
        scores = self._rounded(q @ k.transpose(2, 3) * (1 / sqrt(head_width)))
        mixed = self._rounded(self._rounded(scores.softmax(-1), (0.0, 1.0)) @ v)
        return self._linear(
            f"{name}.out", mixed.transpose(1, 2).flatten(2), (x.shape[-1],), split, rank
        )

    def linear(self, name: str, x: torch.Tensor, features: int, rank: int) -> torch.Tensor:
        return self._linear(name, x, (features,), (x.shape[-1],), rank)

    def _linear(
        self,
        name: str,
        x: torch.Tensor,
        outputs: tuple[int, ...],
        inputs: tuple[int, ...],
        rank: int,
    ) -> torch.Tensor:
        """A linear layer; `outputs` and `inputs` may be (heads, head width)."""
        if rank:
            down = self._store.take(f"{name}.down", (rank, *inputs), "linear")
            x = self._rounded(F.linear(x, self._weight(f"{name}.down", down.flatten(1))))
            core = self._store.take(f"{name}.core", (rank, rank), "linear")
            x = self._rounded(F.linear(x, self._weight(f"{name}.core", core)))
            weight = self._store.take(f"{name}.up", (*outputs, rank), "linear")
            weight = weight.flatten(0, -2)
        else:
            weight = self._store.take(f"{name}.weight", (*outputs, *inputs), "linear")
            weight = weight.flatten(0, len(outputs) - 1).flatten(1)
        bias = self._store.take(f"{name}.bias", outputs, "zeros").flatten()
        return self._rounded(F.linear(x, self._weight(name, weight), bias))

    def gelu(self, x: torch.Tensor) -> torch.Tensor:
        return self._rounded(F.gelu(x))

    def mean(self, x: torch.Tensor) -> torch.Tensor:
        return self._rounded(x.mean((2, 3) if x.dim() == 4 else 1))

    def first(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0]

    def _weight(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        return weight if self._rounding is None else self._rounding.weight(name, weight)

    def _constant(self, name: str, w: torch.Tensor) -> torch.Tensor:
        return w if self._rounding is None else self._rounding.constant(name, w)

    def _rounded(self, x: torch.Tensor, bounds: tuple[float, float] | None = None) -> torch.Tensor:
        """The activation as the int8 network has it; activations are numbered as they arise."""
        self._count += 1
        if self._rounding is None:
            return x
        return self._rounding.activation(str(self._count), x, bounds)
