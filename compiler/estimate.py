# SPDX-License-Identifier: Apache-2.0
"""What a network costs on a board, before it has weights and without building anything.

An architecture search asks for tens of thousands of candidates. Most are decided by something far
cheaper than a plan. `Estimator.cost` goes through four tiers, and stops where the limits decide:

    sums    weights, code and instructions are sums over layers: too much of them is refused
    layers  the network is cut where one tensor alone is alive, usually between blocks. Each segment
            is looked at by itself, every layer whole or by rows: RAM that suffices. Equal segments
            are looked at once, in all networks
    bound   RAM that every plan needs (`Candidates.bound`): too much of it is refused
    plan    the plan that `compile_graph` makes, to the byte

A graph whose weights are unknown (`tensors.unknown`) plans as one with weights does. What depends
on their values is taken to be as in trained networks, and named in `Cost.assumed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import frexp
from typing import Literal

from mcuforge.compiler.calls import Call
from mcuforge.compiler.codegen.stages import WORD_BYTES, table_bytes
from mcuforge.compiler.compile import Memories, PlanOptions, plan_graph
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.code_size import CodeSize, code_size
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.schedule.candidates import Candidates
from mcuforge.compiler.schedule.choose import least_bytes, stages_of
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.compiler.schedule.estimate import Known
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.schedule import Execution, Schedule
from mcuforge.compiler.schedule.search import SLACK
from mcuforge.compiler.tensors import Tensor, is_unknown
from mcuforge.runtime_c.sources import PORTABLE

Tier = Literal["sums", "layers", "bound", "plan"]
Limit = Literal["flash", "instructions", "ram"]

HOLES = 16  # a sixteenth of RAM is left for holes of a plan, where only layers were looked at
ORDER_BYTES = 16  # of a pipeline's order, for each of its layers: more than was met
FASTER = 0.99  # what a plan takes at least of the instructions of its layers run whole
SLOWER = 1.02 * SLACK  # and at most: all attention of a plan has one form, not each its fastest
OF_TRAINING = ("gamma", "beta")  # constants that differ in every layer once it is trained
LONG = 4096  # bytes of a known constant; longer ones are told apart by identity
Key = tuple[object, ...]


@dataclass(frozen=True)
class Target:
    """What candidates are to fit: a board's memories and kernels, and the user's limits.

    `flash`: bytes for constants and code, without the check firmware. `max_instructions`: of one
    inference, None for no limit.
    """

    isa: str
    cpu: str
    memories: Memories
    flash: int
    options: PlanOptions = field(default_factory=PlanOptions)
    max_instructions: float | None = None

    @property
    def ram(self) -> int:
        """Bytes that all arenas may take together."""
        there = sum(region.bytes for region in self.memories.joined)
        budget = self.options.ram_budget
        return there if budget is None else min(there, budget)

    @property
    def one_memory(self) -> int:
        """Bytes that an arena may take which lies in one memory."""
        return min(self.ram, max(region.bytes for region in self.memories.joined))

    @cached_property
    def code(self) -> CodeSize:
        """What code takes on this CPU."""
        return code_size(self.isa, self.cpu)


@dataclass(frozen=True)
class Cost:
    """What a network takes: bytes of RAM and flash, instructions of an inference.

    `tier` says how it is known. `arena` is to the byte in tier `plan`; it suffices in `layers`; no
    plan needs less in `sums` and `bound`. `ram` adds the most that variables and stack were seen to
    take. `flash` is without the check firmware. `refused` lists the limits that are passed; empty:
    it fits. `assumed` names the layers that take twice their flash if a filter's mean |w| is above
    `MEAN_WEIGHT`; `flash_most` counts them so.
    """

    tier: Tier
    arena: int
    ram: int
    flash: int
    flash_most: int
    instructions: float
    refused: tuple[Limit, ...]
    assumed: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """True when no limit is passed."""
        return not self.refused


class Estimator:
    """Costs networks for one target; remembers segments and pipelines that it has met."""

    def __init__(self, target: Target, known: Known | None = None) -> None:
        self.target = target
        self._known = Known() if known is None else known
        self._segments: dict[Key, _Segment] = {}

    def cost(self, graph: Graph, *, exact: bool = False) -> Cost:
        """Cost `graph` by the first tier that decides; by its plan if `exact`.

        Raises CompileError where `plan_graph` does.
        """
        if exact:
            return self._by_plan(graph)
        parts = [self._segment(graph, begin, end) for begin, end in segments(graph)]
        cost = self._by_sums(graph, parts)
        if cost.refused:
            return cost
        return self._by_layers(graph, parts) or self._by_bound(graph, cost)

    def _by_sums(self, graph: Graph, parts: Sequence[_Segment]) -> Cost:
        """What no plan goes below."""
        streamed = self.target.options.streamed
        least = 0 if streamed else sum(tensor.bytes for tensor in graph.inputs)
        flash = sum(part.least_constants for part in parts)
        flash += self._kernels(part.least_kernels for part in parts)
        return self._cost("sums", graph, least, flash, FASTER * _fastest(parts))

    def _by_layers(self, graph: Graph, parts: Sequence[_Segment]) -> Cost | None:
        """What suffices; None where that may pass a limit that a plan keeps."""
        limit = self.target.max_instructions
        if limit is not None and SLOWER * _fastest(parts) > limit:
            return None
        layers = sum(part.most_layers for part in parts)
        calls = sum(part.most_calls for part in parts)
        of_calls = self.target.code.of_calls
        flash = sum(part.most_constants for part in parts) + ORDER_BYTES * layers
        flash += self._kernels(part.most_kernels for part in parts)
        flash += max(of_calls(calls, 0, 0), of_calls(0, calls, layers // 2))
        for whole in (True, False):
            arena = max((part.whole if whole else part.enough for part in parts), default=0)
            if HOLES * arena <= (HOLES - 1) * self.target.one_memory:
                cost = self._cost("layers", graph, arena, flash, _fastest(parts))
                return cost if cost.fits else None
        return None

    def _by_bound(self, graph: Graph, sums: Cost) -> Cost:
        """RAM that every plan needs; the plan itself where that is there."""
        optimized, least = optimize(graph), []
        for isa in (self.target.isa, PORTABLE):  # the ladder's kernels: less scratch, more work
            options = self.target.options
            least.append(least_bytes(optimized, Calls(isa), options, self._known))
            if least[-1] <= self.target.ram:
                return self._by_plan(graph)
        return self._cost("bound", graph, min(least), sums.flash, sums.instructions)

    def _by_plan(self, graph: Graph) -> Cost:
        target = self.target
        planned = plan_graph(
            graph, target.isa, target.memories, options=target.options, known=self._known
        )
        layers = planned.schedule.layers
        calls = [call for layer in layers for call in layer.calls]
        flash = _constant_bytes(calls) + table_bytes(planned.schedule)
        flash += target.code.of_kernels(call.kernel for call in calls)
        flash += target.code.of_calls(*counted_calls(planned.schedule))
        instructions = sum(schedule_costs(planned.schedule, planned.isa))
        return self._cost(
            "plan", graph, planned.arena_bytes, flash, instructions, over=not planned.fits
        )

    def _cost(
        self,
        tier: Tier,
        graph: Graph,
        arena: int,
        flash: int,
        instructions: float,
        *,
        over: bool = False,
    ) -> Cost:
        """The cost and the limits it passes; `over`: some memory is too small for the plan."""
        target = self.target
        most = target.max_instructions
        doubled = list(_doubled(graph, target.isa))
        limits: tuple[tuple[Limit, bool], ...] = (
            ("flash", flash > target.flash),
            ("instructions", most is not None and instructions > most),
            ("ram", over or arena > target.ram),
        )
        return Cost(
            tier,
            arena,
            arena + target.code.static + target.code.stack,
            flash,
            flash + sum(node.inputs[1].bytes for node in doubled),
            instructions,
            tuple(limit for limit, passed in limits if passed),
            tuple(node.name for node in doubled),
        )

    def _kernels(self, names: Iterable[frozenset[str]]) -> int:
        """Bytes of all kernels named."""
        return self.target.code.of_kernels(frozenset[str]().union(*names))

    def _segment(self, graph: Graph, begin: int, end: int) -> _Segment:
        """Look at nodes [begin, end) by themselves, once for all equal ones."""
        streamed = self.target.options.streamed and begin == 0
        key = (streamed, *segment_key(graph.nodes[begin:end]))
        if key not in self._segments:
            part = optimize(segment_graph(graph, begin, end))
            options = PlanOptions(streamed=streamed)
            self._segments[key] = _Segment(part, self.target.isa, options, self._known)
        return self._segments[key]


class _Segment:
    """What part of a network takes, whatever stands before and behind it."""

    def __init__(self, graph: Graph, isa: str, options: PlanOptions, known: Known) -> None:
        self._graph, self._isa, self._options, self._known = graph, isa, options, known
        every = self._stages()  # not kept: a search meets thousands of segments
        plain = every[0].estimates
        computed = [i for i, node in enumerate(plain.nodes) if node.inputs]
        self.whole = max((plain.whole(i).bytes for i in computed), default=0)
        """RAM that suffices where every layer runs whole."""
        self.fastest = min(
            sum(cost.of(1) for cost in stages.estimates.whole_costs) for stages in every
        )
        ways = [_calls(stages, by_rows=by_rows) for stages in every for by_rows in (False, True)]
        self.most_calls = max(len(calls) for calls in ways)
        self.most_layers = max(len(stages.nodes) for stages in every)
        kernels = [frozenset(call.kernel for call in calls) for calls in ways]
        self.least_kernels = kernels[0].intersection(*kernels)
        self.most_kernels = kernels[0].union(*kernels)
        constants = [
            _constant_bytes(calls) + WORD_BYTES * sum(call.words for call in calls)
            for calls in ways
        ]
        self.least_constants, self.most_constants = min(constants), max(constants)

    def _stages(self) -> list[Candidates]:
        return stages_of(self._graph, Calls(self._isa), self._options, self._known)

    @cached_property
    def enough(self) -> int:
        """RAM that suffices, each layer whole or by rows, in the best form of attention."""
        return min(
            max((min(choice.bytes for choice in at) for at in stages.singles), default=0)
            for stages in self._stages()
        )


def _calls(stages: Candidates, *, by_rows: bool) -> list[Call]:
    """The calls of every node, whole, or by rows where it can."""
    of = stages.estimates.calls.of
    found: list[Call] = []
    for node, row in zip(stages.nodes, stages.estimates.rows, strict=True):
        if by_rows and row is not None:
            found += of(node, row.execution, row.steps)
        elif node.inputs:
            found += of(node, Execution.WHOLE, node.output.rows)
    return found


def counted_calls(schedule: Schedule) -> tuple[int, int, int]:
    """Calls that compute whole layers, calls of pipelines, and pipelines."""
    counts = [0, 0, 0]
    for stage in schedule.stages:
        calls = sum(len(layer.calls) for layer in stage.layers)
        counts[stage.is_pipeline] += calls
        counts[2] += stage.is_pipeline
    whole, by_rows, pipelines = counts
    return whole, by_rows, pipelines


def segments(graph: Graph) -> list[tuple[int, int]]:
    """Cut the nodes where one tensor alone is alive: [begin, end) of each segment.

    Behind a class token's slice little of the last block is computed, so both are one segment.
    """
    found: list[tuple[int, int]] = []
    for begin, end in _narrow(graph):
        if any(isinstance(node.op, Slice) for node in graph.nodes[begin:end]):
            while found and not _attends(graph.nodes[begin:end]):
                begin, _ = found.pop()
        found.append((begin, end))
    return found


def segment_graph(graph: Graph, begin: int, end: int) -> Graph:
    """Nodes [begin, end) as a graph of their own: what they read is its input."""
    nodes = graph.nodes[begin:end]
    written = {id(node.output) for node in nodes}
    inputs = {id(t): t for n in nodes for t in n.activations if id(t) not in written}
    read_later = {id(t) for node in graph.nodes[end:] for t in node.inputs}
    outputs = (node.output for node in nodes)
    kept = (t for t in outputs if id(t) in read_later or graph.is_output(t))
    return Graph(graph.name, tuple(inputs.values()), tuple(kept), nodes, graph.source)


def _attends(nodes: Sequence[Node]) -> bool:
    return any(isinstance(node.op, BatchMatMul) for node in nodes)


def _narrow(graph: Graph) -> Iterator[tuple[int, int]]:
    last_read = {id(t): i for i, node in enumerate(graph.nodes) for t in node.activations}
    last_read |= {id(tensor): len(graph.nodes) for tensor in graph.outputs}
    alive = {id(t) for t in graph.inputs if id(t) in last_read}
    begin = 0
    for i, node in enumerate(graph.nodes):
        alive.add(id(node.output))
        alive -= {id(t) for t in node.activations if last_read[id(t)] == i}
        if len(alive) == 1 and i + 1 < len(graph.nodes):
            yield begin, i + 1
            begin = i + 1
    yield begin, len(graph.nodes)


def _fastest(parts: Sequence[_Segment]) -> float:
    return sum(part.fastest for part in parts)


def _doubled(graph: Graph, isa: str) -> Iterator[Node]:
    """The layers whose packed weights take twice as much if weights are large."""
    depends = find_instruction_set(isa).depends_on_weights
    for node in graph.nodes:
        weights = node.inputs[1] if len(node.inputs) > 1 else None
        if weights is None or weights.data is None or not is_unknown(weights.data):
            continue
        if weights.shape[0] > 1 and depends(weights.elements // weights.shape[0]):
            yield node


def _constant_bytes(calls: Sequence[Call]) -> int:
    """Bytes of the constants; equal tables lie in flash once."""
    total = 0
    tables: set[tuple[str, bytes]] = set()
    for call in calls:
        for blob in call.blobs():
            if blob.most_bytes:
                total += blob.most_bytes
            elif blob.role in OF_TRAINING or is_unknown(blob.data):
                total += blob.data.nbytes
            elif (key := (blob.data.dtype.name, blob.data.tobytes())) not in tables:
                tables.add(key)
                total += blob.data.nbytes
    return total


def segment_key(nodes: Sequence[Node]) -> Iterator[object]:
    """What a segment's cost depends on: operators, shapes, and who reads what."""
    numbers: dict[int, int] = {}
    for node in nodes:
        yield node.op
        for tensor in node.inputs:
            if tensor.data is not None:
                yield _constant_key(tensor)
            else:
                yield (numbers.setdefault(id(tensor), len(numbers)), tensor.shape, tensor.dtype)
        yield (numbers.setdefault(id(node.output), len(numbers)), node.output.shape)
        yield _factor(node)


def _constant_key(tensor: Tensor) -> object:
    """A constant by its shape; where its values are known and may matter, by these."""
    data = tensor.values()
    if is_unknown(data):
        return (tensor.shape, tensor.dtype)
    known = data.tobytes() if data.nbytes <= LONG else id(tensor)
    return (tensor.shape, tensor.dtype, known)


def _factor(node: Node) -> int:
    """The size of a layer's factors, of which the choice of a kernel depends: its power of two."""
    weights = node.inputs[1] if len(node.inputs) > 1 else None
    if weights is None or weights.quant is None or node.output.quant is None:
        return 0
    scale = node.inputs[0].scale * max(weights.quant.scale) / node.output.scale
    return max(frexp(scale)[1], -1)
