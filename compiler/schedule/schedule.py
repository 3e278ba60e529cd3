# SPDX-License-Identifier: Apache-2.0
"""Describes one inference: stages of layers in order, their row tasks, each tensor's buffer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from mcuforge.compiler.calls import Call
from mcuforge.compiler.graph import Graph, Node, fresh
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import CompileError


class Execution(Enum):
    """How a layer runs.

    WHOLE: `Op.calls`, once. ROWS: `Op.row_calls`, output rows [begin, end) per task. ACCUMULATE:
    `Op.accumulate`, input rows [begin, end) per task. ARRIVE: no operator; the pipeline asks for
    rows of a streamed input.
    """

    WHOLE = "whole"
    ROWS = "rows"
    ACCUMULATE = "accumulate"
    ARRIVE = "arrive"

    __hash__ = object.__hash__  # members are single, and keys of many tables


@dataclass(frozen=True, eq=False)
class Layer:
    """A node, how it runs, and its kernel calls on one ISA."""

    node: Node
    execution: Execution
    calls: tuple[Call, ...]
    scratch_name: str  # of its scratch buffer in the memory problem; no tensor has it

    @property
    def kernel(self) -> str:
        """The kernel it calls first: the only one, unless it copies its output part by part."""
        return self.calls[0].kernel if self.calls else ""

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch that the layer's calls share, one after the other."""
        return max((c.scratch_bytes for c in self.calls), default=0)


@dataclass(frozen=True)
class Task:
    """Rows [begin, end) of layer `layer` of its stage: rows of the output, or of a summed input.

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
    """In a pipeline: the layers [begin, end) that run while a buffer made in it holds something."""

    @property
    def is_pipeline(self) -> bool:
        """True when its layers run row by row."""
        return self.layers[0].execution is not Execution.WHOLE


@dataclass(frozen=True, eq=False)
class Schedule:
    """Stages in the order they run. A view has no layer: it shares the buffer in `storage`.

    `rings` holds the number of rows that a ring buffer has, by the name of the tensor that owns it:
    row y stands at row y modulo that number. All other buffers hold their whole tensor. `values`
    names the tensor whose value a view shows; unlike `storage` it tells tensors apart that take
    turns in a ring. `streamed` inputs are not fed before a run: layers with Execution.ARRIVE ask
    for their rows.
    """

    graph: Graph
    stages: tuple[Stage, ...]
    storage: Mapping[str, Tensor]  # tensor name -> the tensor that owns its buffer
    values: Mapping[str, Tensor]  # tensor name -> itself, or the tensor it is a view of
    rings: Mapping[str, int] = field(default_factory=dict)
    streamed: tuple[Tensor, ...] = ()

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer, stage after stage; its index here is the layer's number everywhere."""
        return tuple(layer for stage in self.stages for layer in stage.layers)

    @cached_property
    def steps(self) -> tuple[tuple[Layer, Task], ...]:
        """Every task of a run in order, with its layer: what `<name>_run_steps` counts."""
        return tuple((stage.layers[t.layer], t) for stage in self.stages for t in stage.tasks)

    def buffer(self, tensor: Tensor) -> Tensor:
        """The tensor that owns the bytes of `tensor`: itself, a view's origin, a ring's owner."""
        return self.storage[tensor.name]

    def rows_held(self, tensor: Tensor, rows: int | None = None) -> int:
        """Rows of `tensor` that its buffer holds at once; all of them, or more, where it is whole.

        `rows`: the number of equal rows that the tensor counts as, if not its own number.
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


def runnable(graph: Graph) -> tuple[Node, ...]:
    """The nodes that are not views, in file order."""
    return tuple(n for n in graph.nodes if not n.op.is_view)


def view_storage(graph: Graph) -> dict[str, Tensor]:
    """Map the name of every run-time tensor to itself, or to the tensor that it is a view of."""
    storage: dict[str, Tensor] = {t.name: t for t in graph.inputs}
    for node in graph.nodes:
        if not node.op.is_view:
            storage[node.output.name] = node.output
            continue
        if node.inputs[0].is_constant:
            raise CompileError(
                f"output '{node.output.name}' is a constant, expected a computed tensor",
                f"{graph.source}, {node.origin} '{node.name}'",
                "leave it out of the model's outputs",
            )
        storage[node.output.name] = storage[node.inputs[0].name]
    return storage


def scratch_names(graph: Graph) -> dict[str, str]:
    """Name a scratch buffer for each node, by its output's name; no tensor has such a name."""
    taken = {t.name for t in graph.inputs} | {n.output.name for n in graph.nodes}
    return {n.output.name: fresh(f"{n.name}#scratch", taken, "#") for n in graph.nodes}
