# SPDX-License-Identifier: Apache-2.0
"""Tiny graphs built by hand, an operator that needs scratch, and random inputs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from mcuforge.compiler import reference
from mcuforge.compiler.calls import Blank, Blob, Call, Params, Reads
from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.compiler.work import Work, vector_counts

QUANT = Quant((0.1,), -5)
SHAPE = (1, 6)
HOSTILE = (
    "*/ #error escaped /*",
    "*\\ #error spliced",
    "//\\",
    "%s%n%99999d",
    "??/",
    "größe 模型 🙂",
    "\n#error newline",
    '"#error quote"',
    "int",
    "0x7f",
    "long " + "n" * 300,
)


def tensor(
    name: str,
    shape: tuple[int, ...] = SHAPE,
    dtype: DType = DType.INT8,
    quant: Quant | None = QUANT,
    data: Array | None = None,
) -> Tensor:
    """An int8 activation unless said otherwise."""
    return Tensor(name, shape, dtype, quant, data)


def constant(name: str, shape: tuple[int, ...] = SHAPE, quant: Quant = QUANT) -> Tensor:
    """A constant of random int8 values, seeded by its name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return tensor(name, shape, quant=quant, data=rng.integers(-127, 127, shape, np.int8, True))


def relu(x: Tensor, output: Tensor, name: str = "") -> Node:
    """A rectifier called as its output is, or `name`."""
    return Node(name or f"to_{output.name}", Relu("relu"), (x,), output, "operator 0 RELU")


def view(x: Tensor, output: Tensor) -> Node:
    """A reshape, which is not a step."""
    return Node(f"view_{output.name}", Reshape(), (x,), output, "operator 1 RESHAPE")


def graph(
    inputs: Sequence[Tensor], nodes: Sequence[Node], outputs: Sequence[Tensor], name: str = "tiny"
) -> Graph:
    """A graph of file tiny.tflite."""
    return Graph(name, tuple(inputs), tuple(outputs), tuple(nodes), f"{name}.tflite")


def chain(length: int, shape: tuple[int, ...] = SHAPE) -> Graph:
    """x -> t0 -> t1 ..., rectifiers all."""
    tensors = [tensor("x", shape), *(tensor(f"t{i}", shape) for i in range(length))]
    nodes = [relu(a, b) for a, b in pairwise(tensors)]
    return graph(tensors[:1], nodes, tensors[-1:])


def sums(length: int, shape: tuple[int, ...] = SHAPE) -> Graph:
    """x -> t0 -> t1 ..., each plus a constant of its own: layers that no pass makes one."""
    tensors = [tensor("x", shape), *(tensor(f"t{i}", shape) for i in range(length))]
    nodes = [
        Node(f"to_{b.name}", Add(), (a, constant(f"c_{b.name}", shape)), b, "operator 0 ADD")
        for a, b in pairwise(tensors)
    ]
    return graph(tensors[:1], nodes, tensors[-1:])


def padded_conv(
    *,
    value: int = QUANT.zero_point,
    before: tuple[int, ...] = (0, 1, 2, 0),
    after: tuple[int, ...] = (0, 2, 1, 0),
    quant: Quant = QUANT,
    expose_pad: bool = False,
    read_twice: bool = False,
) -> Graph:
    """A Pad read by a 3x3 convolution; also by a rectifier, or as an output, where asked."""
    x = tensor("x", (1, 5, 4, 2))
    size = tuple(b + n + a for b, n, a in zip(before, x.shape, after, strict=True))
    p = tensor("p", size, quant=quant)
    weights = constant("w", (3, 3, 3, size[3]), Quant((0.02,), 0))
    y = tensor("y", (size[0], size[1] - 2, size[2] - 2, 3), quant=Quant((0.5,), 3))
    nodes = [
        Node("pad", Pad(before, after, value), (x,), p, "operator 0 PAD"),
        Node("conv", Conv2D(), (p, weights), y, "operator 1 CONV_2D"),
    ]
    outputs = [y]
    if read_twice:
        r = tensor("r", size, quant=quant)
        nodes.append(relu(p, r))
        outputs.append(r)
    return graph([x], nodes, outputs + ([p] if expose_pad else []))


def hostile_graph() -> Graph:
    """Every name of the graph is one that C would not take."""
    tensors = [tensor(f"{name}@{i}") for i, name in enumerate(HOSTILE)]
    extra = tensor("out")
    nodes = [relu(a, b, f"{b.name}!") for a, b in pairwise(tensors)]
    nodes.append(Node(HOSTILE[0], Add(), (tensors[-1], constant(HOSTILE[1])), extra))
    return graph(tensors[:1], nodes, [tensors[3], extra], name=HOSTILE[0])


def random_inputs(graph: Graph, seed: int) -> tuple[Array, ...]:
    """Inputs over the whole range of their dtypes."""
    rng = np.random.default_rng(seed)
    drawn = []
    for x in graph.inputs:
        if x.dtype is DType.FLOAT32:
            drawn.append(rng.uniform(-20, 20, x.shape).astype(np.float32))
        else:
            limits = np.iinfo(x.dtype.value)
            drawn.append(rng.integers(limits.min, limits.max, x.shape, x.dtype.value, True))
    return tuple(drawn)


def assert_same_meaning(before: Graph, after: Graph) -> None:
    """Both graphs answer alike, bit for bit, on random inputs."""
    for seed in range(8):
        inputs = random_inputs(before, seed)
        old, new = reference.run(before, inputs), reference.run(after, inputs)
        for a, b in zip(old, new, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


@dataclass(frozen=True)
class Scratchy(Op):
    """Copies its input by way of a scratch buffer; `elementwise` says it may run in place."""

    kind: ClassVar[str] = "scratchy"
    scratch_bytes: int = 16
    elementwise: bool = False

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert inputs[0].shape == output.shape

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        return values[0].copy()

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        table = Blob("table", np.arange(4, dtype=np.int16))
        params = Params("scratchy_params", (("count", output.elements), ("none", None)))
        first = Call("scratchy_s8", (inputs[0], table, output, Blank.PARAMS), params)
        scratch = self.scratch_bytes
        second = Call("scratchy_s8", (output, Blank.SCRATCH, output), scratch_bytes=scratch)
        return (first, second)

    def work(self, inputs: tuple[Tensor, ...], output: Tensor) -> Work:
        return Work("add_s8", vector_counts(output))  # a kernel that has prices

    def reads(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Reads | None, ...]:
        units = np.arange(output.elements, dtype=np.int64)
        whole = Reads(1, 1, units, units + 1, before_write=True)
        return (whole if self.elementwise else None,) * len(inputs)


def scratchy(x: Tensor, output: Tensor, scratch_bytes: int = 16, name: str = "") -> Node:
    """A node that needs scratch."""
    op = Scratchy(scratch_bytes)
    return Node(name or f"to_{output.name}", op, (x,), output, "operator 0 SCRATCHY")
