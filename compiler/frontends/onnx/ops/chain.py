# SPDX-License-Identifier: Apache-2.0
"""Turns chains of elementwise operators into one function of one stored byte."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np

from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.functions import Real
from mcuforge.compiler.frontends.onnx.values import Constant, Float, Interval, Scheme, Stored, Value
from mcuforge.compiler.frontends.onnx.work import (
    EVERYTHING,
    Deferred,
    GraphBuilder,
    reach_of,
    spanned,
)
from mcuforge.compiler.ops.reals.table_real import TableReal

SAMPLES = 1024  # of the values of a tensor that has no scale yet
KNOWN_AS = (("Erf", "gelu"), ("Tanh", "gelu"), ("Sigmoid", "silu"))  # in a chain with a Mul


@dataclass(frozen=True, eq=False)
class Computed(Deferred):
    """A function of the operands, element by element; it takes one float dtype."""

    function: Callable[..., Real]

    @cached_property
    def reach(self) -> Interval | None:
        """Bound it by its answers to the 256 values of its tensor, else to samples of operands."""
        found = leaves(self)
        if found and all(leaf.view.tensor is found[0].view.tensor for leaf in found):
            return spanned(evaluate(self, {leaf: leaf.scheme.reals() for leaf in found}))
        bounds = [reach_of(operand) for operand in self.operands]
        count = SAMPLES if len(bounds) == 1 else isqrt(SAMPLES)
        axes = [sampled(bound, count) for bound in bounds if bound is not None]
        if len(axes) != len(bounds):
            return None
        with np.errstate(all="ignore"):
            return spanned(np.asarray(self.function(*np.meshgrid(*axes))))


def sampled(bound: Interval, count: int) -> Float:
    """Return values of an interval, among them its ends and a 0 it holds: float32 (count + 1,)."""
    zero = min(max(0.0, bound[0]), bound[1])
    return np.append(np.linspace(*bound, count), zero).astype(np.float32)


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
    found = tabulated(work, root)
    if found is None:
        return None
    return work.looked_up(name_of(root), found[0], scheme.store(found[1]), scheme)


def as_real_table(work: GraphBuilder, root: Computed) -> View | None:
    """Look a chain up in float32, in the same tensor or in the float result that it reads."""
    found = tabulated(work, root)
    source = float_source(root) if found is None else None
    if source is not None and root.reach is not None:
        within = told_apart(root, source, Scheme.covering(*root.reach))
        stored = work.settled(source, within=within)
        answers = evaluate(root, {source: stored.scheme.reals()})
        found = View(stored.view.tensor, stored.view.perm, root.shape), answers
    if found is None:
        return None
    view, answers = found
    most = float(np.finfo(np.float32).max)
    held = np.nan_to_num(answers, nan=0.0, posinf=most, neginf=-most)
    op = TableReal(name_of(root), tuple(float(v) for v in held))
    output = work.emit(op, (view.tensor,), view.tensor.shape, None)
    return View(output, view.perm, root.shape)


def tabulated(work: GraphBuilder, root: Computed) -> tuple[View, Float] | None:
    """Find the tensor that a chain is a function of, and its float32 answers (256,).

    The tensor is its only leaf, or the one that all its leaves are looked up in. None where there
    is no such tensor.
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
    return View(source, view.perm, root.shape), evaluate(root, reals)


def float_source(root: Computed) -> Deferred | None:
    """Find the first float result of which the whole chain is a function; None if there is none."""
    parts = [part for part in _parts(root) if isinstance(part, Deferred) and part is not root]
    for part in sorted(parts, key=lambda p: p.depth):
        if _full(part.shape) == _full(root.shape) and _reads_only(root, part):
            return part
    return None


def _reads_only(root: Computed, source: Value) -> bool:
    """True where a chain is computed from `source` and single numbers alone."""
    pending: list[Value] = [root]
    while pending:
        value = pending.pop()
        number = isinstance(value, Constant) and value.data.size == 1
        if value is source or number:
            continue
        if not isinstance(value, Computed):
            return False
        pending += value.operands
    return True


def told_apart(root: Computed, source: Deferred, scheme: Scheme) -> Interval:
    """Bound the values of `source` beyond which the chain's stored answers do not change."""
    bound = source.reach
    if bound is None:
        return EVERYTHING
    values = np.linspace(*bound, SAMPLES, dtype=np.float32)
    steps = scheme.store(evaluate(root, {source: values}))
    changes = np.flatnonzero(steps[1:] != steps[:-1])
    if not changes.size:
        return (0.0, 0.0)
    return (float(values[changes[0]]), float(values[changes[-1] + 1]))


def evaluate(root: Value, known: dict[Value, Real]) -> Float:
    """Compute a chain's results for the `known` values (n,) of its leaves: float32 (n,).

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

    count = max(values.size for values in known.values())
    return np.broadcast_to(of(root), count).astype(np.float32)


def name_of(value: Computed) -> str:
    """Name the table: by the usual name of the chain's function, else by its last operator."""
    kinds = {part.origin.op for part in _parts(value) if isinstance(part, Computed)}
    if "Mul" in kinds:
        for part_of, name in KNOWN_AS:
            if part_of in kinds:
                return name
    return value.origin.op.lower()
