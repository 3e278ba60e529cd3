# SPDX-License-Identifier: Apache-2.0
"""Normalizations by lengths, whole and in parts, as exporters write them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.models.qdq_builder import Qdq

Build = Callable[[Qdq], str]
TOKENS = (1, 10, 12)


def rms_norm(divide: str = "Sqrt, Div", axis: int = -1) -> Build:
    """x over the root of its mean square, times a vector, computed in float."""

    def build(q: Qdq) -> str:
        x = q.input(TOKENS)
        two, eps = (q.constant(np.array(v, np.float32)) for v in (2.0, 1e-5))
        mean = q.node("ReduceMean", [q.node("Pow", [x, two])], axes=[axis])
        floored = q.node("Add", [mean, eps])
        if divide == "Sqrt, Div":
            y = q.node("Div", [x, q.node("Sqrt", [floored])])
        elif divide == "Reciprocal":
            y = q.node("Mul", [x, q.node("Reciprocal", [q.node("Sqrt", [floored])])])
        else:
            power = q.constant(np.array(-0.5, np.float32))
            y = q.node("Mul", [q.node("Pow", [floored, power]), x])
        if axis == -1:
            gamma = q.constant(np.linspace(-1, 2, TOKENS[-1], dtype=np.float32))
            y = q.node("Mul", [gamma, y])
        return q.requantized(y, 0.03, -5)

    return build


def over_norm(floor: str = "Clip, Expand", axis: int = -1) -> Build:
    """x over its Euclidean norm, with a floor that keeps it from dividing by 0."""

    def build(q: Qdq) -> str:
        x = q.input(TOKENS)
        norm = q.node("ReduceL2", [x], axes=[axis], keepdims=1)
        least = q.constant(np.array(1e-12, np.float32))
        if floor == "Clip, Expand":
            shape = q.integers(*TOKENS)
            norm = q.node("Expand", [q.node("Clip", [norm, least, ""]), shape])
        elif floor:
            norm = q.node(floor, [norm, least])
        return q.op("Div", [x, norm], 0.008, 4)

    return build


def norm_of_one(kind: str, shape: tuple[int, ...] = TOKENS, **attributes: object) -> Build:
    """A normalization as one operator, with as many constants as it takes."""

    def build(q: Qdq) -> str:
        count = {"LpNormalization": 0, "SimplifiedLayerNormalization": 1}.get(kind, 2)
        size = shape[-1] if count == 1 else shape[1]
        names = [
            q.constant(np.linspace(0.5, 1.5, size, dtype=np.float32) - place)
            for place in range(count)
        ]
        return q.op(kind, [q.input(shape), *names], 0.03, -5, **attributes)  # type: ignore[arg-type]

    return build
