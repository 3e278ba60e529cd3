# SPDX-License-Identifier: Apache-2.0
"""Large cases on random scales: they show kernels that differ in a multiplier's last bits."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, sqrt

import numpy as np
import tflite

from tests.golden.case import Case, Operand

Make = Callable[["Scales"], Case]


class Scales:
    """Random quantizations from one seed."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def scale(self, low: float = 0.005, high: float = 0.1) -> float:
        """Draw a float32 between the two, evenly on a logarithmic scale."""
        return float(np.float32(exp(self._rng.uniform(log(low), log(high)))))

    def near(self, scale: float, low: float = 0.4, high: float = 1.5) -> float:
        """Draw a float32 of about this size."""
        return float(np.float32(scale * self._rng.uniform(low, high)))

    def zero(self) -> int:
        """Draw a zero point of int8."""
        return int(self._rng.integers(-128, 128))

    def name(self) -> str:
        """Draw a name; it seeds the case's constants."""
        return f"case {self._rng.integers(10**9)}"


def pair(operator: str, options: str, output: Callable[[float, float], float]) -> Make:
    """An elementwise operator of two tensors; `output` computes the scale that its results fill."""

    def make(s: Scales) -> Case:
        a, b, shape = s.scale(), s.scale(), (1, 100, 100, 1)
        inputs = (Operand(shape, a, s.zero()), Operand(shape, b, s.zero()))
        result = Operand(shape, s.near(output(a, b)), s.zero())
        return Case(s.name(), operator, inputs, (result,), (options, {}))

    return make


def every_value(operator: str, options: str | None) -> Make:
    """An operator of one tensor, which holds all 256 values."""

    def make(s: Scales) -> Case:
        x = s.scale()
        result = Operand((1, 256), s.near(x, 0.3, 3.0), s.zero())
        fields = {"Alpha": s.scale(0.01, 1.0)} if operator == "LEAKY_RELU" else {}
        told = None if options is None else (options, fields)
        return Case(s.name(), operator, (Operand((1, 256), x, s.zero()),), (result,), told)

    return make


def filled(scale: float, terms: int) -> float:
    """Return the scale that a sum of `terms` random products fills; `scale` is a product's."""
    return scale * 73 * 73 * sqrt(terms) / 60


def batch_matmul(s: Scales) -> Case:
    """(1, 100, 24) times (1, 24, 100)."""
    a, b, depth = s.scale(), s.scale(), 24
    inputs = (Operand((1, 100, depth), a, s.zero()), Operand((1, depth, 100), b, s.zero()))
    result = Operand((1, 100, 100), s.near(filled(a * b, depth)), s.zero())
    return Case(s.name(), "BATCH_MATMUL", inputs, (result,), ("BatchMatMulOptions", {}))


def fully_connected(s: Scales) -> Case:
    """60 rows of 64 to 160, one scale for all weights."""
    a, b, depth = s.scale(), s.scale(0.001, 0.02), 64
    inputs = (
        Operand((1, 60, depth), a, s.zero()),
        Operand((160, depth), b, data="random"),
        Operand((160,), a * b, dtype="int32", data="random"),
    )
    result = Operand((60, 160), s.near(filled(a * b, depth)), s.zero())
    return Case(s.name(), "FULLY_CONNECTED", inputs, (result,), ("FullyConnectedOptions", {}))


def convolution(depthwise: bool) -> Make:
    """16 filters, one scale per filter: 1x1 over 8 channels, or depthwise 3x3."""

    def make(s: Scales) -> Case:
        x, weights = s.scale(), tuple(s.scale(0.001, 0.02) for _ in range(16))
        channels, shape, axis = (16, (1, 3, 3, 16), 3) if depthwise else (8, (16, 1, 1, 8), 0)
        inputs = (
            Operand((1, 26, 26, channels), x, s.zero()),
            Operand(shape, weights, axis=axis, data="random"),
            Operand((16,), tuple(x * w for w in weights), dtype="int32", data="random"),
        )
        result = Operand((1, 26, 26, 16), s.near(filled(x * 0.006, 9)), s.zero())
        options = {"Padding": tflite.Padding.SAME, "StrideH": 1, "StrideW": 1}
        if depthwise:
            table = ("DepthwiseConv2DOptions", options | {"DepthMultiplier": 1})
            return Case(s.name(), "DEPTHWISE_CONV_2D", inputs, (result,), table)
        return Case(s.name(), "CONV_2D", inputs, (result,), ("Conv2DOptions", options))

    return make


def mean(s: Scales) -> Case:
    """400 channels over 7x9 pixels."""
    x = s.scale()
    inputs = (Operand((1, 7, 9, 400), x, s.zero()), Operand((2,), dtype="int32", data=(1, 2)))
    result = Operand((1, 400), s.near(x, 0.1, 1.3), s.zero())
    return Case(s.name(), "MEAN", inputs, (result,), ("ReducerOptions", {}))


MAKERS: dict[str, tuple[Make, int]] = {  # and how many cases
    "ADD": (pair("ADD", "AddOptions", lambda a, b: a + b), 40),
    "SUB": (pair("SUB", "SubOptions", lambda a, b: a + b), 40),
    "MUL": (pair("MUL", "MulOptions", lambda a, b: a * b * 90), 60),
    "SQUARED_DIFFERENCE": (
        pair("SQUARED_DIFFERENCE", "SquaredDifferenceOptions", lambda a, b: max(a, b) ** 2 * 250),
        40,
    ),
    "BATCH_MATMUL": (batch_matmul, 60),
    "FULLY_CONNECTED": (fully_connected, 60),
    "CONV_2D": (convolution(False), 60),
    "DEPTHWISE_CONV_2D": (convolution(True), 60),
    "MEAN": (mean, 400),
    "ABS": (every_value("ABS", "AbsOptions"), 1500),
    "HARD_SWISH": (every_value("HARD_SWISH", "HardSwishOptions"), 1500),
    "LEAKY_RELU": (every_value("LEAKY_RELU", "LeakyReluOptions"), 1500),
    "QUANTIZE": (every_value("QUANTIZE", "QuantizeOptions"), 1500),
    "RELU": (every_value("RELU", None), 1500),
}


def random_cases() -> dict[str, list[Case]]:
    """Return the same cases each time, by operator."""
    scales = Scales(5)
    return {op: [make(scales) for _ in range(count)] for op, (make, count) in MAKERS.items()}
