# SPDX-License-Identifier: Apache-2.0
"""Reads operators that only compute shapes, on constants: Range, Mod, Tile, ..."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.onnx.ops.operator import FREEZE, Operator, want_size
from mcuforge.compiler.frontends.onnx.values import Constant, Value
from mcuforge.compiler.tensors import Array
from mcuforge.errors import Refusal

ON_SHAPES = "computed while reading: shape arithmetic on constants"

FOLDS: Mapping[str, Callable[..., Array]] = MappingProxyType(
    {
        "Range": lambda begin, end, step: np.arange(begin, end, step),
        "Tile": np.tile,
    }
)


def fold(operator: Operator, function: Callable[..., Array] | None = None) -> Value:
    """Compute the result for constant inputs. Raises Refusal for any other."""
    kind = operator.node.op
    function = FOLDS[kind] if function is None else function
    operator.arity(1, 3)
    arrays: list[Array] = []
    for place in range(len(operator.inputs)):
        value = operator.value(place)
        if not isinstance(value, Constant):
            raise Refusal(f"{kind} works on run-time values, supported: {ON_SHAPES}", FREEZE)
        arrays.append(value.data if value.quant is None else value.real.astype(np.float32))
    _want_small(kind, arrays)
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(function(*arrays))
    except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError):
        raise contradiction(f"{kind} cannot compute with its constants, expected others") from None
    want_size(result.shape, constant=True)
    return Constant(kind.lower(), result)


def modulo(operator: Operator) -> Value:
    """Take the rest of a division of constants; with `fmod` it has the dividend's sign."""
    return fold(operator, np.fmod if operator.flag_of("fmod") else np.mod)


def _want_small(kind: str, arrays: list[Array]) -> None:
    """Refuse results that are too large to compute."""
    if kind == "Range":
        if len(arrays) != 3 or any(a.size != 1 or a.dtype.kind not in "iu" for a in arrays):
            raise contradiction("its limits or its step do not fit, expected one integer each")
        begin, end, step = (int(a.reshape(-1)[0]) for a in arrays)
        if step == 0:
            raise contradiction("its step is 0, expected any other integer")
        want_size((max(-((begin - end) // step), 0),), constant=True)
        arrays[:] = [a.reshape(-1)[0] for a in arrays]
    elif kind == "Tile":
        listed = arrays[1].reshape(-1) if len(arrays) == 2 else np.zeros(0)
        repeats = listed.astype(np.int64) if listed.dtype.kind in "iu" else np.full(1, -1)
        if repeats.size != arrays[0].ndim or (repeats < 0).any():
            raise contradiction("its repeats do not fit, expected an integer per dimension")
        sizes = zip(arrays[0].shape, repeats.tolist(), strict=True)
        want_size(tuple(n * int(r) for n, r in sizes), constant=True)
    else:
        try:
            shape = np.broadcast_shapes(*(a.shape for a in arrays))
        except ValueError:
            raise contradiction(
                "the shapes of its constants differ, expected shapes that broadcast"
            ) from None
        want_size(shape, constant=True)
