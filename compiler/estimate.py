# SPDX-License-Identifier: Apache-2.0
"""What a network costs on a board, before it has weights and without building anything.

An architecture search asks for tens of thousands of candidates. Most are decided by something far
cheaper than a plan. `Estimator.cost` goes through four tiers, and stops where the limits decide:

    sums    weights, code and instructions are sums over layers: too much of them is refused. If
            the weights alone are too many, nothing else is looked at
    layers  the network is cut where one tensor alone is alive, usually between blocks. Each segment
            is looked at by itself, every layer whole or by rows: RAM and flash that suffice, or
            more flash than the slowest kernels leave over. Equal segments are looked at once, in
            all networks
    bound   RAM that every plan needs (`Candidates.bound`), unless the layers have shown that there
            is enough: too much of it is refused
    plan    the plan that `compile_graph` makes, to the byte

A graph whose weights are unknown (`tensors.unknown`) plans as one with weights does. What depends
on their values is taken to be as in trained networks, and named in `Cost.assumed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import prod
from typing import Literal

from mcuforge.compiler.attention.parts import MOVES, is_elementwise
from mcuforge.compiler.codegen.stages import WORD_BYTES, table_bytes
from mcuforge.compiler.compile import Memories, PlanOptions, plan_graph
from mcuforge.compiler.graph import Graph, Op
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.code_size import CodeSize, code_size
from mcuforge.compiler.ops.convolution import ConvolutionOp
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.layer_norm import LayerNorm
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.schedule.choose import least_bytes
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.compiler.schedule.estimate import Known
from mcuforge.compiler.schedule.fit import CODE_MARGIN_BYTES, with_smaller_constants
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.schedule.search import SLACK
from mcuforge.compiler.schedule.segments import segment_key, segments
from mcuforge.compiler.segment_cost import (
    Key,
    Layers,
    Segment,
    Sizes,
    constant_bytes,
    kernels_of,
    step_of,
)
from mcuforge.compiler.tensors import is_unknown

Tier = Literal["sums", "layers", "bound", "plan"]
Limit = Literal["flash", "instructions", "ram"]

HOLES = 16  # a sixteenth of RAM is left for holes of a plan, where only layers were looked at
ORDER_BYTES = 24  # of a pipeline's order, for each of its layers: 14 at most in plans looked at
FASTER = 0.99  # what a plan takes at least of the instructions of its layers run whole
SLOWER = 1.02 * SLACK  # and at most: all attention of a plan has one form, not each its fastest


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
    it fits. Where slower kernels are called until flash is kept, flash is full. `assumed` names the
    layers that take more flash if a filter's mean |w| is above `MEAN_WEIGHT`; `flash_most` counts
    that. `instructions` are the plan's in tier `plan`, in the others those of the fastest plan.
    Where the weights alone are refused, `flash` counts these and `instructions` are 0.
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
        self._segments: dict[Key, Segment] = {}
        self._doubled: tuple[Graph | None, dict[str, int]] = (None, {})  # of the last graph
        self._layers = Layers(target.isa, packed=True), Layers(target.isa, packed=False)

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
        sums = self._by_sums(graph, parts)
        decided = sums if sums.refused else self._by_layers(graph, parts, sums)
        enough = decided is None and self._enough(parts, self.target.one_memory) is not None
        for part in parts:
            part.forget()
        if decided is not None:
            return decided
        return self._by_plan(graph) if enough else self._by_bound(graph, sums)

    def _by_weights(self, graph: Graph) -> Cost | None:
        """What the weights alone exceed; None where they fit, or where instructions may not."""
        weights = _weights_bytes(graph)
        if weights <= self.target.flash or self.target.max_instructions is not None:
            return None
        return self._cost("sums", graph, self._input_bytes(graph), weights, 0.0)

    def _input_bytes(self, graph: Graph) -> int:
        """Bytes of the inputs that lie in RAM whatever the plan."""
        return 0 if self.target.options.streamed else sum(t.bytes for t in graph.inputs)

    def _by_sums(self, graph: Graph, parts: Sequence[Segment]) -> Cost:
        """What no plan goes below."""
        flash = sum(part.least_constants for part in parts) + self._least_code(parts)
        fastest = FASTER * _fastest(parts)
        return self._cost("sums", graph, self._input_bytes(graph), flash, fastest)

    def _least_code(self, parts: Sequence[Segment]) -> int:
        """Bytes of kernels and model.c that no plan goes below."""
        kernels = self._kernels(part.least_kernels for part in parts)
        calls = self.target.code.least_of_calls(sum(part.least_calls for part in parts))
        return kernels + calls + WORD_BYTES * sum(part.least_words for part in parts)

    def _by_layers(self, graph: Graph, parts: Sequence[Segment], sums: Cost) -> Cost | None:
        """What suffices, or too much flash; None where neither is sure."""
        target, limit = self.target, self.target.max_instructions
        slow = target.options.goal == "ram"  # the least RAM may take any instructions
        if limit is not None and (slow or SLOWER * _fastest(parts) > limit):
            return None
        arena = self._enough(parts, target.one_memory)
        if arena is None:
            return None
        layers = sum(part.most_layers for part in parts)
        calls = sum(part.most_calls for part in parts)
        kernels = self._kernels(part.most_kernels for part in parts)
        of_calls = target.code.of_calls
        code = kernels + ORDER_BYTES * layers
        code += max(of_calls(calls, 0, 0), of_calls(0, calls, layers // 2))
        flash = code + sum(part.most_constants for part in parts)
        if flash > target.flash:
            slim = code + sum(part.most_constants_slim for part in parts) + CODE_MARGIN_BYTES
            more = self._kernels(part.most_kernels_slim for part in parts) - kernels
            if limit is None and slim <= target.flash and more <= CODE_MARGIN_BYTES:
                flash = target.flash  # slower kernels are called until it is kept
        cost = self._cost("layers", graph, arena, flash, _fastest(parts))
        return cost if cost.fits else self._too_large(graph, parts, sums)

    def _enough(self, parts: Sequence[Segment], memory: int) -> int | None:
        """RAM that suffices and lies in so much memory; None where there may be too little."""
        for whole in (True, False) if self.target.max_instructions is None else (True,):
            arena = max((part.whole if whole else part.enough for part in parts), default=0)
            if HOLES * arena <= (HOLES - 1) * memory:
                return arena
        return None

    def _too_large(self, graph: Graph, parts: Sequence[Segment], sums: Cost) -> Cost | None:
        """Too much flash, whatever kernels are called; None where that is not sure.

        Where RAM suffices, plans start from kernels with packed weights; not every one of them can
        be exchanged for another when flash turns out to be short.
        """
        apart = max(region.bytes for region in self.target.memories.apart)
        if self.target.options.ram_budget is not None or self._enough(parts, apart) is None:
            return None
        flash = sum(part.least_constants_slim for part in parts) + self._least_code(parts)
        if flash <= self.target.flash:
            return None
        return self._cost("layers", graph, sums.arena, flash, sums.instructions)

    def _by_bound(self, graph: Graph, sums: Cost) -> Cost:
        """RAM that every plan needs; the plan itself where that is there."""
        optimized, least = optimize(graph), []
        for layers in self._layers:  # of the ladder's kernels: without, less scratch, more work
            options = self.target.options
            least.append(least_bytes(optimized, layers.calls(), options, self._known))
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
            less = flash - target.flash + CODE_MARGIN_BYTES
            planned = with_smaller_constants(planned, less) or planned
            flash = self._flash_of(planned.schedule)
        instructions = sum(schedule_costs(planned.schedule, planned.isa))
        return self._cost(
            "plan", graph, planned.arena_bytes, flash, instructions, over=not planned.fits
        )

    def _flash_of(self, schedule: Schedule) -> int:
        """Bytes of constants and code."""
        way = [step_of(layer.node, layer.calls, Sizes.of(layer.calls)) for layer in schedule.layers]
        code = self.target.code
        flash = constant_bytes(way, alike=False) + table_bytes(schedule)
        flash += code.of_kernels(kernels_of(way))
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
        if self._doubled[0] is not graph:
            self._doubled = graph, dict(_doubled(graph, target.isa))
        doubled = self._doubled[1]
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

    def _segment(self, part: Graph, *, streamed: bool) -> Segment:
        """Look at a segment by itself, once for all equal ones."""
        key = (streamed, segment_key(part))
        if key not in self._segments:
            options = PlanOptions(streamed=streamed)
            self._segments[key] = Segment(optimize(part), self._layers, options, self._known)
        return self._segments[key]


def counted_calls(schedule: Schedule) -> tuple[int, int, int]:
    """Calls that compute whole layers, calls of pipelines, and pipelines."""
    counts = [0, 0, 0]
    for stage in schedule.stages:
        calls = sum(len(layer.calls) for layer in stage.layers)
        counts[stage.is_pipeline] += calls
        counts[2] += stage.is_pipeline
    whole, by_rows, pipelines = counts
    return whole, by_rows, pipelines


def _fastest(parts: Sequence[Segment]) -> float:
    return sum(part.fastest for part in parts)


def _doubled(graph: Graph, isa: str) -> Iterator[tuple[str, int]]:
    """The layers that take more flash if their weights are large, and how many bytes more."""
    for node in graph.nodes:
        if len(node.inputs) > 1:
            weights = node.inputs[1]
            if weights.data is not None and is_unknown(weights.data):
                words = _more_words(isa, weights.shape)
                if words:
                    yield node.name, WORD_BYTES * words


@cache
def _more_words(isa: str, weights: tuple[int, ...]) -> int:
    """How many words more weights of this shape take if they are large."""
    filters, *others = weights
    more = find_instruction_set(isa).words_of_large_weights
    return more(filters, prod(others)) if filters > 1 else 0


def _weights_bytes(graph: Graph) -> int:
    """Bytes of filters, biases and normalizations that every plan keeps, a byte for each weight.

    A form of attention may leave out columns of a projection that nobody reads, so layers that are
    read in parts do not count. Biases that are known may be equal, and lie in flash once.
    """
    in_parts: set[int] = set()
    counted: dict[int, int] = {}
    for node in reversed(graph.nodes):
        output = node.output
        kind = _kind(type(node.op))
        if kind == "products":
            if id(output) not in in_parts:
                weights, *biases = node.inputs[1:]
                counted[id(weights)] = weights.bytes
                for bias in biases:
                    if bias.data is not None and is_unknown(bias.data):
                        counted[id(bias)] = bias.bytes
        elif kind == "norm":
            counted |= {id(tensor): tensor.bytes for tensor in node.inputs if tensor.is_constant}
        elif kind == "move":
            x = node.inputs[0]
            if id(output) in in_parts or prod(output.shape) < prod(x.shape):
                in_parts.add(id(x))
        elif id(output) in in_parts and is_elementwise(node):
            in_parts.add(id(node.activations[0]))
    return sum(counted.values())


@cache
def _kind(op: type[Op]) -> Literal["products", "norm", "move", ""]:
    """What an operator is, where that says which weights a plan keeps."""
    if issubclass(op, (ConvolutionOp, FullyConnected)):
        return "products"
    if issubclass(op, LayerNorm):
        return "norm"
    return "move" if issubclass(op, MOVES) else ""
