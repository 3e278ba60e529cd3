# SPDX-License-Identifier: Apache-2.0
"""What one inference does, in order: stages of layers, their row tasks, each tensor's buffer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from mcuforge.compiler.ir import Graph, Node, Tensor
from mcuforge.compiler.ops.base import Call
from mcuforge.errors import CompileError


class Execution(Enum):
    """How a layer is executed.

    WHOLE: `Op.calls`, once. ROWS: `Op.row_calls`, output rows [begin, end) a task. ACCUMULATE:
    `Op.accumulate`, input rows [begin, end) a task. ARRIVE: no operator; rows of a streamed input
    are asked for.
    """

    WHOLE = "whole"
    ROWS = "rows"
    ACCUMULATE = "accumulate"
    ARRIVE = "arrive"


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer that runs: its node, how, and the kernel calls of one ISA."""

    node: Node
    execution: Execution
    calls: tuple[Call, ...]
    scratch_name: str  # of the scratch buffer in the memory problem, unlike every tensor's

    @property
    def kernel(self) -> str:
        """The kernel it calls first, all there is but for what is moved piece by piece."""
        return self.calls[0].kernel if self.calls else ""

    @property
    def scratch_bytes(self) -> int:
        """Scratch shared by the layer's calls, which run one after the other."""
        return max((c.scratch_bytes for c in self.calls), default=0)


@dataclass(frozen=True)
class Task:
    """Rows [begin, end) of layer `layer` of its stage: of its output, or of the input it adds up.

    A layer that runs whole has one task, over all rows of its output.
    """

    layer: int
    begin: int
    end: int


@dataclass(frozen=True, eq=False)
class Stage:
    """One layer that runs whole, or a pipeline: layers whose rows are computed in turn.

    Tasks are in the order they run; those of one layer rise without gaps.
    """

    layers: tuple[Layer, ...]
    tasks: tuple[Task, ...]
    alive: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Of a pipeline: the layers [begin, end) running while a buffer made in it holds something."""

    @property
    def is_pipeline(self) -> bool:
        """True when its layers run row by row."""
        return self.layers[0].execution is not Execution.WHOLE


@dataclass(frozen=True, eq=False)
class Schedule:
    """Stages in the order they run. Views are no layers: `storage` names the buffer they share.

    `rings` holds, by the name of the tensor that owns a buffer, how many of its rows the buffer
    holds at once: row y stands at row y modulo that. Buffers not in it hold their whole tensor.
    `values` names the tensor whose value a view shows; unlike `storage` it tells tensors apart that
    take turns in a ring. `streamed` inputs are not fed before a run: a layer of form ARRIVE asks
    for their rows.
    """

    graph: Graph
    stages: tuple[Stage, ...]
    storage: Mapping[str, Tensor]  # tensor name -> the tensor that owns its buffer
    values: Mapping[str, Tensor]  # tensor name -> itself, or the tensor it is a view of
    rings: Mapping[str, int] = field(default_factory=dict)
    streamed: tuple[Tensor, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer, stage after stage; an index into it is a layer's number everywhere."""
        return tuple(layer for stage in self.stages for layer in stage.layers)

    @property
    def steps(self) -> tuple[tuple[Layer, Task], ...]:
        """Every task of a run in order, with its layer: what `<name>_run_steps` counts."""
        return tuple((stage.layers[t.layer], t) for stage in self.stages for t in stage.tasks)

    def buffer(self, tensor: Tensor) -> Tensor:
        """The tensor that owns the bytes of `tensor`: itself, what it is a view of, or its ring."""
        return self.storage[tensor.name]

    def rows_held(self, tensor: Tensor, rows: int | None = None) -> int:
        """Rows of `tensor` its buffer holds at once, no less than all where it is whole.

        `rows`: how many equal rows the tensor is taken for, where not for its own.
        """
        buffer = self.buffer(tensor)
        held = self.rings.get(buffer.name)
        counted = tensor.rows if rows is None else rows
        if held is None:
            return max(buffer.rows, counted)
        return held * buffer.row_bytes * counted // tensor.bytes

    def buffer_bytes(self, tensor: Tensor) -> int:
        """Size of the buffer that `tensor` owns."""
        rows = self.rings.get(tensor.name)
        return tensor.bytes if rows is None else rows * tensor.row_bytes


def whole_layers(graph: Graph, isa: str) -> Schedule:
    """The graph's nodes in file order, each run whole, with the kernel calls of `isa`.

    Raises CompileError for an output that is a constant under another shape: there is nothing to
    run that would write it.
    """
    scratch = scratch_names(graph)
    stages = []
    for node in runnable(graph):
        calls = node.op.calls(node.inputs, node.output, isa)
        layer = Layer(node, Execution.WHOLE, calls, scratch[node.output.name])
        stages.append(Stage((layer,), (Task(0, 0, node.output.rows),)))
    storage = view_storage(graph)
    return Schedule(graph, tuple(stages), storage, storage)


def runnable(graph: Graph) -> tuple[Node, ...]:
    """The nodes that are no views, in file order."""
    return tuple(n for n in graph.nodes if not n.op.is_view)


def view_storage(graph: Graph) -> dict[str, Tensor]:
    """For every run-time tensor by name the tensor whose bytes it shares: itself, but for views."""
    storage: dict[str, Tensor] = {t.name: t for t in graph.inputs}
    for node in graph.nodes:
        if not node.op.is_view:
            storage[node.output.name] = node.output
            continue
        if node.inputs[0].is_constant:
            raise CompileError(
                f"output '{node.output.name}' is a constant, wanted something computed",
                f"{graph.source}, {node.origin} '{node.name}'",
                "leave it out of the model's outputs",
            )
        storage[node.output.name] = storage[node.inputs[0].name]
    return storage


def scratch_names(graph: Graph) -> dict[str, str]:
    """A buffer name for each node's scratch, by its output's name, that no tensor has."""
    taken = {t.name for t in graph.inputs} | {n.output.name for n in graph.nodes}
    names = {}
    for node in graph.nodes:
        name = f"{node.name}#scratch"
        while name in taken:
            name += "#"
        taken.add(name)
        names[node.output.name] = name
    return names
