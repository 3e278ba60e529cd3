# SPDX-License-Identifier: Apache-2.0
"""Single ONNX operators between DequantizeLinear and QuantizeLinear, against onnxruntime.

It computes them in float32; ours are integers. They differ by one step of the output at most, and
hardly anywhere: where they do, the real answer lies within rounding of half a step.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from mcuforge.compiler import reference
from mcuforge.compiler.builders.onnx_builder import IR_VERSION
from mcuforge.compiler.frontends.onnx.reader import read_onnx
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.tensors import Array
from mcuforge.compiler.user_ports import port_of, to_file, to_graph

TYPES = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8}
OPSET = 20
RARELY = 0.01  # the share of elements that may be a step off: TFLite rounds products twice
SAMPLES = 6
EVERY = (1, 8, 32)  # elements enough for each of the 256 values
TOKENS = (1, 33, 48)
# no ratio of these makes ties, which TFLite's arithmetic rounds away, QuantizeLinear to even
SYMMETRIC, ASYMMETRIC = (0.0501337, 0), (0.0370911, -21)
Quantized = tuple[float, int]


@dataclass(frozen=True)
class Single:
    """One operator: its run-time inputs first, then constants by name."""

    op: str
    shape: tuple[int, ...] = EVERY
    inputs: tuple[Quantized, ...] = (ASYMMETRIC,)
    output: Quantized = (0.03, -100)
    constants: Mapping[str, Array] = field(default_factory=dict)
    attributes: Mapping[str, int | float | str] = field(default_factory=dict)
    dtype: str = "int8"

    def __str__(self) -> str:
        inputs = " ".join(f"{scale:g}@{zero}" for scale, zero in (*self.inputs, self.output))
        options = " ".join(f"{key}={value}" for key, value in self.attributes.items())
        return f"{self.op} {self.dtype} {list(self.shape)} {inputs} {options}".strip()


def model_of(single: Single) -> onnx.ModelProto:
    """Integers in, DequantizeLinear, the operator in float, QuantizeLinear, integers out."""
    element = TYPES[single.dtype]
    constants = [numpy_helper.from_array(v, name) for name, v in single.constants.items()]
    nodes, ports, reals = [], [], []
    quants = {f"x{i}": quant for i, quant in enumerate(single.inputs)} | {"y": single.output}
    for name, (scale, zero_point) in quants.items():
        ports.append(helper.make_tensor_value_info(name, element, single.shape))
        constants.append(numpy_helper.from_array(np.array(scale, np.float32), f"{name}_scale"))
        zero = np.array(zero_point, single.dtype)
        constants.append(numpy_helper.from_array(zero, f"{name}_zero"))
    for name in list(quants)[:-1]:
        reals.append(f"{name}_real")
        parts = [name, f"{name}_scale", f"{name}_zero"]
        nodes.append(helper.make_node("DequantizeLinear", parts, reals[-1:]))
    operands = [*reals, *single.constants]
    nodes.append(helper.make_node(single.op, operands, ["real"]))
    nodes[-1].attribute.extend(helper.make_attribute(k, v) for k, v in single.attributes.items())
    nodes.append(helper.make_node("QuantizeLinear", ["real", "y_scale", "y_zero"], ["y"]))
    graph = helper.make_graph(nodes, "single", ports[:-1], ports[-1:], constants)
    opset = [helper.make_opsetid("", OPSET)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    onnx.checker.check_model(made)
    return made


def drawn(single: Single) -> list[Array]:
    """Samples of each input: every value in turn, all alike, range ends, any, narrow noise."""
    rng = np.random.default_rng(zlib.crc32(str(single).encode()))
    limits = np.iinfo(single.dtype)
    low, high = int(limits.min), int(limits.max)
    found = []
    for i in range(len(single.inputs)):
        ramp = np.arange(np.prod(single.shape)) % 256 + low
        narrow = np.clip(rng.normal(high - 127, 9, single.shape), low, high)
        samples = [
            rng.permutation(ramp).reshape(single.shape) if i else ramp.reshape(single.shape),
            np.full(single.shape, high - i),
            rng.choice([low, high], single.shape),
            rng.integers(low, high, single.shape, endpoint=True),
            narrow,
            np.where(rng.random(single.shape) < 0.02, high, low),
        ]
        found.append(np.stack(samples).astype(single.dtype))
    assert len(samples) == SAMPLES
    return found


def onnxruntime_answers(model: onnx.ModelProto, samples: list[Array]) -> Array:
    """The model as it is written, nothing fused."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    answers = [
        session.run(None, {f"x{i}": x[sample] for i, x in enumerate(samples)})[0]
        for sample in range(SAMPLES)
    ]
    return np.stack(answers)


def our_answers(graph: Graph, samples: list[Array]) -> Array:
    """Our reference's, in the form the file has them."""
    fed = [to_graph(x, port_of(graph, t), t) for x, t in zip(samples, graph.inputs, strict=True)]
    runs = [reference.run(graph, [x[i] for x in fed])[0] for i in range(SAMPLES)]
    (output,) = graph.outputs
    return to_file(np.stack(runs), port_of(graph, output), output)


def softmax(shape: tuple[int, ...], scale: float, output: Quantized, axis: int = -1) -> Single:
    return Single("Softmax", shape, ((scale, -21),), output, attributes={"axis": axis})


def layer_norm(
    scale: float, output: Quantized, epsilon: float = 1e-5, shape: tuple[int, ...] = TOKENS
) -> Single:
    rng = np.random.default_rng(shape[-1])
    gamma, beta = rng.normal((1.0, 0.0), (0.4, 0.3), (shape[-1], 2)).T.astype(np.float32)
    constants = {"gamma": gamma, "beta": beta}
    attributes = {"axis": -1, "epsilon": epsilon}
    return Single("LayerNormalization", shape, ((scale, 9),), output, constants, attributes)


UNARY = tuple(
    Single(op, inputs=(quant,), output=output)
    for op, outputs in {
        "Gelu": ((0.03, -100), (0.05, 0), (0.004, -128)),
        "Erf": ((1 / 127, 0), (1 / 100, 3), (0.002, -1)),
        "Sigmoid": ((1 / 255, -128), (1 / 127, 0), (0.01, -100)),
        "Tanh": ((1 / 127, 0), (1 / 120, -5), (0.02, 64)),
        "HardSwish": ((0.03, -100), (0.05, 0)),
        "Exp": ((0.9, -128), (5.0, 0)),
        "Relu": ((0.037, -128), (0.02, -128)),
    }.items()
    for output in outputs
    for quant in (SYMMETRIC, ASYMMETRIC, (0.001, 127), (0.2, -128))
)
BINARY = tuple(
    Single(op, inputs=inputs, output=output)
    for op in ("Add", "Sub", "Mul")
    for inputs in ((SYMMETRIC, ASYMMETRIC), ((0.011, 90), (0.3, -7)))
    for output in ((0.06, 3), (0.4, -90))
)
SINGLES = (
    *UNARY,
    *BINARY,
    Single("Gelu", attributes={"approximate": "tanh"}),
    Single("Gelu", dtype="uint8", inputs=((0.05, 128),), output=(0.03, 20)),
    Single("Sigmoid", dtype="uint8", inputs=((0.05, 128),), output=(1 / 255, 0)),
    Single("Add", dtype="uint8", inputs=((0.0501337, 128), (0.03, 7)), output=(0.06, 120)),
    softmax((1, 16, 10), 0.1, (1 / 255, -128)),
    softmax((1, 16, 197), 0.05, (1 / 255, -128)),
    softmax((1, 3, 33, 33), 0.2, (1 / 127, 0)),
    softmax((1, 4, 64), 0.01, (1 / 2000, -128)),
    softmax((1, 64), 1.0, (1 / 255, -128)),
    softmax((1, 2, 1000), 0.1, (1 / 255, -128)),
    softmax((1, 16, 10), 0.1, (1 / 255, -128), axis=1),
    layer_norm(0.05, (0.03, -4)),
    layer_norm(0.05, (0.015, 40)),
    layer_norm(0.001, (0.03, -4)),
    layer_norm(0.002, (0.03, -4), epsilon=0.1),
    layer_norm(0.05, (0.03, -4), epsilon=1e-12),
    layer_norm(0.05, (0.03, -4), shape=(1, 9, 384)),
    layer_norm(0.7, (0.04, 0), shape=(1, 2, 1000)),
)


@pytest.mark.parametrize("single", SINGLES, ids=str)
def test_an_operator_is_within_a_step_of_onnxruntime(single: Single) -> None:
    model = model_of(single)
    graph = read_onnx(model.SerializeToString(), name="single")
    samples = drawn(single)
    wanted = onnxruntime_answers(model, samples).astype(np.int64)
    for form in (graph, optimize(graph)):
        off = np.abs(our_answers(form, samples).astype(np.int64) - wanted)
        assert off.max() <= 1
        assert np.count_nonzero(off) <= RARELY * off.size
