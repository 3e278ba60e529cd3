# SPDX-License-Identifier: Apache-2.0
"""The stages a schedule can be cut into, with an estimate of what each holds and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mcuforge.compiler.ir import Graph, Node
from mcuforge.compiler.schedule.kernels import calls_cost, layer_calls, scratch_bytes
from mcuforge.compiler.schedule.memory import ALIGNMENT
from mcuforge.compiler.schedule.overlap import least_distance, pipeline_distances
from mcuforge.compiler.schedule.pipeline import (
    Indices,
    Pipeline,
    RowLayer,
    build_pipeline,
    has_barrier,
    renamed,
    row_layer,
)
from mcuforge.compiler.schedule.schedule import Execution, view_storage

ROWS_PER_TASK = (1, 2, 4)
NEGLIGIBLE = 1.005  # what calls cost beside their work, not worth more rows in RAM
ALWAYS_TRIED = 4  # layers: so short a pipeline may save the planner a hole no estimate shows


@dataclass(frozen=True, eq=False)
class Choice:
    """Nodes [begin, end) of the order as one stage, what it would hold and cost."""

    begin: int
    end: int
    node: Node  # the first, the only one where it runs whole
    bytes: int  # estimate of the arena while it runs, what only passes by included
    least: int  # bytes no plan of this stage goes below
    instructions: float
    rings: int = 0  # bytes that every longer pipeline from the same beginning holds too
    layers: tuple[RowLayer, ...] = ()  # none: one layer, whole
    like: Pipeline | None = None  # of layers of the same rows, maybe elsewhere in the network

    @cached_property
    def pipeline(self) -> Pipeline | None:
        """The pipeline; None where one layer runs whole."""
        return None if self.like is None else renamed(self.like, self.layers)


@dataclass(frozen=True, eq=False)
class Found:
    """A pipeline with its estimates, less what only passes by."""

    pipeline: Pipeline
    bytes: int
    least: int
    instructions: float
    rings: int  # that every longer pipeline from the same beginning holds too


Key = tuple[object, ...]


@dataclass(frozen=True)
class Known:
    """Pipelines by what their layers do with rows: blocks and heads of a network repeat.

    `kinds` numbers the layers that do the same with rows at equal cost.
    """

    pipelines: dict[Key, tuple[Found, ...]] = field(default_factory=dict)
    kinds: dict[Key, int] = field(default_factory=dict)


class Candidates:
    """Every stage worth having for one order of the nodes.

    Buffers are estimated as if packed without holes; the planner has the last word.
    """

    def __init__(
        self, graph: Graph, nodes: Sequence[Node], isa: str, known: Known | None = None
    ) -> None:
        self.graph, self.nodes, self.isa = graph, tuple(nodes), isa
        self.known = Known() if known is None else known
        self.storage = view_storage(graph)
        self.rows = [row_layer(node, self.storage, isa) for node in self.nodes]
        self.whole_costs = [calls_cost(n, Execution.WHOLE, n.output.rows, isa) for n in self.nodes]
        self.row_costs = [
            at_once if row is None else calls_cost(row.node, row.execution, row.steps, isa)
            for row, at_once in zip(self.rows, self.whole_costs, strict=True)
        ]
        arrived = {n.output.name for n in self.nodes if not n.inputs}
        self._reads = [{self.storage[x.name].name for x in n.activations} for n in self.nodes]
        self.born = {t.name: -1 for t in graph.inputs if t.name not in arrived}
        self.dies = dict.fromkeys(self.born, -1)
        self.tensors = {t.name: t for t in graph.inputs}
        for i, node in enumerate(self.nodes):
            self.born[node.output.name] = self.dies[node.output.name] = i
            self.tensors[node.output.name] = node.output
            for name in self._reads[i]:
                self.dies[name] = i
        for tensor in graph.outputs:
            self.dies[self.storage[tensor.name].name] = len(self.nodes)

    def passing(self, begin: int, end: int) -> int:
        """Bytes alive before and after nodes [begin, end) that these do not read."""
        born, dies, sizes, place = self._lives
        across = (born < begin) & (dies >= end)
        read = [place[name] for name in set().union(*self._reads[begin:end])]
        return int(sizes[across].sum() - (sizes[read] * across[read]).sum())

    @cached_property
    def _lives(self) -> tuple[Indices, Indices, Indices, dict[str, int]]:
        """Of every buffer the nodes that write it and read it last, its bytes; and its place."""
        names = list(self.born)
        return (
            np.array([self.born[n] for n in names], np.int64),
            np.array([self.dies[n] for n in names], np.int64),
            np.array([self.tensors[n].bytes for n in names], np.int64),
            {name: i for i, name in enumerate(names)},
        )

    def whole(self, i: int) -> Choice:
        """Node i run whole."""
        node = self.nodes[i]
        scratch = scratch_bytes(layer_calls(node, Execution.WHOLE, node.output.rows, self.isa))
        distances: dict[str, int] = {}
        for x, reads in zip(node.inputs, node.op.reads(node.inputs, node.output), strict=True):
            if not x.is_constant:
                name = self.storage[x.name].name
                far = node.output.bytes if reads is None else least_distance(reads)
                distances[name] = max(far, distances.get(name, far))
        passing = self.passing(i, i + 1) + scratch
        ends = self._ends(i, i + 1, node.output.bytes, distances)
        guess, least = (passing + count for count in ends)
        return Choice(i, i + 1, node, guess, least, self.whole_costs[i].of(1))

    def pipelines(self, begin: int, end: int) -> Iterator[Choice]:
        """Nodes [begin, end) as pipelines, one for each number of rows a task; least RAM first."""
        layers = tuple(layer for layer in self.rows[begin:end] if layer is not None)
        if len(layers) < end - begin or has_barrier(layers) or not self._worth_joining(begin, end):
            return
        key = self._key(begin, end)
        if key not in self.known.pipelines:
            self.known.pipelines[key] = tuple(self._found(begin, end, layers))
        passing = self.passing(begin, end)
        for found in self.known.pipelines[key]:
            guess, least = passing + found.bytes, passing + found.least
            yield Choice(
                *(begin, end, self.nodes[begin], guess, least, found.instructions),
                rings=found.rings,
                layers=layers,
                like=found.pipeline,
            )

    def _key(self, begin: int, end: int) -> Key:
        """All that pipelines over nodes [begin, end) depend on, but for the tensors' names."""
        numbers: dict[str, int] = {}
        parts: list[object] = []
        for i in range(begin, end):
            numbers[self.nodes[i].output.name] = i - begin
            parts.append(self._row_kinds[i])
            parts.append(self.dies[self.nodes[i].output.name] >= end)
            for name in self._ordered_reads[i]:
                if name not in numbers:
                    numbers[name] = -len(numbers) - 1
                parts.append((numbers[name], self.dies[name] < end))
        return tuple(parts)

    @cached_property
    def _ordered_reads(self) -> list[list[str]]:
        return [[self.storage[x.name].name for x in n.activations] for n in self.nodes]

    @cached_property
    def _row_kinds(self) -> list[int]:
        """A number for each node, the same for nodes that do the same with rows at equal cost."""
        numbers = self.known.kinds
        kinds = []
        for node, row, cost in zip(self.nodes, self.rows, self.row_costs, strict=True):
            if row is None:
                kinds.append(-1)
                continue
            out = node.output
            key: Key = (row.execution, row.steps, out.rows, out.row_bytes, cost, self._scratch(row))
            for need in row.needs:
                size = (need.buffer.rows, need.buffer.row_bytes)
                units = None if need.units is None else (need.unit_bytes, need.units.tobytes())
                flags = (need.before, need.in_place, need.together)
                key += (*size, need.first.tobytes(), need.end.tobytes(), *flags, units)
            kinds.append(numbers.setdefault(key, len(numbers)))
        return kinds

    def _scratch(self, layer: RowLayer) -> int:
        """Bytes of a layer's scratch: the sums where it adds up, or what a task of it needs."""
        return scratch_bytes(layer_calls(layer.node, layer.execution, layer.steps, self.isa))

    def _found(self, begin: int, end: int, layers: tuple[RowLayer, ...]) -> Iterator[Found]:
        made = [n.output for n in self.nodes[begin:end]]
        kept = [t for t in made if self.dies[t.name] >= end]
        # two layers that need nothing but one tensor, and read it at different paces
        alone = [x.needs[0].buffer.name for x in layers if len(x.needs) == 1]
        branches = len(set(alone)) < len(alone)
        least = sum(cost.of(1) for cost in self.row_costs[begin:end])
        for rows in ROWS_PER_TASK:
            orders = [
                build_pipeline(layers, kept, rows, eager)
                for eager in ((False, True) if branches else (False,))
            ]
            found = self._estimated(begin, end, min(orders, key=self.inside))
            yield found
            if found.instructions < least * NEGLIGIBLE:
                return

    def _worth_joining(self, begin: int, end: int) -> bool:
        """True when what the nodes hand on within the range ties all of them together.

        And at every place: where all that goes on is whole from here on, two stages hold no more
        than one.
        """
        if not self._handed_on(begin, end):
            return False
        group = list(range(end - begin))
        writers = {self.nodes[i].output.name: i - begin for i in range(begin, end)}
        for i in range(begin, end):
            for name in self._reads[i]:
                writer = writers.get(name)
                if writer is not None and group[writer] != group[i - begin]:
                    old, new = group[i - begin], group[writer]
                    group = [new if g == old else g for g in group]
        return len(set(group)) == 1

    def _handed_on(self, begin: int, end: int) -> bool:
        """True when at every place between the nodes a tensor goes on that dies within the range.

        One written in the range need not be whole then, and over one made before the pipeline may
        write, row by row, what two stages would lay beside it.
        """
        read = set().union(*self._reads[begin:end])
        reached = max(
            (self.dies[n] for n in read if self.born[n] < begin and self.dies[n] < end),
            default=begin,
        )
        for i in range(begin, end - 1):
            last = self.dies[self.nodes[i].output.name]
            if last < end:
                reached = max(reached, last)
            if reached <= i:
                return False
        return True

    def inside(self, pipeline: Pipeline) -> int:
        """Bytes of rings and scratch at the fullest slot, as they are placed."""
        return max(placed for placed, _ in self._by_slot(pipeline))

    def _by_slot(self, pipeline: Pipeline) -> list[tuple[int, int]]:
        """Bytes of rings and scratch in each slot: each rounded to its alignment, and bare."""
        sizes = {layer.node.output.name: layer.node.output.row_bytes for layer in pipeline.layers}
        held = [(pipeline.alive[name], rows * sizes[name]) for name, rows in pipeline.rings.items()]
        for i, layer in enumerate(pipeline.layers):
            alive = pipeline.sums.get(layer.node.output.name, (i, i + 1))
            held.append((alive, self._scratch(layer)))
        placed, bare = [0] * len(pipeline.layers), [0] * len(pipeline.layers)
        for (first, last), size in held:
            for slot in range(first, last):
                placed[slot] += -(-size // ALIGNMENT) * ALIGNMENT
                bare[slot] += size
        return list(zip(placed, bare, strict=True))

    def _estimated(self, begin: int, end: int, pipeline: Pipeline) -> Found:
        costs = self.row_costs[begin:end]
        cost = sum(c.of(*pipeline.order.of_layer(i)) for i, c in enumerate(costs))
        kept = [layer.node.output for layer in pipeline.layers]
        kept = [t for t in kept if self.dies[t.name] >= end]
        distances = self._distances(begin, end, pipeline)
        ends: dict[int, tuple[int, int]] = {}  # by the bytes of whole outputs, few in number
        guess = least = rings = 0
        for slot, (placed, bare) in enumerate(self._by_slot(pipeline)):
            written = sum(t.bytes for t in kept if pipeline.alive[t.name][0] <= slot)
            if written not in ends:
                ends[written] = self._ends(begin, end, written, distances)
            guess = max(guess, placed + ends[written][0])
            least = max(least, bare + ends[written][1])
            rings = max(rings, bare)
        return Found(pipeline, guess, least, cost, rings)

    def _distances(self, begin: int, end: int, pipeline: Pipeline) -> dict[str, int]:
        """How far below each dying input the pipeline's one whole output must begin."""
        kept = [x.node.output for x in pipeline.layers if self.dies[x.node.output.name] >= end]
        if len(kept) != 1:
            return {}
        return pipeline_distances(pipeline, kept[0], lambda name: self.born[name] < begin)

    def _ends(
        self, begin: int, end: int, written: int, distances: dict[str, int]
    ) -> tuple[int, int]:
        """Bytes of the inputs read and `written` bytes of output together: a guess, and the least.

        The guess lays the output over the one dying input it fits best, the least over all of them.
        """
        read = set().union(*self._reads[begin:end])
        sources = [self.tensors[n] for n in read if self.born[n] < begin]
        held = sum(t.bytes for t in sources)
        dying = [t for t in sources if self.dies[t.name] < end]
        shared = [
            max(0, min(t.bytes, written, t.bytes + written - max(t.bytes + far, written)))
            for t in dying
            for far in [max(0, -(-distances.get(t.name, 0) // ALIGNMENT) * ALIGNMENT)]
        ]
        known = [n for t, n in zip(dying, shared, strict=True) if t.name in distances]
        most = min(written, sum(shared))
        return held + written - max(known, default=0), held + written - most

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """All stages worth having.

        Left out are pipelines longer than one whose rings alone exceed a plan known already, and
        those over nodes that shorter stages take through within the bytes no plan goes below.
        """
        count = len(self.nodes)
        singles = [self._single(i) for i in range(count)]
        found = [c for at in singles for c in at]
        limit = max((min(c.bytes for c in at) for at in singles), default=0)
        enough = self._least_peak(found, lambda c: c.bytes)
        floor = self._floor
        growing = [i for i in range(count) if self.rows[i] is not None]
        for length in range(2, count + 1):
            still = []
            settled = self._settled([c for c in found if c.bytes <= floor])
            for begin in growing:
                if begin + length > self._reach[begin]:
                    continue
                if length > ALWAYS_TRIED and begin + length in settled[begin]:
                    still.append(begin)
                    continue
                least: Choice | None = None
                for choice in self.pipelines(begin, begin + length):
                    least = least or choice
                    if choice.least <= limit:
                        found.append(choice)
                if least is None or least.rings <= enough:
                    still.append(begin)
            growing = still
            if not growing:
                break
            enough = self._least_peak(found, lambda c: c.bytes)
        return tuple(found)

    @cached_property
    def _reach(self) -> list[int]:
        """Where pipelines from each node end at the latest: at what cannot run by rows, or with it.

        A layer all of whose rows need every row of another is in no pipeline with it.
        """
        count = len(self.nodes)
        place = {node.output.name: i for i, node in enumerate(self.nodes)}
        reach = [count] * (count + 1)
        for i in range(count - 1, -1, -1):
            row = self.rows[i]
            reach[i] = i if row is None else reach[i + 1]
        for i, row in enumerate(self.rows):
            for need in row.needs if row is not None else ():
                writer = place.get(need.buffer.name)
                source = None if writer is None else self.rows[writer]
                if writer is None or source is None or row is None:
                    continue
                if has_barrier((source, row)):
                    for begin in range(writer + 1):
                        reach[begin] = min(reach[begin], i)
        return reach

    def _settled(self, choices: Sequence[Choice]) -> list[set[int]]:
        """For every node the ends these choices reach from it, one after another."""
        reached: list[set[int]] = [set() for _ in range(len(self.nodes) + 1)]
        for choice in sorted(choices, key=lambda c: -c.begin):
            reached[choice.begin] |= {choice.end} | reached[choice.end]
        return reached

    @cached_property
    def bound(self) -> int:
        """Bytes below which no cut of this order into stages can be placed.

        Every plan of a cut needs at least what its fullest stage needs at least; this is the least
        such maximum over all cuts. Stages left out of `choices` cannot lower it: their rings alone
        exceed the arena of a cut that is there, or they only pass through what fits anyway.
        """
        return max(self._floor, self._least_peak(self.choices, lambda c: c.least))

    @cached_property
    def least_peak(self) -> int:
        """The least estimate of an arena there is: no cut is within fewer bytes."""
        return self._least_peak(self.choices, lambda c: c.bytes)

    @property
    def _floor(self) -> int:
        """Resident inputs lie somewhere before anything runs."""
        return sum(self.tensors[name].bytes for name, born in self.born.items() if born < 0)

    def _least_peak(self, choices: Sequence[Choice], size: Callable[[Choice], int]) -> int:
        """The least arena these choices can be cut to."""
        best = [0] + [1 << 62] * len(self.nodes)
        for choice in sorted(choices, key=lambda c: c.begin):
            peak = max(best[choice.begin], size(choice))
            best[choice.end] = min(best[choice.end], peak)
        return best[-1]

    @cached_property
    def _by_end(self) -> tuple[tuple[Choice, ...], ...]:
        found: list[list[Choice]] = [[] for _ in range(len(self.nodes) + 1)]
        for choice in self.choices:
            found[choice.end].append(choice)
        return tuple(tuple(choices) for choices in found)

    def ending_at(self, end: int) -> tuple[Choice, ...]:
        """The choices whose last node is node `end` - 1."""
        return self._by_end[end]

    def _single(self, i: int) -> list[Choice]:
        node = self.nodes[i]
        rows = list(self.pipelines(i, i + 1))
        if not node.inputs:
            return rows
        whole = self.whole(i)
        return [whole, *(c for c in rows if c.bytes < whole.bytes)]
