# SPDX-License-Identifier: Apache-2.0
"""Every small shape of the operators whose kernels work in blocks, with drawn scales."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.graph import Activation, Graph, Node, Op
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.extremum import Maximum, Minimum
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.softmax import Softmax
from mcuforge.compiler.ops.softmax_qdq import SoftmaxQdq
from mcuforge.compiler.ops.squared_difference import SquaredDifference
from mcuforge.compiler.ops.tables.logistic import Logistic
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import Refusal

KERNELS = ((1, 1), (2, 2), (3, 3), (5, 1))
MORE_CHANNELS = (11, 15, 16, 17, 20, 31, 32, 33)  # about the lanes of wider vectors
ZERO_POINTS = (-128, -5, 0, 3, 127)
ACTIVATIONS: tuple[Activation, ...] = ("none", "none", "none", "relu", "relu6", "relu_n1_to_1")

Rng = np.random.Generator
Shape = tuple[int, ...]


def small_nodes(kind: str, every: int = 1) -> Iterator[tuple[str, Node]]:
    """One in `every` of the kind's shapes, named; those the operator refuses left out."""
    for i, (name, make) in enumerate(SHAPES[kind]()):
        if i % every:
            continue
        node = make(np.random.default_rng(zlib.crc32(name.encode())))
        try:
            node.op.check(node.inputs, node.output)
        except Refusal:
            continue
        yield name, node


Maker = Callable[[Rng], Node]


def quant(rng: Rng, scale: float = 0.05, nearest: bool = False) -> Quant:
    return Quant((scale,), int(rng.choice(ZERO_POINTS)), nearest=nearest)


def run_time(rng: Rng, name: str, shape: Shape) -> Tensor:
    return Tensor(name, shape, DType.INT8, quant(rng))


def weighted(rng: Rng, op: Op, x: Tensor, shape: Shape, axis: int, outputs: Shape) -> Node:
    """A node with drawn weights and bias; its factors lie between 2**-14 and 1, some are 2**-n.

    Half of the outputs are rounded once: factors above 2**-12 then have no shift.
    """
    count = shape[axis]
    data = rng.integers(-127, 128, shape).astype(np.int8)
    exact = rng.random() < 0.4  # halves are then met, and rounded
    steps = -rng.integers(0, 14, count) if exact else rng.uniform(-14, 0, count)
    scales = tuple(float(s) for s in 2.0**steps)
    one = rng.random() < 0.3
    weights_quant = Quant(scales[:1]) if one else Quant(scales, axis=axis)
    inputs = [x, Tensor("w", shape, DType.INT8, weights_quant, data)]
    if rng.random() < 0.7:
        bias = rng.integers(-(2**12), 2**12, count).astype(np.int32)
        bias_quant = Quant(tuple(x.scale * s for s in weights_quant.scale))
        inputs.append(Tensor("bias", (count,), DType.INT32, bias_quant, bias))
    output = Tensor("y", outputs, DType.INT8, quant(rng, x.scale, rng.random() < 0.5))
    return Node("n", op, tuple(inputs), output)


def windowed_sizes(
    rng: Rng, kernel: tuple[int, int], width: int, stride: int, padded: bool
) -> tuple[tuple[int, int], Shape, tuple[int, int]]:
    """Input size, padding and output size of a window; the output may come out empty."""
    pad = [0, 0, 0, 0]
    if padded:
        most = (max(1, kernel[0] - 1), max(1, kernel[1] - 1))
        pad = [int(rng.integers(0, most[i % 2] + 1)) for i in range(4)]
        pad[int(rng.integers(4))] = 1
    height = kernel[0] + int(rng.integers(0, 3)) * (1 if kernel[0] > 1 else 2)
    out_h = (height + pad[0] + pad[2] - kernel[0]) // stride + 1
    out_w = (width + pad[1] + pad[3] - kernel[1]) // stride + 1
    return (height, width), tuple(pad), (out_h, out_w)


def convolutions() -> Iterator[tuple[str, Maker]]:
    sizes = [(ci, co) for ci, co in product(range(1, 10), repeat=2)]
    many = [(ci, co) for ci in MORE_CHANNELS for co in (1, 2, 5, 8)]
    for kernel, (ci, co), width, stride, padded in product(
        KERNELS, sizes + many, range(1, 7), (1, 2), (False, True)
    ):
        if not padded and width < kernel[1]:
            continue
        name = f"conv2d {kernel} of {ci} by {co}, width {width}, stride {stride}, padded {padded}"

        def make(
            rng: Rng,
            kernel: tuple[int, int] = kernel,
            ci: int = ci,
            co: int = co,
            width: int = width,
            stride: int = stride,
            padded: bool = padded,
        ) -> Node:
            size, pad, out = windowed_sizes(rng, kernel, width, stride, padded)
            x = run_time(rng, "x", (1, *size, ci))
            op = Conv2D((stride, stride), as_pad(pad), act=rng.choice(ACTIVATIONS))
            return weighted(rng, op, x, (co, *kernel, ci), 0, (1, *out, co))

        yield name, make


def as_pad(pad: Shape) -> tuple[int, int, int, int]:
    top, left, bottom, right = pad
    return top, left, bottom, right


def depthwise() -> Iterator[tuple[str, Maker]]:
    channels = (*range(1, 10), *MORE_CHANNELS)
    for kernel, c, width, stride, padded in product(
        KERNELS, channels, range(1, 7), (1, 2), (False, True)
    ):
        if not padded and width < kernel[1]:
            continue
        name = f"depthwise {kernel} of {c}, width {width}, stride {stride}, padded {padded}"

        def make(
            rng: Rng,
            kernel: tuple[int, int] = kernel,
            c: int = c,
            width: int = width,
            stride: int = stride,
            padded: bool = padded,
        ) -> Node:
            size, pad, out = windowed_sizes(rng, kernel, width, stride, padded)
            x = run_time(rng, "x", (1, *size, c))
            op = DepthwiseConv2D((stride, stride), as_pad(pad), act=rng.choice(ACTIVATIONS))
            return weighted(rng, op, x, (1, *kernel, c), 3, (1, *out, c))

        yield name, make


def linear() -> Iterator[tuple[str, Maker]]:
    for features, outputs, vectors in product(range(1, 34), range(1, 10), (1, 2, 5)):
        name = f"fully connected {features} to {outputs}, vectors {vectors}"

        def make(
            rng: Rng, features: int = features, outputs: int = outputs, vectors: int = vectors
        ) -> Node:
            x = run_time(rng, "x", (1, vectors, features))
            op = FullyConnected(act=rng.choice(ACTIVATIONS))
            return weighted(rng, op, x, (outputs, features), 0, (1, vectors, outputs))

        yield name, make


def matrices() -> Iterator[tuple[str, Maker]]:
    depths = (*range(1, 10), 12, 16, 17, 33)
    for m, k, n, adj_x, adj_y in product(
        (1, 2, 3, 5), depths, range(1, 10), (False, True), (False, True)
    ):
        name = f"batch matmul {m} x {k} x {n}, transposed {adj_x} {adj_y}"

        def make(
            rng: Rng, m: int = m, k: int = k, n: int = n, adj_x: bool = adj_x, adj_y: bool = adj_y
        ) -> Node:
            heads = int(rng.integers(1, 3))
            a = run_time(rng, "a", (1, heads, k, m) if adj_x else (1, heads, m, k))
            b = run_time(rng, "b", (1, heads, n, k) if adj_y else (1, heads, k, n))
            scale = a.scale * b.scale * 2.0 ** float(rng.choice((0.5, 3, 6.3, 9)))
            output = Tensor("y", (1, heads, m, n), DType.INT8, quant(rng, scale))
            return Node("n", BatchMatMul(adj_x, adj_y), (a, b), output)

        yield name, make


PAIRS: Mapping[str, Callable[[Rng], Op]] = MappingProxyType(
    {
        "add": lambda rng: Add(False, rng.choice(ACTIVATIONS)),
        "subtract": lambda rng: Add(True, rng.choice(ACTIVATIONS)),
        "mul": lambda rng: Mul(rng.choice(ACTIVATIONS)),
        "squared difference": lambda _: SquaredDifference(),
        "minimum": lambda _: Minimum(),
        "maximum": lambda _: Maximum(),
    }
)


REPEATED: Mapping[str, Callable[[int, int], tuple[str, Shape]]] = MappingProxyType(
    {
        "nothing": lambda rows, length: ("b", (1, rows, length)),
        "one element a": lambda _, __: ("a", (1, 1, 1)),
        "one element b": lambda _, __: ("b", (1, 1, 1)),
        "a row a": lambda _, length: ("a", (1, 1, length)),
        "a row b": lambda _, length: ("b", (1, 1, length)),
        "a column a": lambda rows, _: ("a", (1, rows, 1)),
        "a column b": lambda rows, _: ("b", (1, rows, 1)),
    }
)


def pairs() -> Iterator[tuple[str, Maker]]:
    """Operators of two inputs: of one shape, one repeated along an axis, one constant."""
    for kind, length, how, fixed in product(PAIRS, range(1, 18), REPEATED, (False, True)):
        name = f"{kind} of {length}, repeated: {how}, constant {fixed}"

        def make(
            rng: Rng, kind: str = kind, length: int = length, how: str = how, fixed: bool = fixed
        ) -> Node:
            rows = int(rng.integers(1, 4))
            whole = (1, rows, length)
            common = quant(rng)  # what minimum and maximum want of all three

            def drawn(label: str, shape: Shape) -> Tensor:
                own = quant(rng, float(rng.uniform(0.01, 0.1)))
                shared = kind in ("minimum", "maximum")
                return Tensor(label, shape, DType.INT8, common if shared else own)

            side, shape = REPEATED[how](rows, length)
            a = drawn("a", shape if side == "a" else whole)
            b = drawn("b", shape if side == "b" else whole)
            if fixed:
                data = rng.integers(-128, 128, b.shape).astype(np.int8)
                b = Tensor("b", b.shape, b.dtype, b.quant, data)
            return Node("n", PAIRS[kind](rng), (a, b), drawn("y", whole))

        yield name, make


def ones() -> Iterator[tuple[str, Maker]]:
    """Operators of one input: along the last axis, over windows, over axes, by table."""
    softmax = Quant((1 / 256,), -128)
    for length, rows in product(range(1, 34), (1, 3)):
        shape = (1, rows, length)

        def last(rng: Rng, op: Op, shape: Shape = shape) -> Node:
            x = run_time(rng, "x", shape)
            return Node("n", op, (x,), Tensor("y", shape, DType.INT8, softmax))

        def mean(rng: Rng, axis: int, shape: Shape = shape) -> Node:
            x = run_time(rng, "x", shape)
            kept = tuple(1 if i == axis else n for i, n in enumerate(shape))
            y = Tensor("y", kept, DType.INT8, quant(rng, float(rng.uniform(0.01, 0.1))))
            return Node("n", Mean((axis,)), (x,), y)

        def pool(rng: Rng, kind: type[AveragePool2D | MaxPool2D], shape: Shape = shape) -> Node:
            x = run_time(rng, "x", (1, 3, 4, shape[2]))
            y = Tensor("y", (1, 2, 3, shape[2]), DType.INT8, x.quant)
            return Node("n", kind((2, 2), (1, 1), (0, 0, 0, 0)), (x,), y)

        where = f"{rows} of {length}"
        for op in (Softmax(), SoftmaxQdq(), Logistic()):
            yield f"{op.kind} {where}", partial(last, op=op)
        for axis in (1, 2):
            yield f"mean {where} {axis}", partial(mean, axis=axis)
        yield f"average {where}", partial(pool, kind=AveragePool2D)
        yield f"largest {where}", partial(pool, kind=MaxPool2D)


def together(name: str, nodes: Sequence[Node]) -> Graph:
    """One graph of unconnected nodes."""
    apart = []
    for i, node in enumerate(nodes):
        inputs = tuple(replace(t, name=f"n{i}/{t.name}") for t in node.inputs)
        output = replace(node.output, name=f"n{i}/{node.output.name}")
        apart.append(replace(node, name=f"n{i}", inputs=inputs, output=output))
    fed = tuple(t for node in apart for t in node.activations)
    return Graph(name, fed, tuple(node.output for node in apart), tuple(apart), source=name)


SHAPES: Mapping[str, Callable[[], Iterator[tuple[str, Maker]]]] = MappingProxyType(
    {
        "conv2d": convolutions,
        "depthwise_conv2d": depthwise,
        "fully_connected": linear,
        "batch_matmul": matrices,
        "pairs": pairs,
        "ones": ones,
    }
)
