# SPDX-License-Identifier: Apache-2.0
"""Estimates what a stage holds and costs, before anything is placed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from math import inf

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.schedule.cost import LayerCost
from mcuforge.compiler.schedule.holding import Holding
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.memory import ALIGNMENT
from mcuforge.compiler.schedule.overlap import pipeline_distances, whole_distances
from mcuforge.compiler.schedule.pipeline import (
    Ending,
    Pipeline,
    build_pipeline,
    has_barrier,
    renamed,
    takes_turns,
)
from mcuforge.compiler.schedule.row_layer import RowLayer, row_layer
from mcuforge.compiler.schedule.schedule import Execution

ROWS_PER_TASK = (1, 2, 4)
NEGLIGIBLE = 1.005  # calls that cost this little beside their work do not justify more rows in RAM


@dataclass(frozen=True, eq=False)
class Choice:
    """Nodes [begin, end) of the order as one stage, with estimates of its bytes and cost."""

    begin: int
    end: int
    node: Node  # the first one, and the only one when it runs whole
    bytes: int  # estimate of the arena while it runs, with the buffers that only pass by
    least: int  # every plan of this stage needs at least so many bytes
    instructions: float
    layers: tuple[RowLayer, ...] = ()  # empty: one layer, whole
    like: Pipeline | None = None  # of layers with the same rows, maybe elsewhere in the network

    @cached_property
    def pipeline(self) -> Pipeline | None:
        """The pipeline; None where one layer runs whole."""
        return None if self.like is None else renamed(self.like, self.layers)


@dataclass(frozen=True, eq=False)
class Found:
    """A pipeline with its estimates, without the buffers that only pass by."""

    pipeline: Pipeline
    bytes: int
    least: int
    instructions: float
    rings: int  # bytes that every longer pipeline from the same beginning holds too


@dataclass(frozen=True)
class Held:
    """What a pipeline holds, without the buffers that only pass by: see `Found`."""

    order: int  # of those tried, the one with so many bytes
    bytes: int
    least: int
    rings: int


Key = tuple[object, ...]
KnownRows = dict[Key, RowLayer | None]  # by the node, and the buffers that it reads


@dataclass(frozen=True)
class Known:
    """Remembers pipelines by what their layers do with rows: blocks of a network repeat.

    Networks of one family repeat them too: they may share what is known. `moves` numbers the layers
    that do the same with rows of any width: they have the same `pipelines`. `sizes` numbers those
    of them with rows and scratch of equal bytes, which have `held` the same, and `kinds` those of
    equal cost too, of which the same was `found`.
    """

    found: dict[Key, tuple[Found, ...]] = field(default_factory=dict)
    held: dict[Key, Held] = field(default_factory=dict)
    pipelines: dict[Key, Pipeline] = field(default_factory=dict)
    kinds: dict[Key, int] = field(default_factory=dict)
    sizes: dict[Key, int] = field(default_factory=dict)
    moves: dict[Key, int] = field(default_factory=dict)


class Estimates:
    """Estimates the stages over ranges of nodes in one order.

    Buffers count as if they were packed without holes; the planner has the last word.
    """

    def __init__(
        self,
        graph: Graph,
        nodes: Sequence[Node],
        calls: Calls,
        known: Known | None = None,
        rows: KnownRows | None = None,
    ) -> None:
        self.graph = graph
        self.holding = Holding(graph, nodes)
        self.nodes = self.holding.nodes
        self.calls = calls
        self.known = Known() if known is None else known
        self._known_rows: KnownRows = {} if rows is None else rows
        self.growing: Sequence[int] = ()  # nodes from which longer pipelines will be asked for
        self._endings: dict[tuple[int, int, bool], dict[int, Ending]] = {}

    @cached_property
    def rows(self) -> list[RowLayer | None]:
        """Each node as a layer of a pipeline, None where it cannot run by rows."""
        storage, known = self.holding.storage, self._known_rows
        found = []
        for node in self.nodes:
            key = (node, *[storage[x.name] for x in node.activations])
            if key not in known:
                known[key] = row_layer(node, storage, self.calls)
            found.append(known[key])
        return found

    @property
    def whole_costs(self) -> list[LayerCost]:
        """What each node costs that runs whole."""
        return self._costs[0]

    @property
    def row_costs(self) -> list[LayerCost]:
        """What each node costs that runs by rows, or whole where it cannot."""
        return self._costs[1]

    @cached_property
    def _costs(self) -> tuple[list[LayerCost], list[LayerCost]]:
        """The costs of each node whole and by rows, one after the other.

        Its channels are then worked out once: see `isa/packed.py`.
        """
        cost = self.calls.cost
        whole, by_rows = [], []
        for node, row in zip(self.nodes, self.rows, strict=True):
            whole.append(cost(node, Execution.WHOLE, node.output.rows))
            by_rows.append(whole[-1] if row is None else cost(node, row.execution, row.steps))
        return whole, by_rows

    @cached_property
    def reach(self) -> list[int]:
        """For each node the latest end of a pipeline that begins there.

        It ends before a layer that cannot run by rows, and before one whose rows all need every row
        of another layer in it.
        """
        count, rows = len(self.nodes), self.rows
        place = {node.output.name: i for i, node in enumerate(self.nodes)}
        reach = [count] * (count + 1)
        for i in range(count - 1, -1, -1):
            reach[i] = i if rows[i] is None else reach[i + 1]
        for i, row in enumerate(rows):
            for need in row.needs if row is not None else ():
                writer = place.get(need.buffer.name)
                source = None if writer is None else rows[writer]
                if writer is None or source is None or row is None:
                    continue
                if has_barrier((source, row)):
                    for begin in range(writer + 1):
                        reach[begin] = min(reach[begin], i)
        return reach

    @cached_property
    def singles(self) -> list[list[Choice]]:
        """The stages of one node, by node: whole, and by rows where that holds less."""
        return [self._single(i) for i in range(len(self.nodes))]

    def _single(self, i: int) -> list[Choice]:
        rows = self.pipelines(i, i + 1)
        if not self.nodes[i].inputs:
            return rows
        whole = self.whole(i)
        return [whole, *(c for c in rows if c.bytes < whole.bytes)]

    def whole(self, i: int) -> Choice:
        """Node i as a stage that runs it whole."""
        node = self.nodes[i]
        scratch = self.calls.scratch_bytes(node, Execution.WHOLE, node.output.rows)
        distances = whole_distances(
            node, self.holding.storage, self.calls.alike(node).reading.whole
        )
        passing = self.holding.passing(i, i + 1) + scratch
        ends = self.holding.ends(i, i + 1, node.output.bytes, distances)
        estimate, least = (passing + count for count in ends)
        return Choice(i, i + 1, node, estimate, least, self.whole_costs[i].of(1))

    def pipelines(self, begin: int, end: int) -> list[Choice]:
        """Nodes [begin, end) as pipelines, one for each number of rows per task."""
        return self.within(begin, end, self.found(begin, end), inf)

    def within(self, begin: int, end: int, found: Sequence[Found], limit: float) -> list[Choice]:
        """The pipelines `found` over nodes [begin, end) that may be placed in `limit` bytes."""
        passing = self.holding.passing(begin, end) if found else 0
        few = [pipeline for pipeline in found if passing + pipeline.least <= limit]
        if not few:
            return []
        layers, node = self._layers(begin, end), self.nodes[begin]
        return [
            Choice(
                begin,
                end,
                node,
                passing + pipeline.bytes,
                passing + pipeline.least,
                pipeline.instructions,
                layers,
                pipeline.pipeline,
            )
            for pipeline in few
        ]

    def found(self, begin: int, end: int) -> tuple[Found, ...]:
        """Nodes [begin, end) as pipelines, one for each number of rows per task, least RAM first.

        None where they cannot run by rows together, or where two stages would be as good.
        """
        if end > self.reach[begin] or not self.holding.worth_joining(begin, end):
            return ()
        links = self._links(begin, end)
        key = (links, *self._kinds[begin:end])
        if key not in self.known.found:
            self.known.found[key] = tuple(self._found(begin, end, links))
        return self.known.found[key]

    def _links(self, begin: int, end: int) -> Key:
        """Who reads what among nodes [begin, end), and what is needed after them, without names.

        Pipelines depend on it, and on each node's number among those of its kind.
        """
        numbers: dict[str, int] = {}
        parts: list[object] = []
        needed_after, reads = self.holding.needed_after, self.holding.reads
        for i in range(begin, end):
            output = self.nodes[i].output.name
            numbers[output] = i - begin
            parts.append(needed_after(output, end))
            for name in reads[i]:
                if name not in numbers:
                    numbers[name] = -len(numbers) - 1
                parts.append((numbers[name], not needed_after(name, end)))
        return tuple(parts)

    @cached_property
    def _moves(self) -> list[int]:
        """A number for each node, equal for nodes that read and write the same rows."""
        numbers = self.known.moves
        moves = []
        for row in self.rows:
            if row is None:
                moves.append(-1)
                continue
            key: Key = (row.execution, row.steps, row.node.output.rows)
            for need in row.needs:
                units = None if need.units is None else need.units.tobytes()
                flags = (need.before, need.in_place, need.together, units)
                key += (need.buffer.rows, need.first.tobytes(), need.end.tobytes(), *flags)
            moves.append(numbers.setdefault(key, len(numbers)))
        return moves

    @cached_property
    def _sizes(self) -> list[int]:
        """A number for each node, equal for those with equal moves and bytes."""
        numbers = self.known.sizes
        sizes = []
        for move, row in zip(self._moves, self.rows, strict=True):
            if row is None:
                sizes.append(-1)
                continue
            read = ((need.buffer.row_bytes, need.unit_bytes) for need in row.needs)
            key = (move, row.node.output.row_bytes, self._scratch_of[row], *read)
            sizes.append(numbers.setdefault(key, len(numbers)))
        return sizes

    @cached_property
    def _kinds(self) -> list[int]:
        """A number for each node, equal for those with equal moves, bytes and cost."""
        numbers = self.known.kinds
        kinds = []
        for size, row, cost in zip(self._sizes, self.rows, self.row_costs, strict=True):
            kinds.append(-1 if row is None else numbers.setdefault((size, cost), len(numbers)))
        return kinds

    def _scratch(self, layer: RowLayer) -> int:
        """Bytes of a layer's scratch: the sums where it adds up, else what a task of it needs."""
        return self.calls.scratch_bytes(layer.node, layer.execution, layer.steps)

    def _found(self, begin: int, end: int, links: Key) -> Iterator[Found]:
        layers = self._layers(begin, end)
        # several layers that read one tensor and nothing else, at different paces
        alone = [x.needs[0].buffer.name for x in layers if len(x.needs) == 1]
        branches = len(set(alone)) < len(alone)
        least = sum(cost.of(1) for cost in self.row_costs[begin:end])
        moves = (links, *self._moves[begin:end])
        sizes = (links, *self._sizes[begin:end])
        known, known_bytes = self.known.pipelines, self.known.held
        costs = self.row_costs[begin:end]
        for rows in ROWS_PER_TASK:
            orders = []
            for eager in (False, True) if branches else (False,):
                if (moves, rows, eager) in known:
                    orders.append(renamed(known[moves, rows, eager], layers))
                    continue
                orders.append(self._built(begin, end, rows, eager))
                known[moves, rows, eager] = orders[-1]
            if (sizes, rows) not in known_bytes:
                known_bytes[sizes, rows] = self._held(begin, end, orders)
            held = known_bytes[sizes, rows]
            best = orders[held.order]
            cost = sum([c.of(*best.order.of_layer(i)) for i, c in enumerate(costs)])
            yield Found(best, held.bytes, held.least, cost, held.rings)
            if cost < least * NEGLIGIBLE:
                return

    def _built(self, begin: int, end: int, rows: int, eager: bool) -> Pipeline:
        """Build the pipeline, or take it from a longer one that ends with the same node."""
        layers = self._layers(begin, end)
        if takes_turns(layers, rows):
            return build_pipeline(layers, self.holding.kept(begin, end), rows, eager)
        endings = self._endings.setdefault((end, rows, eager), {})
        for first, longer in endings.items():
            if first <= begin and longer.same_without(begin - first):
                return longer.without(begin - first)
        # a longer one serves the next requests too; whether it serves this one, its layers tell
        starts = [b for b in self.growing if 2 * begin - end <= b < begin and end <= self.reach[b]]
        starts.append(begin)
        for first, longer in endings.items():
            if first <= starts[0]:
                starts = [b for b in starts if longer.same_without(begin - first, b - first)]
                break
        kept = self.holding.kept(starts[0], end)
        endings[starts[0]] = Ending(self._layers(starts[0], end), kept, rows, eager)
        return self._built(begin, end, rows, eager)

    def _layers(self, begin: int, end: int) -> tuple[RowLayer, ...]:
        return tuple(layer for layer in self.rows[begin:end] if layer is not None)

    def _by_slot(self, pipeline: Pipeline) -> list[tuple[int, int]]:
        """Bytes of rings and scratch in each slot: each rounded to its alignment, and bare."""
        count = len(pipeline.layers)
        placed, bare = [0] * (count + 1), [0] * (count + 1)  # as differences from slot to slot
        for i, layer in enumerate(pipeline.layers):
            output = layer.node.output
            spans = [(pipeline.sums.get(output.name, (i, i + 1)), self._scratch_of[layer])]
            if output.name in pipeline.rings:
                ring = pipeline.rings[output.name] * output.row_bytes
                spans.append((pipeline.alive[output.name], ring))
            for (first, last), size in spans:
                rounded = -(-size // ALIGNMENT) * ALIGNMENT
                placed[first] += rounded
                placed[last] -= rounded
                bare[first] += size
                bare[last] -= size
        return list(zip(accumulate(placed[:count]), accumulate(bare[:count]), strict=True))

    @cached_property
    def _scratch_of(self) -> dict[RowLayer, int]:
        """The bytes of every layer's scratch."""
        return {row: self._scratch(row) for row in self.rows if row is not None}

    def _held(self, begin: int, end: int, orders: Sequence[Pipeline]) -> Held:
        """What nodes [begin, end) hold in that order of their tasks which holds least."""
        by_order = [self._by_slot(pipeline) for pipeline in orders]
        best = min(range(len(orders)), key=lambda n: max(placed for placed, _ in by_order[n]))
        pipeline, slots = orders[best], by_order[best]
        kept = self.holding.kept(begin, end)
        distances = self._distances(begin, end, pipeline)
        ends: dict[int, tuple[int, int]] = {}  # by the bytes of whole outputs: few values
        estimate = least = rings = 0
        for slot, (placed, bare) in enumerate(slots):
            written = sum(t.bytes for t in kept if pipeline.alive[t.name][0] <= slot)
            if written not in ends:
                ends[written] = self.holding.ends(begin, end, written, distances)
            estimate = max(estimate, placed + ends[written][0])
            least = max(least, bare + ends[written][1])
            rings = max(rings, bare)
        return Held(best, estimate, least, rings)

    def _distances(self, begin: int, end: int, pipeline: Pipeline) -> dict[str, int]:
        """How far below each input it reads the pipeline's one whole output must begin."""
        kept = self.holding.kept(begin, end)
        if len(kept) != 1:
            return {}
        return pipeline_distances(
            pipeline, kept[0], lambda name: self.holding.made_before(name, begin)
        )
