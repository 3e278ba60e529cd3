# SPDX-License-Identifier: Apache-2.0
"""What part of a network takes, whatever stands before and behind it: bounds from its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mcuforge.compiler.calls import Blob, Call
from mcuforge.compiler.codegen.stages import WORD_BYTES
from mcuforge.compiler.compile import PlanOptions
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.schedule.candidates import Candidates
from mcuforge.compiler.schedule.choose import stages_of
from mcuforge.compiler.schedule.estimate import Known
from mcuforge.compiler.schedule.kernels import Calls, Form, KnownLayers
from mcuforge.compiler.schedule.schedule import Execution
from mcuforge.compiler.schedule.segments import layer_cost_key
from mcuforge.compiler.tensors import is_unknown

OF_TRAINING = ("gamma", "beta")  # constants that differ in every layer once it is trained
Key = tuple[object, ...]


@dataclass(frozen=True)
class Sizes:
    """What calls take in flash: bytes of each constant made by training, and of each table."""

    kernels: frozenset[str]
    trained: tuple[tuple[Key, int], ...]  # by the kernel and the number among its constants
    trained_bytes: int
    tables: tuple[tuple[Key, int], ...]  # by their content
    words: int  # of parameter structs

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Sizes:
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
            sum(trained.values()),
            tuple(tables.items()),
            sum(call.words for call in calls),
        )


class Step(NamedTuple):
    """A layer, its calls and what they take.

    `constants` are the layer's, which it shares with the same layer computed again. `saving`: bytes
    that a kernel with smaller constants saves, which is called when flash is short. `instructions`
    of a layer that runs whole.
    """

    node: Node
    calls: tuple[Call, ...]
    sizes: Sizes
    constants: Key
    saving: int = 0
    instructions: float = 0.0


def step_of(
    node: Node, calls: tuple[Call, ...], sizes: Sizes, saving: int = 0, instructions: float = 0.0
) -> Step:
    """The step that runs a layer by these calls."""
    constants = tuple([id(tensor) for tensor in node.inputs if tensor.data is not None])
    return Step(node, calls, sizes, constants, saving, instructions)


Way = Sequence[Step]  # all layers, one after the other
Steps = dict[tuple[Node, Form], Step]


class Layers:
    """What layers cost on one ISA: worked out once for all that are equal but for their scales."""

    def __init__(self, isa: str, *, packed: bool) -> None:
        self._isa = isa
        self._packed = packed
        self._known = KnownLayers()
        self._sizes: dict[tuple[Call, ...], Sizes] = {}

    def calls(self) -> Calls:
        """The calls of layers, for costs alone: their constants are those of an equal layer."""
        return Calls(self._isa, layer_cost_key, self._known, packed=self._packed)

    def ways(self, stages: Candidates, calls_of: Calls, known: Steps) -> tuple[Way, Way]:
        """Every node whole, and every node by rows where it can.

        `calls_of` is of these layers, `known` of its nodes: forms of attention share these.
        """
        whole, by_rows = [], []
        for node, row in zip(stages.nodes, stages.estimates.rows, strict=True):
            whole.append(self._step(node, (Execution.WHOLE, node.output.rows), calls_of, known))
            if row is None:
                by_rows.append(whole[-1])
            else:
                by_rows.append(self._step(node, (row.execution, row.steps), calls_of, known))
        return whole, by_rows

    def _step(self, node: Node, form: Form, calls_of: Calls, known: Steps) -> Step:
        """A node in one form. Only a layer without inputs has no calls: it arrives."""
        step = known.get((node, form))
        if step is None:
            calls: tuple[Call, ...] = ()
            saving, instructions = 0, 0.0
            if node.inputs:
                calls = calls_of.like(node, *form)
                saving = calls_of.saving(node, *form) if self._packed else 0
            if form[0] is Execution.WHOLE:
                instructions = calls_of.cost(node, *form).of(1)
            step = step_of(node, calls, self._sizes_of(calls), saving, instructions)
            known[node, form] = step
        return step

    def _sizes_of(self, calls: tuple[Call, ...]) -> Sizes:
        if calls not in self._sizes:
            self._sizes[calls] = Sizes.of(calls)
        return self._sizes[calls]


class Segment:
    """What part of a network takes, whatever stands before and behind it.

    `layers`: with all kernels, and without packed weights. `most_` is what no way to run the
    segment exceeds, `least_` what none goes below; `_slim` with the smallest constants that
    `slim.slimmed` counts on for a plan with all kernels.
    """

    def __init__(
        self, graph: Graph, layers: tuple[Layers, Layers], options: PlanOptions, known: Known
    ) -> None:
        self._graph, self._layers, self._options, self._known = graph, layers, options, known
        every = self._every = self._stages()
        own, portable = layers
        steps: Steps = {}
        pairs = [own.ways(stages, stages.estimates.calls, steps) for stages in every]
        ways = [way for pair in pairs for way in pair]
        self.fastest = min(sum([step.instructions for step in whole]) for whole, _ in pairs)
        plain = every[0].estimates
        computed = [i for i, node in enumerate(plain.nodes) if node.inputs]
        self.whole = max((plain.whole(i).bytes for i in computed), default=0)
        """RAM that suffices where every layer runs whole."""
        self.most_calls = max(sum(len(step.calls) for step in way) for way in ways)
        least = [[_least_calls(*steps) for steps in zip(*pair, strict=True)] for pair in pairs]
        self.least_calls = min(sum(calls for calls, _ in steps) for steps in least)
        self.least_words = min(sum(words for _, words in steps) for steps in least)
        self.most_layers = max(len(stages.nodes) for stages in every)
        slower = portable.ways(every[0], portable.calls(), {})
        kernels = [kernels_of(way) for way in (*ways, *slower)]
        self.most_kernels = kernels[0].union(*kernels[: len(ways)])
        self.most_kernels_slim = kernels[0].union(*kernels)
        self.least_kernels = kernels[0].intersection(*kernels)
        most = [constant_bytes(way, alike=True) + WORD_BYTES * _words(way) for way in ways]
        self.most_constants = max(most)
        self.most_constants_slim = max(
            bytes - _saved(way) for way, bytes in zip(ways, most, strict=True)
        )
        self.least_constants = min(_trained_bytes(way) for way in (*ways, *slower))
        self.least_constants_slim = min(_slimmest(*pair) for pair in pairs)

    def _stages(self) -> list[Candidates]:
        return stages_of(self._graph, self._layers[0].calls(), self._options, self._known)

    @cached_property
    def enough(self) -> int:
        """RAM that suffices, each layer whole or by rows, in the best form of attention."""
        return min(
            max((min(choice.bytes for choice in at) for at in stages.estimates.singles), default=0)
            for stages in self._every or self._stages()
        )

    def forget(self) -> None:
        """Free what a network's cost needs once; a search meets thousands of segments."""
        self._every = []


def kernels_of(way: Way) -> frozenset[str]:
    """The names of all kernels called."""
    return frozenset[str]().union(*(step.sizes.kernels for step in way))


def constant_bytes(way: Way, *, alike: bool) -> int:
    """Bytes of the constants; equal tables lie in flash once.

    `alike`: tables may be those of layers with other scales, so only those of equal scales count
    as equal.
    """
    tables: dict[Key, int] = {}
    for step in way:
        node, sizes = step.node, step.sizes
        if not sizes.tables:
            continue
        tensors = (*node.activations, node.output) if alike else ()
        scales = tuple(tensor.quant for tensor in tensors)
        tables |= {(scales, *key): size for key, size in sizes.tables}
    return _trained_bytes(way) + sum(tables.values())


def _least_calls(*steps: Step) -> tuple[int, int]:
    """Calls of a layer, and words of their parameters, however it runs.

    Passes may merge layers without products (tables, padding), also of two segments: none of them
    counts.
    """
    node = steps[0].node
    if not node.op.macs(node.inputs, node.output):
        return 0, 0
    return min(len(s.calls) for s in steps), min(s.sizes.words for s in steps)


def _words(way: Way) -> int:
    return sum(step.sizes.words for step in way)


def _saved(way: Way) -> int:
    """Bytes that slower kernels surely save together.

    A layer that is computed again shares its constants: one of the two alone saves nothing, so
    nothing is promised there.
    """
    saving = [step for step in way if step.saving]
    shared = len({step.constants for step in saving}) < len(saving)
    return 0 if shared else sum(step.saving for step in saving)


def _slimmest(whole: Way, by_rows: Way) -> int:
    """Trained constants less all that `slim.slimmed` takes other kernels to save, in bytes.

    It counts the tables of each layer, of which flash holds equal ones once. So a plan that it
    makes smaller may be smaller than this; but where this is too much, it makes none.
    """
    least: dict[Key, int] = {}
    saved = 0
    for steps in zip(whole, by_rows, strict=True):
        trained = min(step.sizes.trained_bytes for step in steps)
        key = steps[0].constants
        least[key] = min(trained, least.get(key, trained))
        saved += max(step.saving for step in steps)
    return sum(least.values()) - saved


def _trained_bytes(way: Way) -> int:
    """Bytes of the constants that training makes, which layers share only if computed again."""
    found: dict[Key, int] = {}
    for step in way:
        if step.sizes.trained:
            for key, size in step.sizes.trained:
                found[step.constants, key] = size
    return sum(found.values())


def _is_trained(blob: Blob) -> bool:
    return bool(blob.most_bytes) or blob.role in OF_TRAINING or is_unknown(blob.data)
