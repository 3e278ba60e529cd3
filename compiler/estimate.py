# SPDX-License-Identifier: Apache-2.0
"""What a network costs on a board, before it has weights and without building anything.

An architecture search asks for tens of thousands of candidates. Most are decided by something far
cheaper than a plan. `Estimator.cost` goes through four tiers, and stops where the limits decide:

    sums    weights, code and instructions are sums over layers: too much of them is refused. If
            the weights alone are too many, nothing else is looked at
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
from typing import Literal

from mcuforge.compiler.attention.parts import is_elementwise, is_move
from mcuforge.compiler.calls import Blob, Call
from mcuforge.compiler.codegen.stages import WORD_BYTES, table_bytes
from mcuforge.compiler.compile import Memories, PlanOptions, plan_graph
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.code_size import CodeSize, code_size
from mcuforge.compiler.ops.convolution import ConvolutionOp
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.schedule.candidates import Candidates
from mcuforge.compiler.schedule.choose import least_bytes, stages_of
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.compiler.schedule.estimate import Known
from mcuforge.compiler.schedule.fit import with_smaller_constants
from mcuforge.compiler.schedule.kernels import Calls, KnownLayers
from mcuforge.compiler.schedule.schedule import Execution, Schedule
from mcuforge.compiler.schedule.search import SLACK
from mcuforge.compiler.schedule.segments import layer_cost_key, segment_key, segments
from mcuforge.compiler.tensors import is_unknown

Tier = Literal["sums", "layers", "bound", "plan"]
Limit = Literal["flash", "instructions", "ram"]

HOLES = 16  # a sixteenth of RAM is left for holes of a plan, where only layers were looked at
ORDER_BYTES = 24  # of a pipeline's order, for each of its layers: 14 at most in plans looked at
FASTER = 0.99  # what a plan takes at least of the instructions of its layers run whole
SLOWER = 1.02 * SLACK  # and at most: all attention of a plan has one form, not each its fastest
OF_TRAINING = ("gamma", "beta")  # constants that differ in every layer once it is trained
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
    it fits. `assumed` names the layers that take more flash if a filter's mean |w| is above
    `MEAN_WEIGHT`; `flash_most` counts that. `instructions` are the plan's in tier `plan`, in the
    others those of the fastest plan. Where the weights alone are refused, `flash` counts these and
    `instructions` are 0.
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
        self._layers = _Layers(target.isa, packed=True), _Layers(target.isa, packed=False)

    def cost(self, graph: Graph, *, exact: bool = False) -> Cost:
        """Cost `graph` by the first tier that decides; by its plan if `exact`.

        Raises CompileError where `plan_graph` does.
        """
        if exact:
            return self._by_plan(graph)
        refused = self._by_weights(graph)
        if refused is not None:
            return refused
        streamed = self.target.options.streamed
        parts = [
            self._segment(part, streamed=streamed and number == 0)
            for number, part in enumerate(segments(graph))
        ]
        cost = self._by_sums(graph, parts)
        if cost.refused:
            return cost
        return self._by_layers(graph, parts) or self._by_bound(graph, cost)

    def _by_weights(self, graph: Graph) -> Cost | None:
        """What the weights alone exceed; None where they fit, or where instructions may not."""
        weights = _weights_bytes(graph)
        if weights <= self.target.flash or self.target.max_instructions is not None:
            return None
        return self._cost("sums", graph, self._input_bytes(graph), weights, 0.0)

    def _input_bytes(self, graph: Graph) -> int:
        """Bytes of the inputs that lie in RAM whatever the plan."""
        return 0 if self.target.options.streamed else sum(t.bytes for t in graph.inputs)

    def _by_sums(self, graph: Graph, parts: Sequence[_Segment]) -> Cost:
        """What no plan goes below."""
        flash = sum(part.least_constants for part in parts)
        flash += self._kernels(part.least_kernels for part in parts)
        fastest = FASTER * _fastest(parts)
        return self._cost("sums", graph, self._input_bytes(graph), flash, fastest)

    def _by_layers(self, graph: Graph, parts: Sequence[_Segment]) -> Cost | None:
        """What suffices; None where that may pass a limit that a plan keeps."""
        limit = self.target.max_instructions
        slow = self.target.options.goal == "ram"  # the least RAM may take any instructions
        if limit is not None and (slow or SLOWER * _fastest(parts) > limit):
            return None
        layers = sum(part.most_layers for part in parts)
        calls = sum(part.most_calls for part in parts)
        of_calls = self.target.code.of_calls
        flash = sum(part.most_constants for part in parts) + ORDER_BYTES * layers
        flash += self._kernels(part.most_kernels for part in parts)
        flash += max(of_calls(calls, 0, 0), of_calls(0, calls, layers // 2))
        for whole in (True, False) if limit is None else (True,):
            arena = max((part.whole if whole else part.enough for part in parts), default=0)
            if HOLES * arena <= (HOLES - 1) * self.target.one_memory:
                cost = self._cost("layers", graph, arena, flash, _fastest(parts))
                return cost if cost.fits else None
        return None

    def _by_bound(self, graph: Graph, sums: Cost) -> Cost:
        """RAM that every plan needs; the plan itself where that is there."""
        optimized, least = optimize(graph), []
        for packed in (True, False):  # the ladder's kernels: without, less scratch, more work
            calls, options = Calls(self.target.isa, packed=packed), self.target.options
            least.append(least_bytes(optimized, calls, options, self._known))
            if least[-1] <= self.target.ram:
                return self._by_plan(graph)
        return self._cost("bound", graph, min(least), sums.flash, sums.instructions)

    def _by_plan(self, graph: Graph) -> Cost:
        target = self.target
        planned = plan_graph(
            graph, target.isa, target.memories, options=target.options, known=self._known
        )
        flash = self._flash_of(planned.schedule)
        if flash > target.flash:
            planned = with_smaller_constants(planned, flash - target.flash) or planned
            flash = self._flash_of(planned.schedule)
        instructions = sum(schedule_costs(planned.schedule, planned.isa))
        return self._cost(
            "plan", graph, planned.arena_bytes, flash, instructions, over=not planned.fits
        )

    def _flash_of(self, schedule: Schedule) -> int:
        """Bytes of constants and code."""
        way = [(layer.node, layer.calls, _Sizes.of(layer.calls)) for layer in schedule.layers]
        code = self.target.code
        flash = _constant_bytes(way, alike=False) + table_bytes(schedule)
        flash += code.of_kernels(_kernels(way))
        return flash + code.of_calls(*counted_calls(schedule))

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
        doubled = dict(_doubled(graph, target.isa))
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
            flash + sum(doubled.values()),
            instructions,
            tuple(limit for limit, passed in limits if passed),
            tuple(doubled),
        )

    def _kernels(self, names: Iterable[frozenset[str]]) -> int:
        """Bytes of all kernels named."""
        return self.target.code.of_kernels(frozenset[str]().union(*names))

    def _segment(self, part: Graph, *, streamed: bool) -> _Segment:
        """Look at a segment by itself, once for all equal ones."""
        key = (streamed, *segment_key(part))
        if key not in self._segments:
            options = PlanOptions(streamed=streamed)
            self._segments[key] = _Segment(optimize(part), self._layers, options, self._known)
        return self._segments[key]


@dataclass(frozen=True)
class _Sizes:
    """What calls take in flash: bytes of each constant made by training, and of each table."""

    kernels: frozenset[str]
    trained: tuple[tuple[Key, int], ...]  # by the kernel and the number among its constants
    tables: tuple[tuple[Key, int], ...]  # by their content
    words: int  # of parameter structs

    @classmethod
    def of(cls, calls: Sequence[Call]) -> _Sizes:
        """The sizes of one layer's calls."""
        trained: dict[Key, int] = {}
        tables: dict[Key, int] = {}
        for call in calls:
            for number, blob in enumerate(call.blobs()):
                if _is_trained(blob):
                    trained[call.kernel, number] = blob.most_bytes or blob.data.nbytes
                else:
                    tables[blob.data.dtype.name, blob.data.tobytes()] = blob.data.nbytes
        return cls(
            frozenset(call.kernel for call in calls),
            tuple(trained.items()),
            tuple(tables.items()),
            sum(call.words for call in calls),
        )


class _Layers:
    """What layers cost on one ISA: worked out once for all that are equal but for their scales."""

    def __init__(self, isa: str, *, packed: bool) -> None:
        self._isa = isa
        self._packed = packed
        self._known = KnownLayers()
        self._sizes: dict[tuple[Call, ...], _Sizes] = {}

    def calls(self) -> Calls:
        """The calls of layers, for costs alone: their constants are those of an equal layer."""
        return Calls(self._isa, layer_cost_key, self._known, packed=self._packed)

    def sizes(self, calls: tuple[Call, ...]) -> _Sizes:
        """The sizes of calls that `calls` gave for one layer."""
        if calls not in self._sizes:
            self._sizes[calls] = _Sizes.of(calls)
        return self._sizes[calls]


class _Segment:
    """What part of a network takes, whatever stands before and behind it.

    `layers`: with all kernels, and without packed weights.
    """

    def __init__(
        self, graph: Graph, layers: tuple[_Layers, _Layers], options: PlanOptions, known: Known
    ) -> None:
        self._graph, self._layers, self._options, self._known = graph, layers, options, known
        every = self._stages()  # not kept: a search meets thousands of segments
        plain = every[0].estimates
        computed = [i for i, node in enumerate(plain.nodes) if node.inputs]
        self.whole = max((plain.whole(i).bytes for i in computed), default=0)
        """RAM that suffices where every layer runs whole."""
        self.fastest = min(
            sum(cost.of(1) for cost in stages.estimates.whole_costs) for stages in every
        )
        own, portable = layers
        ways = [
            _calls(stages, own, stages.estimates.calls, by_rows=rows)
            for stages in every
            for rows in (False, True)
        ]
        self.most_calls = max(sum(len(calls) for _, calls, _ in way) for way in ways)
        self.most_layers = max(len(stages.nodes) for stages in every)
        kernels = [_kernels(way) for way in ways]
        self.most_kernels = kernels[0].union(*kernels)
        self.most_constants = max(
            _constant_bytes(way, alike=True) + WORD_BYTES * sum(sizes.words for _, _, sizes in way)
            for way in ways
        )
        # where flash is short, slower kernels are called that have smaller constants
        other = portable.calls()
        slower = [_calls(every[0], portable, other, by_rows=rows) for rows in (False, True)]
        self.least_kernels = kernels[0].intersection(*kernels, *map(_kernels, slower))
        self.least_constants = min(_trained_bytes(way) for way in (*ways, *slower))

    def _stages(self) -> list[Candidates]:
        return stages_of(self._graph, self._layers[0].calls(), self._options, self._known)

    @cached_property
    def enough(self) -> int:
        """RAM that suffices, each layer whole or by rows, in the best form of attention."""
        return min(
            max((min(choice.bytes for choice in at) for at in stages.estimates.singles), default=0)
            for stages in self._stages()
        )


Way = list[tuple[Node, tuple[Call, ...], _Sizes]]  # the calls of every layer


def _calls(stages: Candidates, layers: _Layers, calls_of: Calls, *, by_rows: bool) -> Way:
    """The calls of every node, whole, or by rows where it can; `calls_of` is of these layers."""
    of = calls_of.like
    found: Way = []
    for node, row in zip(stages.nodes, stages.estimates.rows, strict=True):
        calls: tuple[Call, ...] = ()
        if by_rows and row is not None:
            calls = of(node, row.execution, row.steps)
        elif node.inputs:
            calls = of(node, Execution.WHOLE, node.output.rows)
        found.append((node, calls, layers.sizes(calls)))
    return found


def _kernels(way: Way) -> frozenset[str]:
    return frozenset[str]().union(*(sizes.kernels for _, _, sizes in way))


def counted_calls(schedule: Schedule) -> tuple[int, int, int]:
    """Calls that compute whole layers, calls of pipelines, and pipelines."""
    counts = [0, 0, 0]
    for stage in schedule.stages:
        calls = sum(len(layer.calls) for layer in stage.layers)
        counts[stage.is_pipeline] += calls
        counts[2] += stage.is_pipeline
    whole, by_rows, pipelines = counts
    return whole, by_rows, pipelines


def _fastest(parts: Sequence[_Segment]) -> float:
    return sum(part.fastest for part in parts)


def _doubled(graph: Graph, isa: str) -> Iterator[tuple[str, int]]:
    """The layers that take more flash if their weights are large, and how many bytes more."""
    extra = find_instruction_set(isa).words_of_large_weights
    for node in graph.nodes:
        weights = node.inputs[1] if len(node.inputs) > 1 else None
        if weights is None or weights.data is None or not is_unknown(weights.data):
            continue
        filters = weights.shape[0]
        words = extra(filters, weights.elements // filters) if filters > 1 else 0
        if words:
            yield node.name, WORD_BYTES * words


def _constant_bytes(way: Way, *, alike: bool) -> int:
    """Bytes of the constants; equal tables lie in flash once.

    `alike`: tables may be those of layers with other scales, so only those of equal scales count
    as equal.
    """
    tables: dict[Key, int] = {}
    for node, _, sizes in way:
        tensors = (*node.activations, node.output) if alike else ()
        scales = tuple(tensor.quant for tensor in tensors)
        tables |= {(scales, *key): size for key, size in sizes.tables}
    return _trained_bytes(way) + sum(tables.values())


def _weights_bytes(graph: Graph) -> int:
    """Bytes of the filters that every plan keeps, at a byte for each weight at least.

    A form of attention may leave out columns of a projection that nobody reads, so layers that are
    read in parts do not count.
    """
    in_parts: set[int] = set()
    counted: dict[int, int] = {}
    for node in reversed(graph.nodes):
        op, output = node.op, node.output
        if isinstance(op, ConvolutionOp | FullyConnected):
            if id(output) not in in_parts:
                counted[id(node.inputs[1])] = node.inputs[1].bytes
        elif is_move(op) and (output.elements < node.inputs[0].elements or id(output) in in_parts):
            in_parts.add(id(node.inputs[0]))
        elif id(output) in in_parts and is_elementwise(node):
            in_parts.add(id(node.activations[0]))
    return sum(counted.values())


def _trained_bytes(way: Way) -> int:
    """Bytes of the constants that training makes, which layers share only if computed again."""
    found: dict[Key, int] = {}
    for node, _, sizes in way:
        constants = tuple(id(tensor) for tensor in node.inputs if tensor.is_constant)
        for key, size in sizes.trained:
            found[constants, key] = size
    return sum(found.values())


def _is_trained(blob: Blob) -> bool:
    return bool(blob.most_bytes) or blob.role in OF_TRAINING or is_unknown(blob.data)
