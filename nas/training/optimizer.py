# SPDX-License-Identifier: Apache-2.0
"""Steps of SGD and AdamW that change the weights a network uses, and no others.

A supernet's step uses a part of most tensors and nothing of many. PyTorch's optimizers work on
whole tensors: what a step does not use would still move by its momentum and shrink by weight
decay, the more often the rarer it is used. Here both the gradient and the optimizer's state are cut
as the weights are. Gradients also need no room for zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mcuforge.nas.training.recipe import Recipe
from mcuforge.nas.training.weights import Dims, Role, Weights, resampled

DECAYED = (".weight", ".down", ".core", ".up")  # ends of names: kernels and matrices
MOMENTUM = 0.9  # of SGD
FIRST, SECOND = 0.9, 0.999  # of AdamW's moving averages
EPSILON = 1e-8
State = dict[str, dict[str, torch.Tensor]]  # by kind ("momentum"), then by the weights' name


@dataclass(frozen=True, eq=False)
class Used:
    """What a step uses of a tensor: where it is, and the part itself, which gets the gradient."""

    cuts: tuple[slice, ...]
    part: torch.Tensor


class UsedWeights:
    """Hands out weights for one step and remembers which; see weights.Store."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.used: dict[str, Used] = {}

    def take(self, name: str, dims: Dims, role: Role) -> torch.Tensor:
        """The part, which shares memory with the whole; see Store."""
        cuts = self._weights.cuts(name, dims, role)
        part = self._weights.tensors[name].detach()[cuts].requires_grad_()
        self.used[name] = Used(cuts, part)
        return resampled(part, dims)

    def gradients(self) -> list[torch.Tensor]:
        """The gradients, in the order in which the network took its weights."""
        return [used.part.grad for used in self.used.values() if used.part.grad is not None]


class Optimizer:
    """Changes weights in place; `state` has tensors of their shapes, float32."""

    def __init__(self, weights: Weights, recipe: Recipe) -> None:
        self._recipe = recipe
        kinds = ("momentum",) if recipe.optimizer == "sgd" else ("first", "second", "steps")
        self.state: State = {
            kind: {name: torch.zeros_like(w) for name, w in weights.tensors.items()}
            for kind in kinds
        }
        for tensors in self.state.values():
            for tensor in tensors.values():
                tensor.requires_grad_(False)

    def step(self, used: Mapping[str, Used], rate: float) -> None:
        """Change what was used by its gradients; `rate`: the learning rate."""
        chosen = {name: one for name, one in used.items() if one.part.grad is not None}
        parts = [one.part.detach() for one in chosen.values()]
        gradients = [one.part.grad for one in chosen.values()]
        state = {
            kind: [tensors[name][one.cuts] for name, one in chosen.items()]
            for kind, tensors in self.state.items()
        }
        decayed = [index for index, name in enumerate(chosen) if name.endswith(DECAYED)]
        change = self._sgd if self._recipe.optimizer == "sgd" else self._adamw
        with torch.no_grad():
            change(parts, gradients, state, decayed, rate)

    def _sgd(
        self,
        parts: list[torch.Tensor],
        gradients: list[torch.Tensor],
        state: Mapping[str, list[torch.Tensor]],
        decayed: list[int],
        rate: float,
    ) -> None:
        """Nesterov's momentum, with weight decay in the gradient."""
        torch._foreach_add_(
            [gradients[i] for i in decayed],
            [parts[i] for i in decayed],
            alpha=self._recipe.weight_decay,
        )
        momentum = state["momentum"]
        torch._foreach_mul_(momentum, MOMENTUM)
        torch._foreach_add_(momentum, gradients)
        torch._foreach_add_(gradients, momentum, alpha=MOMENTUM)
        torch._foreach_add_(parts, gradients, alpha=-rate)

    def _adamw(
        self,
        parts: list[torch.Tensor],
        gradients: list[torch.Tensor],
        state: Mapping[str, list[torch.Tensor]],
        decayed: list[int],
        rate: float,
    ) -> None:
        """Loshchilov and Hutter, "Decoupled Weight Decay Regularization"; steps per weight."""
        torch._foreach_mul_([parts[i] for i in decayed], 1 - rate * self._recipe.weight_decay)
        first, second, steps = state["first"], state["second"], state["steps"]
        torch._foreach_add_(steps, 1)
        torch._foreach_lerp_(first, gradients, 1 - FIRST)
        torch._foreach_mul_(second, SECOND)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - SECOND)
        for part, mean, square, count in zip(parts, first, second, steps, strict=True):
            # moving averages that start at 0 are too small by these factors
            root = (square / (1 - SECOND**count)).sqrt_().add_(EPSILON)
            part.addcdiv_(mean / (1 - FIRST**count), root, value=-rate)
