# SPDX-License-Identifier: Apache-2.0
"""Chooses the cheapest kernel that can compute a layer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from mcuforge.compiler.calls import Call, Params, Reads, RingRows, RowOf
from mcuforge.compiler.graph import Node
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.schedule.cost import LayerCost, layer_cost
from mcuforge.compiler.schedule.schedule import Execution
from mcuforge.compiler.tensors import Tensor, is_unknown
from mcuforge.runtime_c.sources import PORTABLE

Form = tuple[Execution, int]  # how a layer runs, and by how many rows
AllReads = tuple[Reads | None, ...]  # an entry for each input


def layer_key(node: Node) -> Hashable:
    """Everything that a layer's calls depend on but the names of its tensors.

    Heads of one attention have equal keys if they are without weights or their weights are unknown.
    Copies of a layer in several forms of a graph have equal keys too.
    """
    seen: dict[Tensor, int] = {}
    tensors: list[object] = []
    for tensor in (*node.inputs, node.output):
        data = tensor.data
        if data is not None and not is_unknown(data):
            tensors.append(tensor)
        else:
            number = seen.setdefault(tensor, len(seen))
            tensors.append((number, data is None, tensor.shape, tensor.dtype, tensor.quant))
    return (node.op, *tensors)


def shape_key(node: Node) -> Hashable:
    """Everything that a layer's reads depend on: not on weights, scales or names."""
    tensors = (*node.inputs, node.output)
    return (node.op, *((t.shape, t.dtype, t.is_constant) for t in tensors))


@dataclass(eq=False)
class Reading:
    """What layers with one `shape_key` read, and the first of them."""

    node: Node

    @cached_property
    def whole(self) -> AllReads:
        """What the layer reads, run whole."""
        return self.node.op.reads(self.node.inputs, self.node.output)

    @cached_property
    def by_rows(self) -> AllReads | None:
        """What the layer reads, run by rows."""
        return self.node.op.row_reads(self.node.inputs, self.node.output)


@dataclass(eq=False)
class Alike:
    """Layers with one key, and what has been found out about the first of them."""

    node: Node
    reading: Reading
    calls: dict[Form, tuple[Call, ...]] = field(default_factory=dict)
    costs: dict[Form, LayerCost] = field(default_factory=dict)
    savings: dict[Form, int] = field(default_factory=dict)
    ways: dict[Form, tuple[tuple[Call, ...], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownLayers:
    """What has been found out about layers, by their keys and by their shapes."""

    alike: dict[Hashable, Alike] = field(default_factory=dict)
    reading: dict[Hashable, Reading] = field(default_factory=dict)


class Calls:
    """Knows the kernel calls of layers on one ISA; equal layers share them, as they take long.

    `packed`: False leaves out kernels with packed weights. The others are compiled for the ISA all
    the same, so its prices hold. `rows` are the rows that a layer is run by: of its output, or of
    its input where it adds up. `key` says which layers are equal. `known`: what was found out about
    layers by this key, with the same ISA and kernels.
    """

    def __init__(
        self,
        isa: str,
        key: Callable[[Node], Hashable] = layer_key,
        known: KnownLayers | None = None,
        *,
        packed: bool = True,
    ) -> None:
        self.isa = isa
        self.packed = packed
        self._key = key
        self._known = KnownLayers() if known is None else known
        self._alike: dict[Node, Alike] = {}
        self._renamed: dict[tuple[Node, Form], tuple[Call, ...]] = {}

    def alike(self, node: Node) -> Alike:
        """What is known of this layer and those equal to it."""
        found = self._alike.get(node)
        if found is None:
            key = self._key(node)
            found = self._known.alike.get(key)
            if found is None:
                reading = self._known.reading.setdefault(shape_key(node), Reading(node))
                found = self._known.alike[key] = Alike(node, reading)
            self._alike[node] = found
        return found

    def of(self, node: Node, execution: Execution, rows: int) -> tuple[Call, ...]:
        """The calls with the fewest instructions that compute `node`; none for rows that arrive."""
        alike = self.alike(node)
        calls = self._calls_of(alike, (execution, rows))
        if node is alike.node:
            return calls
        key = (node, (execution, rows))
        if key not in self._renamed:
            old, new = (*alike.node.inputs, alike.node.output), (*node.inputs, node.output)
            tensors = dict(zip(old, new, strict=True))
            self._renamed[key] = tuple(_renamed(call, tensors) for call in calls)
        return self._renamed[key]

    def like(self, node: Node, execution: Execution, rows: int) -> tuple[Call, ...]:
        """The same calls, but maybe with the tensors of an equal layer."""
        return self._calls_of(self.alike(node), (execution, rows))

    def cost(self, node: Node, execution: Execution, rows: int) -> LayerCost:
        """The instructions of these calls."""
        alike, form = self.alike(node), (execution, rows)
        if form not in alike.costs:
            alike.costs[form] = self._cost(alike.node, form, self._calls_of(alike, form))
        return alike.costs[form]

    def saving(self, node: Node, execution: Execution, rows: int) -> int:
        """Bytes of constants that other kernels save, as `slim.slimmed` calls them at need."""
        alike, form = self.alike(node), (execution, rows)
        if form not in alike.savings:
            calls = self._calls_of(alike, form)
            others = with_less(calls, alike.node, form, self.isa, most_bytes, alike.ways.get(form))
            alike.savings[form] = max((saved for _, saved in others), default=0)
        return alike.savings[form]

    def scratch_bytes(self, node: Node, execution: Execution, rows: int) -> int:
        """Bytes of the buffer that these calls share, one after the other."""
        calls = self.like(node, execution, rows)
        return max((call.scratch_bytes for call in calls), default=0)

    def _calls_of(self, alike: Alike, form: Form) -> tuple[Call, ...]:
        if form not in alike.calls:
            execution, rows = form
            tasks = 1 if execution is Execution.WHOLE else rows
            ways = variants(alike.node, execution, rows, self.isa if self.packed else PORTABLE)
            if self.packed:
                alike.ways[form] = ways
            alike.calls[form] = ways[0]
            if len(ways) > 1:
                alike.calls[form] = min(
                    ways, key=lambda calls: self._cost(alike.node, form, calls).of(tasks)
                )
        return alike.calls[form]

    def _cost(self, node: Node, form: Form, calls: tuple[Call, ...]) -> LayerCost:
        return layer_cost(node, *form, self.isa, calls[0].kernel if calls else "")


def _renamed(call: Call, tensors: dict[Tensor, Tensor]) -> Call:
    """The same call for other tensors."""
    args = tuple(
        tensors.get(arg, arg)
        if isinstance(arg, Tensor)
        else replace(arg, source=tensors.get(arg.source, arg.source))
        if isinstance(arg, RowOf) and isinstance(arg.source, Tensor)
        else arg
        for arg in call.args
    )
    params = call.params
    if params is not None and any(isinstance(value, RingRows) for _, value in params.fields):
        fields = tuple(
            (name, replace(value, tensor=tensors.get(value.tensor, value.tensor)))
            if isinstance(value, RingRows)
            else (name, value)
            for name, value in params.fields
        )
        params = Params(params.struct, fields)
    return replace(call, args=args, params=params)


def variants(node: Node, execution: Execution, rows: int, isa: str) -> tuple[tuple[Call, ...], ...]:
    """The ways to compute `node` on `isa`: with its packed weights first, then without."""
    calls = _calls(node, execution, rows, isa)
    if not calls or calls[0].kernel not in find_instruction_set(isa).packed_kernels:
        return (calls,)
    return (calls, _calls(node, execution, rows, PORTABLE))


def with_less(
    calls: tuple[Call, ...],
    node: Node,
    form: Form,
    isa: str,
    bytes_of: Callable[[tuple[Call, ...]], int],
    ways: Sequence[tuple[Call, ...]] | None = None,
) -> Iterator[tuple[tuple[Call, ...], int]]:
    """Other ways to compute `node` with fewer bytes of constants: their calls, and the bytes saved.

    None of them needs more scratch than `calls` do, so they fit into any plan made for these.
    `ways`: the `variants` of this form, if they are known.
    """
    if form[0] not in (Execution.WHOLE, Execution.ROWS) or not calls:
        return
    held, scratch = bytes_of(calls), max(call.scratch_bytes for call in calls)
    for other in variants(node, *form, isa) if ways is None else ways:
        saved = held - bytes_of(other)
        if saved > 0 and max(call.scratch_bytes for call in other) <= scratch:
            yield other, saved


def most_bytes(calls: tuple[Call, ...]) -> int:
    """Bytes of constants that the calls may take, without packing any weights."""
    blobs = (blob for call in calls for blob in call.blobs())
    return sum(blob.most_bytes or blob.data.nbytes for blob in blobs)


def _calls(node: Node, execution: Execution, rows: int, isa: str) -> tuple[Call, ...]:
    match execution:
        case Execution.WHOLE:
            return node.op.calls(node.inputs, node.output, isa)
        case Execution.ROWS:
            return node.op.row_calls(node.inputs, node.output, isa)
        case Execution.ACCUMULATE:
            return node.op.accumulate(node.inputs, node.output, isa, rows) or ()
        case Execution.ARRIVE:
            return ()
