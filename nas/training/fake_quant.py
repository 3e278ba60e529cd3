# SPDX-License-Identifier: Apache-2.0
"""Quantization-aware training: a network computes with rounded numbers, and learns with whole ones.

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference". Numbers are rounded as onnxruntime's static quantizer rounds them, with asymmetric
activations and one scale per output channel of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from mcuforge.errors import InternalError
from mcuforge.nas.architecture import Architecture
from mcuforge.nas.data import Data
from mcuforge.nas.training.batches import MIDDLE, STEPS, inputs
from mcuforge.nas.training.devices import one_thread
from mcuforge.nas.training.torch_layers import forward
from mcuforge.nas.training.weights import Weights

LOWEST, HIGHEST = -128, 127
NARROW = -127  # the lowest int8 of weights, which are symmetric
FOLLOWS = 0.05  # how far a range moves to that of each batch
SMALLEST = 1e-12  # of a scale: an activation may be zero everywhere
BATCH = 250
PIXELS = (-MIDDLE / STEPS, (255 - MIDDLE) / STEPS)  # its scale is 1 / STEPS, its zero point 0


class FakeQuant:
    """Rounds to int8 and passes gradients straight through; see torch_layers.Rounding.

    `ranges`: float32 (2), minus the minimum and the maximum of each activation, so that both grow
    by `max`. Two activations have fixed ranges instead: pixels (see batches.inputs), and the
    attention's weights, 0 to 1.
    """

    def __init__(self, ranges: Mapping[str, torch.Tensor], *, images: bool) -> None:
        self.ranges = dict(ranges)
        self.collects = not ranges
        self._images = images
        self._seen: dict[str, torch.Tensor] = {}

    def copy(self) -> FakeQuant:
        """The same ranges in other memory: a worker's own."""
        ranges = {name: both.clone() for name, both in self.ranges.items()}
        return FakeQuant(ranges, images=self._images)

    @classmethod
    def calibrated(
        cls, weights: Weights, architecture: Architecture, data: Data, samples: int
    ) -> FakeQuant:
        """Ranges of the first training samples, as onnxruntime's quantizer has them.

        They are the minima and maxima of the network with whole numbers. Weights are folded.
        """
        made = cls({}, images=data.kind == "images")
        device = next(iter(weights.tensors.values())).device
        with one_thread(), torch.inference_mode():
            for start in range(0, samples, BATCH):
                x = inputs(data.train_x[start : min(start + BATCH, samples)], data).to(device)
                forward(weights, architecture, x, data.classes, None, made)
        made.ranges = {name: seen.clone() for name, seen in made._seen.items()}
        made._seen.clear()
        made.collects = False
        return made

    def weight(self, name: str, w: torch.Tensor) -> torch.Tensor:
        """Round weights (outputs, ...) symmetrically, each output by its own scale."""
        if self.collects:
            return w
        highest = w.detach().abs().flatten(1).amax(1)
        scale = (highest / HIGHEST).clamp_min(SMALLEST)
        zeros = torch.zeros(len(w), dtype=torch.int32, device=w.device)
        return torch.fake_quantize_per_channel_affine(w, scale, zeros, 0, NARROW, HIGHEST)

    def constant(self, name: str, w: torch.Tensor) -> torch.Tensor:
        """Round gains, tokens or positions symmetrically, all by one scale."""
        return self.weight(name, w.reshape(1, -1)).reshape(w.shape)

    def activation(
        self, name: str, x: torch.Tensor, bounds: tuple[float, float] | None = None
    ) -> torch.Tensor:
        """Round an activation by its range; its gradient is 0 where the range cuts it off."""
        if name == "input" and self._images:
            bounds = PIXELS
        if bounds is None:
            seen = torch.stack([-x.detach().amin(), x.detach().amax()]).float()
            before = self._seen.get(name)
            self._seen[name] = seen if before is None else torch.maximum(before, seen)
        if self.collects:
            return x
        if bounds is None:
            if name not in self.ranges:
                raise InternalError(f"activation {name} has no range")
            low, high = -self.ranges[name].clamp_min(0)[0], self.ranges[name].clamp_min(0)[1]
        else:
            low, high = (torch.tensor(bound, device=x.device) for bound in bounds)
        scale = ((high - low) / (HIGHEST - LOWEST)).clamp_min(SMALLEST)
        zero = torch.round(LOWEST - low / scale).to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, LOWEST, HIGHEST)

    def follow(self, most: Callable[[torch.Tensor], None] | None) -> None:
        """Move the ranges towards those of the last batch; `most`: over all workers."""
        names = sorted(self._seen)
        seen = torch.stack([self._seen[name] for name in names])
        if most is not None:
            most(seen)
        for name, now in zip(names, seen, strict=True):
            self.ranges[name].lerp_(now, FOLLOWS)
        self._seen.clear()
