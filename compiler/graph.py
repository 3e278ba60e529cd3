# SPDX-License-Identifier: Apache-2.0
"""The graph every stage works on: operators, and frozen nodes in the order they run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from mcuforge.compiler.calls import Call, Reads
from mcuforge.compiler.lazy import lazy
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors, unique
from mcuforge.compiler.work import Work, vector_counts

Activation = Literal["none", "relu", "relu6", "relu_n1_to_1"]


@dataclass(frozen=True)
class Op(ABC):
    """An operator: typed attributes, checks, integer meaning, reads and kernel calls."""

    kind: ClassVar[str]  # "conv2d": the name of the operator's module, unless it names itself
    input_types: ClassVar[tuple[DType, ...]] = (DType.INT8,)  # of the inputs computed at run time

    def __init_subclass__(cls) -> None:
        if "kind" not in vars(cls):
            cls.kind = cls.__module__.rpartition(".")[2]

    @abstractmethod
    def check(self, inputs: Tensors, output: Tensor) -> None:
        """Refuse (raise Refusal) shapes, dtypes or quantization the kernels do not define."""

    @abstractmethod
    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        """Compute the output; `values` match `inputs` in shape and dtype, constants included.

        Returns an array of the output's shape and dtype, bit-exact with the TFLite reference.
        """

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        """Make the call that computes `output` on every ISA, where one does."""
        raise NotImplementedError(self.kind)

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        """List the kernel calls that compute `output` on `isa`: by default `call` alone.

        Empty when the operator is a view.
        """
        return (self.call(inputs, output),)

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        """Describe how `calls` read each input; constants have an entry too, which is ignored.

        None: any byte may be read after any byte of the output is written. The answer depends on
        the operator, on shapes, dtypes and on which inputs are constant; layers that agree in these
        are asked once. The same holds of `row_reads`.
        """
        return (None,) * len(inputs)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        """Describe how `row_calls` read each input; units are the tensors' rows (`Tensor.rows`).

        `first` and `end` never fall from one row to the next; the entry of a constant is None.
        None instead of the tuple: the operator cannot run row by row.
        """
        return None

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        """List the calls that compute rows [Blank.FIRST_ROW, Blank.END_ROW), from and into rings.

        Calls with RowOf arguments compute one row and are repeated for each. Only where
        `row_reads` is not None.
        """
        raise NotImplementedError(self.kind)

    def accumulate(
        self, inputs: Tensors, output: Tensor, isa: str, rows: int
    ) -> tuple[Call, ...] | None:
        """List the calls that add rows [Blank.FIRST_ROW, Blank.END_ROW) of the input's `rows` rows.

        For operators whose output, a single row, sums over every row of their only run-time input:
        row 0 starts the sums in the scratch buffer, the last row writes the output. The scratch
        lives through all of them. None: the operator needs its whole input at once.
        """
        return None

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        """Count the work of `calls` with unpacked weights: by default a loop per output vector."""
        return Work(self.kernel_name, vector_counts(output))

    def row_work(self, inputs: Tensors, output: Tensor) -> Work:
        """Count the work of `row_calls`: by default that of `calls`, called once for each row."""
        whole = self.work(inputs, output)
        return whole.in_calls(whole.fixed.call * output.rows)

    def accumulate_work(self, inputs: Tensors, output: Tensor, rows: int) -> Work:
        """Count the work of `accumulate`'s calls for `rows` rows, if it has calls."""
        raise NotImplementedError(self.kind)

    def macs(self, inputs: Tensors, output: Tensor) -> int:
        """Count the multiply-accumulates of one inference, padding taps included as peers do."""
        return 0

    @property
    def kernel_name(self) -> str:
        """The kernel of `calls` with unpacked weights."""
        return f"{self.kind}_s8"

    @property
    def title(self) -> str:
        """The operator's name in reports and comments."""
        return self.kind

    @property
    def is_view(self) -> bool:
        """True when the output is the input's bytes under another shape."""
        return False


@dataclass(frozen=True, eq=False)
class Node:
    """One operation: reads `inputs` (constants included), writes `output`."""

    name: str
    op: Op
    inputs: tuple[Tensor, ...]
    output: Tensor
    origin: str = ""  # where the user's model says it: "operator 12 CONV_2D"

    @lazy
    def activations(self) -> Tensors:
        """The inputs that are computed at run time."""
        return tuple([t for t in self.inputs if t.data is None])

    @lazy
    def checked(self) -> bool:
        """True; Refusal where the operator's own check fails."""
        self.op.check(self.inputs, self.output)
        return True

    def rewired(self, tensors: Mapping[int, Tensor]) -> Node:
        """The node with other tensors: by the id of each one that is replaced."""
        if tensors.keys().isdisjoint(map(id, (*self.inputs, self.output))):
            return self
        inputs = tuple([tensors.get(id(t), t) for t in self.inputs])
        return replace(self, inputs=inputs, output=tensors.get(id(self.output), self.output))


@dataclass(frozen=True, eq=False)
class Step:
    """What a file does to the real values of an input before it quantizes them, in float32.

    `operand`, float32, broadcasts to the input's shape in the file.
    """

    kind: Literal["add", "subtract", "multiply", "divide"]
    operand: Array


@dataclass(frozen=True)
class Port:
    """Describes an input or output of the user's file that the graph stores in another way.

    `dtype` is numpy's name, `shape` the file's. The graph's tensor holds the user's values: float32
    ones quantized with the tensor's own scale, uint8 ones less `shift`. Its axes are the file's in
    the order `perm`, under the tensor's own shape. `steps` come before an input is quantized.
    """

    dtype: str
    shape: tuple[int, ...]
    perm: tuple[int, ...]
    shift: int = 0
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in the order they run, with the tensors the user feeds and reads.

    `ports` describes, by tensor name, the inputs and outputs that the file stores in another way
    (NCHW, float32); all others are in the file as they are here. `notes` say what was not read as
    the file states it.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    source: str = ""  # the user's file, for errors
    format: str = "tflite"  # or "onnx"
    ports: Mapping[str, Port] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    batch: int = 1  # samples that the file takes at once; here it is always one
    signature: str = ""  # which of the file's signatures it is
    signatures: tuple[str, ...] = ()

    @lazy
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

    def constants(self) -> Tensors:
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


def fresh(name: str, taken: set[str], more: str = "+") -> str:
    """Return `name`, with `more` appended while it is taken, and take it."""
    while name in taken:
        name += more
    taken.add(name)
    return name
