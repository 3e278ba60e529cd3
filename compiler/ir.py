# SPDX-License-Identifier: Apache-2.0
"""The graph every stage works on: frozen tensors and nodes, in the order they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mcuforge.compiler.ops.base import Op

Array = NDArray[np.generic]


class DType(Enum):
    """Element types a tensor may have; the value is numpy's name of it."""

    INT8 = "int8"
    UINT8 = "uint8"
    INT32 = "int32"
    FLOAT32 = "float32"

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return np.dtype(self.value).itemsize

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy dtype."""
        return np.dtype(self.value)

    @property
    def c_type(self) -> str:
        """The C99 type."""
        return "float" if self is DType.FLOAT32 else f"{self.value}_t"


@dataclass(frozen=True)
class Quant:
    """real = scale * (q - zero_point); one scale per slice of `axis`, or one for all.

    `nearest`: products are rounded to this scale once, to the nearest, as ONNX runtimes round what
    they compute in float; otherwise twice, as TFLite does.
    """

    scale: tuple[float, ...]
    zero_point: int = 0
    axis: int | None = None
    nearest: bool = False


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the graph; compared by identity: equal content is not the same tensor."""

    name: str
    shape: tuple[int, ...]  # NHWC, batch included
    dtype: DType
    quant: Quant | None = None
    data: Array | None = field(default=None, repr=False)  # None: computed at run time

    @cached_property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @cached_property
    def bytes(self) -> int:
        """Size in memory."""
        return self.elements * self.dtype.itemsize

    @cached_property
    def rows(self) -> int:
        """Number of rows: image rows of (1, h, w, c), tokens of (1, t, c) or (t, c).

        Rows follow each other in memory; a vector is one row.
        """
        return prod(self.shape[: 2 if len(self.shape) > 2 else 1]) if len(self.shape) > 1 else 1

    @cached_property
    def row_bytes(self) -> int:
        """Bytes from one row to the next."""
        return self.bytes // max(self.rows, 1)

    @property
    def is_constant(self) -> bool:
        """True when the value is in the model file."""
        return self.data is not None

    @property
    def scale(self) -> float:
        """The per-tensor scale; `verify` has made sure there is one where an op asks for it."""
        assert self.quant is not None
        return self.quant.scale[0]

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point, 0 for a tensor without quantization."""
        return self.quant.zero_point if self.quant is not None else 0

    def values(self) -> Array:
        """Return the constant's data, in the tensor's shape and dtype.

        The op's check has made sure that the tensor is a constant.
        """
        assert self.data is not None, self.name
        return self.data


@dataclass(frozen=True, eq=False)
class Node:
    """One operation: reads `inputs` (constants included), writes `output`."""

    name: str
    op: Op
    inputs: tuple[Tensor, ...]
    output: Tensor
    origin: str = ""  # where the user's model says it: "operator 12 CONV_2D"

    @property
    def activations(self) -> tuple[Tensor, ...]:
        """The inputs that are computed at run time."""
        return tuple(t for t in self.inputs if not t.is_constant)


@dataclass(frozen=True)
class Port:
    """Describes an input or output of the user's file that the graph stores in another way.

    `dtype` is numpy's name, `shape` the file's. The graph's tensor holds the user's values: float32
    ones quantized with the tensor's own scale, uint8 ones less `shift`. Its axes are the file's in
    the order `perm`, under the tensor's own shape.
    """

    dtype: str
    shape: tuple[int, ...]
    perm: tuple[int, ...]
    shift: int = 0


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in the order they run, with the tensors the user feeds and reads.

    `ports` describes, by tensor name, the inputs and outputs that the file stores in another way
    (NCHW, float32); all others are in the file as they are here.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    source: str = ""  # the user's file, for errors
    format: str = "tflite"  # or "onnx"
    ports: Mapping[str, Port] = field(default_factory=dict)

    @cached_property
    def _links(self) -> _Links:
        return _Links.of(self)

    def readers(self, tensor: Tensor) -> tuple[Node, ...]:
        """The nodes that read `tensor`, in order, each once."""
        return tuple(dict.fromkeys(self._links.reads.get(tensor, ())))

    def only_reader(self, tensor: Tensor) -> Node | None:
        """The node that reads `tensor` when nothing else does and it reads it once.

        None for an output of the graph, which the user reads too.
        """
        reads = self._links.reads.get(tensor, ())
        return reads[0] if len(reads) == 1 and not self.is_output(tensor) else None

    def writer(self, tensor: Tensor) -> Node | None:
        """The node that writes `tensor`, None for inputs and constants."""
        place = self.written_at(tensor)
        return self.nodes[place] if place >= 0 else None

    def written_at(self, tensor: Tensor) -> int:
        """The index of the node that writes `tensor`, -1 for inputs and constants."""
        return self._links.written_at.get(tensor, -1)

    def is_output(self, tensor: Tensor) -> bool:
        """True when the user reads `tensor`."""
        return tensor in self._links.outputs

    def constants(self) -> tuple[Tensor, ...]:
        """Every constant a node reads, once each, in the order met."""
        return unique(t for n in self.nodes for t in n.inputs if t.is_constant)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(n.op.macs(n.inputs, n.output) for n in self.nodes)

    @property
    def parameters(self) -> int:
        """Elements of all constants."""
        return sum(t.elements for t in self.constants())


@dataclass(frozen=True)
class _Links:
    """Who writes and who reads each tensor of a graph."""

    written_at: Mapping[Tensor, int]  # the index of its node
    reads: Mapping[Tensor, Sequence[Node]]  # a node that reads it twice stands here twice
    outputs: frozenset[Tensor]

    @classmethod
    def of(cls, graph: Graph) -> _Links:
        """The links of `graph`."""
        reads: dict[Tensor, list[Node]] = {}
        for node in graph.nodes:
            for tensor in node.inputs:
                reads.setdefault(tensor, []).append(node)
        written_at = {node.output: i for i, node in enumerate(graph.nodes)}
        return cls(written_at, reads, frozenset(graph.outputs))


def unique(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The distinct tensors, by identity, in the order met."""
    return tuple({id(t): t for t in tensors}.values())


def fresh(name: str, taken: set[str]) -> str:
    """Return `name`, with "+" appended while it is taken, and take it."""
    while name in taken:
        name += "+"
    taken.add(name)
    return name
