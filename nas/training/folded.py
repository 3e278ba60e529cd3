# SPDX-License-Identifier: Apache-2.0
"""Batch normalizations folded into the convolutions before them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from mcuforge.nas.training.torch_layers import EPSILON, BatchNorms
from mcuforge.nas.training.weights import Weights


def folded(weights: Weights, norms: BatchNorms) -> Weights:
    """The same network with a bias in each convolution; `norms` are fixed."""
    made = {name: tensor.detach().clone() for name, tensor in weights.tensors.items()}
    for name, (mean, variance) in (norms.fixed or {}).items():
        gain, shift = made.pop(f"{name}.gain"), made.pop(f"{name}.shift")
        factor = gain / torch.sqrt(variance + EPSILON)
        made[f"{name}.weight"] *= factor[:, None, None, None]
        made[f"{name}.bias"] = shift - mean * factor
    return Weights({name: tensor.requires_grad_() for name, tensor in made.items()})


def arrays(weights: Weights) -> Mapping[str, NDArray[np.float32]]:
    """The weights by name, float32 arrays of the tensors' own shapes."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in weights.tensors.items()}
