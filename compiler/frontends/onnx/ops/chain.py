# SPDX-License-Identifier: Apache-2.0
"""Turns chains of elementwise operators into one function of one stored byte."""

from collections.abc import Callable
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


def leaves(value: Value) -> list[Stored]:
    """Find the stored tensors that a chain reads; empty where it reads anything else too."""
    found: list[Stored] = []
    seen: set[int] = set()
    pending = [value]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Computed):
            pending += value.operands
        elif isinstance(value, Stored) and value.real:
            found.append(value)
        elif not isinstance(value, Constant) or value.data.size != 1:
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
    if all(leaf.view.tensor is view.tensor for leaf in found):
        source = view.tensor
        reals = {id(leaf): leaf.scheme.reals() for leaf in found}
    else:
        sources = [work.table_of(leaf.view.tensor) for leaf in found]
        source = sources[0][0]
        if any(tensor is not source for tensor, _ in sources):
            return None
        reals = {
            id(leaf): leaf.scheme.reals()[table.astype(np.int64) + 128]
            for leaf, (_, table) in zip(found, sources, strict=True)
        }
    table = scheme.store(_evaluate(root, lambda leaf: reals[id(leaf)]))
    return work.looked_up(_name(root), View(source, view.perm, root.shape), table, scheme)


def _evaluate(root: Value, reals: Callable[[Stored], Float]) -> Float:
    """Compute a chain's results for the 256 values of its leaves: float32 (256,)."""
    known: dict[int, Real] = {}

    def of(value: Value) -> Real:
        if isinstance(value, Constant):
            return value.float.reshape(-1)
        if isinstance(value, Stored):
            return reals(value)
        assert isinstance(value, Computed)
        if id(value) not in known:
            with np.errstate(all="ignore"):
                known[id(value)] = value.function(*map(of, value.operands))
        return known[id(value)]

    return np.broadcast_to(of(root), 256).astype(np.float32)


def _name(value: Computed) -> str:
    """Name the table: by the usual name of the chain's function, else by its last operator."""
    kinds: set[str] = set()
    pending: list[Value] = [value]
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        if isinstance(part, Computed) and id(part) not in seen:
            seen.add(id(part))
            kinds.add(part.origin.op)
            pending += part.operands
    if "Mul" in kinds:
        for part_of, name in KNOWN_AS:
            if part_of in kinds:
                return name
    return value.origin.op.lower()
