# SPDX-License-Identifier: Apache-2.0
"""Weights that all architectures of a space share: each takes the first rows and columns it needs.

Weight entanglement, as in AutoFormer (Chen et al., ICCV 2021) and Once-for-All (Cai et al., ICLR
2020): of a larger kernel the middle is taken, and embeddings of a grid of positions are resampled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod, sqrt
from typing import Literal, Protocol

import torch
from torch.nn.functional import interpolate

from mcuforge.errors import InternalError

EMBEDDING = 0.02  # standard deviation of new tokens and positions
Dims = tuple[int, ...]
Role = Literal["conv", "linear", "embedding", "grid", "ones", "zeros"]


class Store(Protocol):
    """Hands out weights by name."""

    def take(self, name: str, dims: Dims, role: Role) -> torch.Tensor:
        """The weights `name`, of these dimensions; `role` says how they start and are cut."""
        ...


@dataclass
class Shapes:
    """Remembers the largest dimensions asked for: what the shared weights must have."""

    found: dict[str, tuple[Dims, Role]]

    def take(self, name: str, dims: Dims, role: Role) -> torch.Tensor:
        """Zeros that take no memory; see Store."""
        before, _ = self.found.get(name, (dims, role))
        most = tuple(max(a, b) for a, b in zip(before, dims, strict=True))
        self.found[name] = (most, role)
        return torch.zeros(()).expand(dims)


class Weights:
    """The weights of one network, or of all networks of a space; see Store.

    `tensors`: float32, by name.
    """

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self.tensors = dict(tensors)

    @classmethod
    def drawn(cls, shapes: Shapes, seed: int, device: str = "cpu") -> Weights:
        """Weights as training starts with them; the same seed gives the same on every device."""
        generator = torch.Generator().manual_seed(seed)
        made = {}
        for name in sorted(shapes.found):
            dims, role = shapes.found[name]
            made[name] = _drawn(dims, role, generator).to(device).requires_grad_()
        return cls(made)

    def take(self, name: str, dims: Dims, role: Role) -> torch.Tensor:
        """The part of `name` that a network of these dimensions has; see Store."""
        return resampled(self.tensors[name][self.cuts(name, dims, role)], dims)

    def cuts(self, name: str, dims: Dims, role: Role) -> tuple[slice, ...]:
        """Where in the tensor `name` the weights of these dimensions are.

        Of a grid this is every position, for `resampled` to resample.
        """
        whole = self.tensors[name].shape
        if role == "grid":
            dims = (dims[0], *whole[1:])
        if any(part > side for part, side in zip(dims, whole, strict=True)):
            raise InternalError(f"{name} has {tuple(whole)}, asked for {dims}")
        cuts = [slice(side) for side in dims]
        if role == "conv":
            for axis in (2, 3):  # the middle of the kernel
                start = (whole[axis] - dims[axis]) // 2
                cuts[axis] = slice(start, start + dims[axis])
        return tuple(cuts)

    def to(self, device: torch.device) -> Weights:
        """Copies of all tensors on a device."""
        return Weights({name: w.detach().to(device, copy=True) for name, w in self.tensors.items()})

    def parameters(self) -> list[torch.Tensor]:
        """All tensors, in the order of their names."""
        return [self.tensors[name] for name in sorted(self.tensors)]

    def __len__(self) -> int:
        """The number of weights."""
        return sum(tensor.numel() for tensor in self.tensors.values())


def resampled(part: torch.Tensor, dims: Dims) -> torch.Tensor:
    """Embeddings (width, rows, columns) of another grid of positions; other weights as they are."""
    if part.shape == dims:
        return part
    return interpolate(part.unsqueeze(0), dims[1:], mode="bilinear", align_corners=False)[0]


@dataclass
class Part:
    """Copies what one architecture takes of shared weights: what its own training starts with."""

    whole: Weights
    own: dict[str, torch.Tensor]

    def take(self, name: str, dims: Dims, role: Role) -> torch.Tensor:
        """The part, which is remembered; see Store."""
        part = self.whole.take(name, dims, role)
        self.own[name] = part.detach().clone()
        return part


def _drawn(dims: Dims, role: Role, generator: torch.Generator) -> torch.Tensor:
    """He initialization of convolutions, a normal distribution of 1/sqrt(inputs) of matrices."""
    if role == "ones":
        return torch.ones(dims)
    if role == "zeros":
        return torch.zeros(dims)
    spread = EMBEDDING
    if role in ("conv", "linear"):
        inputs = prod(dims[1:]) if role == "conv" else dims[-1]
        spread = sqrt((2 if role == "conv" else 1) / inputs)
    return torch.randn(dims, generator=generator) * spread
