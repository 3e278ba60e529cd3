# SPDX-License-Identifier: Apache-2.0
"""Finds the arithmetic that a file does with an input before it quantizes it: (x - mean) / std.

Whoever feeds the model does it together with the quantization, in float32 as onnxruntime does.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.frontends.onnx.ops.chain import Computed
from mcuforge.compiler.frontends.onnx.values import Constant, Edge, Float, Value
from mcuforge.compiler.graph import Step

MINUS = Step("multiply", np.array(-1.0, np.float32))

# Steps of x and a constant behind it, and of a constant in front of x.
BEHIND: Mapping[str, Callable[[Float], tuple[Step, ...]]] = MappingProxyType(
    {
        "Add": lambda c: (Step("add", c),),
        "Sub": lambda c: (Step("subtract", c),),
        "Mul": lambda c: (Step("multiply", c),),
        "Div": lambda c: (Step("divide", c),),
    }
)
IN_FRONT: Mapping[str, Callable[[Float], tuple[Step, ...]]] = MappingProxyType(
    {
        "Add": lambda c: (Step("add", c),),
        "Sub": lambda c: (MINUS, Step("add", c)),
        "Mul": lambda c: (Step("multiply", c),),
    }
)


def fed_through(root: Computed) -> tuple[Edge, tuple[Step, ...]] | None:
    """Find the input and the steps that a chain takes with it; None for any other chain.

    The steps can be taken back: no factor is 0, and every number is finite.
    """
    steps: tuple[Step, ...] = ()
    value: Value = root
    while isinstance(value, Computed):
        found = _step(value)
        if found is None or found[0].shape != root.shape:
            return None
        value, steps = found[0], (*found[1], *steps)
    return (value, steps) if isinstance(value, Edge) and value.dtype == "float32" else None


def is_fed(value: Value) -> bool:
    """True for a float input of the model, also after steps that whoever feeds it takes."""
    if isinstance(value, Computed):
        return fed_through(value) is not None
    return isinstance(value, Edge) and value.dtype == "float32"


def _step(value: Computed) -> tuple[Value, tuple[Step, ...]] | None:
    """Return what one operator reads beside a constant, and the steps that it takes with it."""
    kind = value.origin.op
    if kind == "Neg":
        return value.x, (MINUS,)
    if len(value.operands) != 2:
        return None
    a, b = value.operands
    if isinstance(b, Constant):
        x, constant, makes = a, b, BEHIND.get(kind)
    elif isinstance(a, Constant):
        x, constant, makes = b, a, IN_FRONT.get(kind)
    else:
        return None
    numbers = constant.float
    usable = np.isfinite(numbers).all() and (kind in ("Add", "Sub") or numbers.all())
    return (x, makes(numbers)) if makes is not None and usable else None
