# SPDX-License-Identifier: Apache-2.0
"""Turns chains of elementwise operators into one function of one stored byte."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.functions import Real
from mcuforge.compiler.frontends.onnx.values import Constant, Float, Scheme, Stored, Value
from mcuforge.compiler.frontends.onnx.work import Deferred, GraphBuilder

KNOWN_AS = (("Erf", "gelu"), ("Tanh", "gelu"), ("Sigmoid", "silu"))  # in a chain with a Mul


@dataclass(frozen=True, eq=False)
class Computed(Deferred):
    """A function of the operands, element by element; it takes one float dtype."""

    function: Callable[..., Real]


def _parts(root: Value) -> Iterator[Value]:
    """Yield every value of a chain once: `root`, what it is computed from, and so on."""
    seen: set[Value] = set()
    pending = [root]
    while pending:
        value = pending.pop()
        if value not in seen:
            seen.add(value)
            yield value
            pending += value.operands if isinstance(value, Computed) else ()


def leaves(root: Value) -> list[Stored]:
    """Find the stored tensors that a chain reads; empty where it reads anything else too."""
    found: list[Stored] = []
    for part in _parts(root):
        if isinstance(part, Stored) and part.real:
            found.append(part)
            continue
        number = isinstance(part, Constant) and part.data.size == 1
        if not number and not isinstance(part, Computed):
            return []
    same = all(
        v.view.tensor.shape == found[0].view.tensor.shape
        and v.view.perm == found[0].view.perm
        and _full(v.shape) == _full(found[0].shape)
        for v in found
    )
    return found if same else []


def _full(shape: Shape) -> Shape:
    """Drop dimensions of 1 in front of `shape`."""
    begin = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return shape[begin:]


def as_table(work: GraphBuilder, root: Computed, scheme: Scheme) -> View | None:
    """Look a chain up in its only leaf, or in the tensor that all its leaves are looked up in.

    None where there is no such tensor.
    """
    found = leaves(root)
    if not found:
        return None
    view = found[0].view
    reals: dict[Value, Real]
    if all(leaf.view.tensor is view.tensor for leaf in found):
        source = view.tensor
        reals = {leaf: leaf.scheme.reals() for leaf in found}
    else:
        sources = [work.table_of(leaf.view.tensor) for leaf in found]
        source = sources[0][0]
        if any(tensor is not source for tensor, _ in sources):
            return None
        reals = {
            leaf: leaf.scheme.reals()[table.astype(np.int64) + 128]
            for leaf, (_, table) in zip(found, sources, strict=True)
        }
    table = scheme.store(_evaluate(root, reals))
    return work.looked_up(_name(root), View(source, view.perm, root.shape), table, scheme)


def _evaluate(root: Value, known: dict[Value, Real]) -> Float:
    """Compute a chain's results for the 256 `known` values of its leaves: float32 (256,).

    Adds to `known` what the chain computes on the way.
    """

    def of(value: Value) -> Real:
        if isinstance(value, Constant):
            return value.float.reshape(-1)
        if value not in known:
            assert isinstance(value, Computed)
            with np.errstate(all="ignore"):
                known[value] = value.function(*map(of, value.operands))
        return known[value]

    return np.broadcast_to(of(root), 256).astype(np.float32)


def _name(value: Computed) -> str:
    """Name the table: by the usual name of the chain's function, else by its last operator."""
    kinds = {part.origin.op for part in _parts(value) if isinstance(part, Computed)}
    if "Mul" in kinds:
        for part_of, name in KNOWN_AS:
            if part_of in kinds:
                return name
    return value.origin.op.lower()
