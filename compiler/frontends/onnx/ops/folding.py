# SPDX-License-Identifier: Apache-2.0
"""Operators only shapes are computed with: Where, Equal, Range, Mod, ..., on constants alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.frontends.common import EXPORT_AGAIN
from mcuforge.compiler.frontends.onnx.ops.operator import FREEZE, Operator, want_size
from mcuforge.compiler.frontends.onnx.values import Constant, Value
from mcuforge.compiler.ir import Array
from mcuforge.errors import Refusal

ON_SHAPES = "computed while reading: shape arithmetic on constants"

FOLDS: Mapping[str, Callable[..., Array]] = MappingProxyType(
    {
        "Where": np.where,
        "Equal": np.equal,
        "Greater": np.greater,
        "Less": np.less,
        "Not": np.logical_not,
        "And": np.logical_and,
        "Or": np.logical_or,
        "Mod": np.mod,
        "Range": lambda begin, end, step: np.arange(begin, end, step),
        "ReduceProd": lambda x: np.prod(x, keepdims=True),
        "Tile": np.tile,
    }
)


def fold(operator: Operator) -> Value:
    """The result for constant inputs; anything else is refused."""
    kind = operator.node.op
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
            result = np.asarray(FOLDS[kind](*arrays))
    except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError):
        raise Refusal("its constants do not fit together", EXPORT_AGAIN) from None
    want_size(tuple(max(n, 1) for n in result.shape))
    return Constant(kind.lower(), result)


def _want_small(kind: str, arrays: list[Array]) -> None:
    """Refuse results too large to make."""
    if kind == "Range":
        if len(arrays) != 3 or any(a.size != 1 or a.dtype.kind not in "iu" for a in arrays):
            raise Refusal("its limits are no single integers", EXPORT_AGAIN)
        begin, end, step = (int(a.reshape(-1)[0]) for a in arrays)
        if step == 0:
            raise Refusal("its step is 0, wanted another", EXPORT_AGAIN)
        want_size((max(len(range(begin, end, step)), 1),))
        arrays[:] = [a.reshape(-1)[0] for a in arrays]
    elif kind == "Tile":
        listed = arrays[1].reshape(-1) if len(arrays) == 2 else np.zeros(0)
        repeats = listed.astype(np.int64) if listed.dtype.kind in "iu" else np.full(1, -1)
        if repeats.size != arrays[0].ndim or (repeats < 0).any():
            raise Refusal("its repeats are no list of one integer per dimension", EXPORT_AGAIN)
        sizes = zip(arrays[0].shape, repeats.tolist(), strict=True)
        want_size(tuple(max(n * int(r), 1) for n, r in sizes))
    else:
        try:
            shape = np.broadcast_shapes(*(a.shape for a in arrays))
        except ValueError:
            raise Refusal("shapes of its constants do not fit together", EXPORT_AGAIN) from None
        want_size(tuple(max(n, 1) for n in shape))
