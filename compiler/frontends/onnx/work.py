# SPDX-License-Identifier: Apache-2.0
"""Builds the graph while an ONNX file is read: nodes, constants, layouts, requantization.

Deferred and GraphBuilder refer to each other, so they share this file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.common import FEWER, SCALE_LIMITS, Unique, printable, want_bytes
from mcuforge.compiler.frontends.onnx.file import OnnxNode
from mcuforge.compiler.frontends.onnx.layout import (
    Shape,
    View,
    inverse,
    permuted,
    renamed,
    same_memory,
)
from mcuforge.compiler.frontends.onnx.names import layer_name
from mcuforge.compiler.frontends.onnx.values import (
    Constant,
    Edge,
    Interval,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.graph import Activation, Node, Op, Step
from mcuforge.compiler.ops.common.fixed_point import RANGE, activation_range
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import Advice, Phase, Refusal

DEEPEST = 64  # float operators that read one another
REALS = Scheme(1.0, 0)  # stands for the scheme of a float32 tensor
EVERYTHING: Interval = (-np.inf, np.inf)
QUANTIZE_TOO = Advice(
    "quantize this operator and its neighbours too: quantize_static without op_types_to_quantize, "
    "or `mcuforge quantize MODEL --data FILE` on the float model",
    Phase.QUANTIZE,
)
Int8 = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Deferred(Value, ABC):
    """A float result that `origin` computes from `operands`, built once its scale is known.

    Raises Refusal for more than 64 that read one another: building recurses.
    """

    origin: OnnxNode
    shape: Shape
    operands: tuple[Value, ...]

    def __post_init__(self) -> None:
        if self.depth > DEEPEST:
            raise Refusal(
                f"{self.depth} float operators follow each other without a QuantizeLinear, "
                f"expected at most {DEEPEST}",
                "quantize the operators between them too",
            )

    @abstractmethod
    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        """Add the nodes that compute it on `scheme`. Raises Refusal where none can."""

    @property
    def reach(self) -> Interval | None:
        """Bound the values that it may have; None where nothing bounds them."""
        return None

    def build_real(self, work: GraphBuilder) -> View | None:
        """Add the nodes that compute it in float32, for an output; None where no kernel can."""
        return None

    @cached_property
    def depth(self) -> int:
        """How many float operators read one another, this one last."""
        return 1 + max((v.depth for v in self.operands if isinstance(v, Deferred)), default=0)

    @property
    def x(self) -> Value:
        """The first operand."""
        return self.operands[0]


class GraphBuilder:
    """The graph so far. Its methods raise Refusal about the operator `node`."""

    def __init__(self, names: Unique, layouts: dict[str, Shape]) -> None:
        self.nodes: list[Node] = []
        self.inputs: dict[str, Stored] = {}
        self.steps: dict[str, tuple[Step, ...]] = {}  # before each of the inputs is quantized
        self.notes: list[str] = []  # what the user should know of how the file was read
        self.scaled: dict[Value, None] = {}  # float results that got a scale of ours
        self.node: OnnxNode | None = None
        self._names = names
        self._layouts = layouts  # the stored places of the inputs' axes
        self._layers = Unique()
        self._built: dict[tuple[Value, tuple[float, int]], View] = {}
        self._constants: dict[tuple[Constant, str], Tensor] = {}
        self._whole: dict[Tensor, Tensor] = {}  # a reshaped tensor -> the tensor before
        self._tables: dict[Tensor, tuple[Tensor, Int8]] = {}  # what it is looked up from
        self._moved: dict[tuple[Tensor, Shape], Tensor] = {}

    @contextmanager
    def at(self, node: OnnxNode) -> Iterator[None]:
        """Build for `node`. After a refusal `self.node` is the innermost node."""
        before, self.node = self.node, node
        yield
        self.node = before

    def emit(
        self,
        op: Op,
        inputs: tuple[Tensor, ...],
        shape: Shape,
        scheme: Quant | Scheme | None,
        dtype: DType = DType.INT8,
    ) -> Tensor:
        """Add a node named after the operator being read, and return its output.

        The output is of `dtype` on `scheme`, or float32 without one.
        """
        assert self.node is not None
        quant = scheme.quant if isinstance(scheme, Scheme) else scheme
        if quant is None:
            dtype = DType.FLOAT32
        want_bytes(f"its output {list(shape)}", prod(shape) * dtype.itemsize, FEWER)
        layer = layer_name(self.node)
        if isinstance(op, Reshape | Transpose) and self.node.op.lower() != op.kind:
            layer = f"{layer}/{op.kind}"
        outputs = self.node.outputs
        name = outputs[0] if outputs and outputs[0] else layer
        output = Tensor(self.named(name), shape, dtype, quant)
        op.check(inputs, output)
        self.nodes.append(Node(self._layers.take(layer), op, inputs, output, self.node.origin))
        return output

    def emit_moved(self, op: Op, tensors: tuple[Tensor, ...], shape: Shape) -> Tensor:
        """Add a node that only moves values: its output keeps the inputs' quantization."""
        quant = tensors[0].quant
        if quant is None:
            raise Refusal("it moves float32 in memory, supported: int8", QUANTIZE_TOO)
        return self.emit(op, tensors, shape, quant, tensors[0].dtype)

    def named(self, name: str) -> str:
        """Take a name of a tensor that nothing else has."""
        return self._names.take(name)

    def table_of(self, tensor: Tensor) -> tuple[Tensor, Int8]:
        """Find the tensor each element of `tensor` is looked up from, and the table.

        The table holds the answers to -128 to 127: int8 (256,).
        """
        own = np.arange(-128, 128, dtype=np.int8)
        source, table = self._tables.get(tensor, (tensor, own))
        if source is tensor or source not in self._tables:
            return source, table
        first, inner = self.table_of(source)
        return first, table[inner.astype(np.int64) + 128]

    def constant(
        self, source: Constant, tag: str, data: Array, quant: Quant | None = None
    ) -> Tensor:
        """Return the tensor of `source` in the form `tag`: the same tensor for each request."""
        key = (source, tag)
        if key not in self._constants:
            dtype = DType(data.dtype.name)
            name = self.named(source.name or "constant")
            data = np.ascontiguousarray(data)
            self._constants[key] = Tensor(name, data.shape, dtype, quant, data)
        return self._constants[key]

    def realize(self, value: Value, scheme: Scheme) -> View:
        """Give `value` on `scheme`: unchanged, requantized, or computed."""
        key = (value, scheme.key)
        if key not in self._built:
            self._built[key] = self._realize(value, scheme)
        return self._built[key]

    def _realize(self, value: Value, scheme: Scheme) -> View:
        if isinstance(value, Stored):
            return self.requantized(value, scheme)
        if isinstance(value, Edge):
            return self.fed(value, scheme)
        if isinstance(value, Constant):
            return self.constant_view(value, scheme)
        assert isinstance(value, Deferred)
        with self.at(value.origin):
            return value.build(self, scheme)

    def settled(
        self,
        value: Value,
        place: str = "input",
        within: Interval = EVERYTHING,
        most: float = SCALE_LIMITS[1],
    ) -> Stored:
        """Give `value` as a stored tensor; a float result gets a scale of our own.

        The scale covers every value that it may have, as far as it lies `within` what its reader
        tells apart. Raises Refusal, which calls the value `place`, where nothing bounds it, and
        where its scale is above `most`: the least float32 as a mask makes such scales.
        """
        if isinstance(value, Stored) and value.real:
            if value.scheme.scale > most:
                raise Refusal(
                    f"its {place} has scale {value.scheme.scale:g}, expected at most {most:g}",
                    "use a mask of -10000 in place of -inf or the least float32",
                )
            return value
        reach = reach_of(value) if isinstance(value, Deferred) else None
        if reach is None:
            raise Refusal(
                f"its {place} is a float32 result without QuantizeLinear, supported: int8",
                QUANTIZE_TOO,
            )
        low, high = (float(np.clip(end, *within)) for end in reach)
        scheme = Scheme.covering(low, high)
        self.scaled.setdefault(value)
        return Stored(self.realize(value, scheme), scheme, real=True)

    def output_of(self, value: Deferred) -> Stored | None:
        """Compute a float result as an output in float32; None where no kernel can."""
        nodes, known = list(self.nodes), [dict(found) for found in self._known]
        try:
            with self.at(value.origin):
                view = value.build_real(self)
        except Refusal:
            view = None
        if view is None or not (view.aligned or view.in_order):
            self.nodes[:] = nodes
            for found, before in zip(self._known, known, strict=True):
                found.clear()  # else a later reader takes what no node computes any more
                found.update(before)
            return None
        return Stored(view, REALS, real=True)

    @property
    def _known(self) -> tuple[dict[Any, Any], ...]:
        """What names tensors that nodes compute."""
        return self._built, self._whole, self._tables, self._moved

    def requantized(self, value: Stored, scheme: Scheme) -> View:
        """Requantize a stored tensor; it stays unchanged where its scheme is the same."""
        view = value.view
        if value.scheme.key == scheme.key:
            return view
        table = scheme.store(value.scheme.reals())
        return self.looked_up("requantize", view, table, scheme)

    def looked_up(self, name: str, view: View, table: Int8, scheme: Scheme) -> View:
        """Look `view` up in `table`, which answers its stored values -128 to 127."""
        op = Lookup(name, tuple(int(v) for v in table))
        output = self.emit(op, (view.tensor,), view.tensor.shape, scheme)
        self._tables[output] = (view.tensor, table)
        return View(output, view.perm, view.shape)

    def limits(self, tensor: Tensor) -> tuple[int, int]:
        """Bound the stored values of a tensor, as the operator that writes it does."""
        for node in reversed(self.nodes):
            if node.output is tensor:
                if isinstance(node.op, Lookup):
                    return min(node.op.table), max(node.op.table)
                act: Activation = getattr(node.op, "act", "none")
                return activation_range(act, tensor)
        return RANGE[tensor.dtype]

    def constant_view(self, value: Constant, scheme: Scheme, perm: Shape | None = None) -> View:
        """Quantize a constant to `scheme`, with logical axis i stored at `perm[i]`."""
        perm = flat_perm(value.shape) if perm is None else perm
        data = scheme.store(value.float).transpose(inverse(perm))
        tag = f"activation {scheme.key} {perm}"
        return View(self.constant(value, tag, data, scheme.quant), perm, value.shape)

    def fed(self, edge: Edge, scheme: Scheme, steps: tuple[Step, ...] = ()) -> View:
        """Return the graph's input; the first quantization that is found defines it.

        Whoever feeds it takes `steps` before. Raises Refusal where other readers need others.
        """
        if not _equal(self.steps.setdefault(edge.name, steps), steps):
            raise Refusal(
                "input "
                f"'{printable(edge.name)}' is quantized twice, after different sums and products",
                "quantize the input first: one QuantizeLinear right after it",
            )
        if edge.name not in self.inputs:
            perm = self._layouts.get(edge.name, flat_perm(edge.shape))
            stored = permuted(edge.shape, inverse(perm))
            tensor = Tensor(edge.name, stored, DType.INT8, scheme.quant)
            self.inputs[edge.name] = Stored(View(tensor, perm, edge.shape), scheme, True)
        return self.requantized(self.inputs[edge.name], scheme)

    def reshaped(self, tensor: Tensor, shape: Shape) -> Tensor:
        """Give the same bytes another shape; the tensor itself where it already has it."""
        whole = self._whole.get(tensor, tensor)
        if tensor.shape == shape or whole.shape == shape:
            return tensor if tensor.shape == shape else whole
        key = (whole, shape)
        if key not in self._moved:
            self._moved[key] = self.emit_moved(Reshape(), (whole,), shape)
            self._whole[self._moved[key]] = whole
        return self._moved[key]

    def aligned(self, view: View) -> View:
        """Bring `view` into a form where each logical axis is a stored axis."""
        if view.aligned:
            return view
        found = renamed(view)
        if found is None:
            logical = permuted(view.tensor.shape, view.perm)
            flat = self.ordered(View(view.tensor, view.perm, logical))
            return View(self.reshaped(flat.tensor, view.shape), flat_perm(view.shape), view.shape)
        return View(self.reshaped(view.tensor, found[0]), found[1], view.shape)

    def ordered(self, view: View, perm: Shape | None = None) -> View:
        """Store logical axis i of `view` at `perm[i]`, by default in the file's order."""
        view = self.aligned(view)
        perm = flat_perm(view.shape) if perm is None else perm
        if view.perm == perm:
            return view
        stored = permuted(view.shape, inverse(perm))
        if same_memory(view, perm):
            return View(self.reshaped(view.tensor, stored), perm, view.shape)
        moves = tuple(view.perm[axis] for axis in inverse(perm))
        key = (view.tensor, (-1, *moves))
        if key not in self._moved:
            self._moved[key] = self.emit_moved(Transpose(moves), (view.tensor,), stored)
        return View(self._moved[key], perm, view.shape)


def _equal(some: tuple[Step, ...], others: tuple[Step, ...]) -> bool:
    """True for the same steps."""
    return len(some) == len(others) and all(
        a.kind == b.kind and np.array_equal(a.operand, b.operand)
        for a, b in zip(some, others, strict=True)
    )


def reach_of(value: Value) -> Interval | None:
    """Bound the real values that `value` may have; None where nothing bounds them."""
    if isinstance(value, Deferred):
        return value.reach
    if isinstance(value, Stored):
        return spanned(value.scheme.reals()) if value.real else None
    return spanned(value.real) if isinstance(value, Constant) else None


def united(bounds: Iterable[Interval | None]) -> Interval | None:
    """Return the interval that holds all of `bounds`; None where one is unknown."""
    known = list(bounds)
    lows = [bound[0] for bound in known if bound is not None]
    highs = [bound[1] for bound in known if bound is not None]
    return (min(lows), max(highs)) if lows and len(lows) == len(known) else None


def spanned(values: NDArray[np.floating[Any]]) -> Interval | None:
    """Return the least and the largest finite one of `values`; None where none is finite."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else None


def flat_perm(shape: Shape) -> Shape:
    """Return the permutation of a tensor stored in the file's order."""
    return tuple(range(len(shape)))
