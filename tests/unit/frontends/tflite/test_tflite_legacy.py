# SPDX-License-Identifier: Apache-2.0
"""uint8 models become int8, with the answers that tflite-runtime 2.14 gives in uint8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import tflite

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    Options,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.legacy import COMPARED
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.tensors import Array
from mcuforge.compiler.user_ports import port_of, to_file, to_graph
from tests.golden.case import Case
from tests.golden.merge import case_modules, cases_of
from tests.models.case_model import case_spec, feed
from tests.models.changed import refusal
from tests.models.oracle import run_reference
from tests.models.samples import SAMPLES

CASES = [
    *(c for module in case_modules() for c in cases_of(module) if isinstance(c, Case)),
    *(sample.case for sample in SAMPLES),
]


def in_uint8(spec: ModelSpec) -> ModelSpec:
    """The same model with every int8 value and zero point moved by 128; one scale per tensor."""
    tensors = []
    for tensor in spec.tensors:
        if tensor.dtype != "int8":
            tensors.append(tensor)
            continue
        data = tensor.data
        if isinstance(data, np.ndarray):
            data = (data.astype(np.int16) + 128).astype(np.uint8)
        scale = None if tensor.scale is None else tensor.scale[:1]
        zero = (tensor.zero_point[0] + 128,)
        tensors.append(
            replace(tensor, dtype="uint8", data=data, scale=scale, zero_point=zero, axis=0)
        )
    return replace(spec, tensors=tuple(tensors))


def answers(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """What our reference answers to inputs in the file's form, in the file's form."""
    fed = [
        to_graph(x[None], port_of(graph, t), t)[0]
        for x, t in zip(inputs, graph.inputs, strict=True)
    ]
    found = zip(reference.run(graph, fed), graph.outputs, strict=True)
    return [to_file(y[None], port_of(graph, t), t)[0] for y, t in found]


def equals_the_reference(model: bytes, seeds: int = 2) -> Graph:
    graph = read_tflite(model)
    for seed in range(seeds):
        ports = [port_of(graph, t) for t in graph.inputs]
        inputs = [feed(p.shape, p.dtype, seed * 8 + i) for i, p in enumerate(ports)]
        wanted = run_reference(model, inputs)
        for met, want in zip(answers(graph, inputs), wanted, strict=True):
            assert met.dtype == want.dtype
            np.testing.assert_array_equal(met, want)
    return graph


def comparable() -> list[tuple[str, ModelSpec]]:
    """Cases of the compared operators that 2.14 runs in uint8 too."""
    found = []
    for case in CASES:
        dtypes = {operand.dtype for operand in case.inputs + case.outputs}
        if case.name == "entries that C libraries round apart":  # known: test_reference.py
            continue
        if case.op in COMPARED and "int8" in dtypes and "uint8" not in dtypes:
            found.append((f"{case.op} {case.name}", in_uint8(case_spec(case))))
    return found


COMPARABLE = comparable()


@pytest.mark.parametrize("place", range(len(COMPARABLE)), ids=[name for name, _ in COMPARABLE])
def test_an_operator_answers_in_uint8_as_in_int8(place: int) -> None:
    equals_the_reference(write_model(COMPARABLE[place][1]), seeds=1)


def test_every_compared_operator_has_cases() -> None:
    assert {name.split()[0] for name, _ in COMPARABLE} == COMPARED


def weighted(
    op: str, zero_point: int, seed: int, options: Options, shape: tuple[int, ...], bits: int = 256
) -> bytes:
    """A layer on an image of 4 channels, or on 4 values; weights around a zero point."""
    rng = np.random.default_rng(seed)
    image = (1, 5, 6, 4) if len(shape) == 4 else (1, 3, 4)
    axis = 3 if op == "DEPTHWISE_CONV_2D" else 0
    weights = rng.integers(0, bits, shape).astype(np.uint8)
    weights.flat[0], weights.flat[-1] = 0, bits - 1
    bias = rng.integers(-2000, 2000, shape[axis]).astype(np.int32)
    scale, w_scale = float(rng.uniform(0.004, 0.03)), float(rng.uniform(0.002, 0.02))
    y_shape = (1, 5, 6, shape[axis]) if len(shape) == 4 else (3, shape[axis])
    tensors = (
        TensorSpec("x", image, "uint8", (scale,), (int(rng.integers(0, 256)),)),
        TensorSpec("w", shape, "uint8", (w_scale,), (zero_point,), data=weights),
        TensorSpec("b", (shape[axis],), "int32", (scale * w_scale,), data=bias),
        TensorSpec("y", y_shape, "uint8", (float(rng.uniform(0.02, 0.2)),), (117,)),
    )
    operator = OperatorSpec(op, (0, 1, 2), (3,), options)
    return write_model(ModelSpec(tensors, (operator,), (0,), (3,)))


STEPS = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
CONV: Options = ("Conv2DOptions", STEPS)
DEPTHWISE: Options = ("DepthwiseConv2DOptions", {**STEPS, "DepthMultiplier": 2})
LAYERS: dict[str, tuple[Options, tuple[int, ...]]] = {
    "CONV_2D": (CONV, (3, 3, 2, 4)),
    "DEPTHWISE_CONV_2D": (DEPTHWISE, (1, 3, 3, 8)),
    "FULLY_CONNECTED": (("FullyConnectedOptions", {}), (5, 4)),
}


@pytest.mark.parametrize("zero_point", [0, 3, 128, 151, 204, 255])
@pytest.mark.parametrize("op", LAYERS)
def test_weights_of_any_zero_point_are_exact(op: str, zero_point: int) -> None:
    options, shape = LAYERS[op]
    for seed in range(3):
        equals_the_reference(weighted(op, zero_point, seed, options, shape))


@pytest.mark.parametrize("op", LAYERS)
def test_weights_that_are_int8_without_their_zero_point_are_read_once(op: str) -> None:
    options, shape = LAYERS[op]
    graph = equals_the_reference(weighted(op, 100, 7, options, shape, bits=200))
    kinds = [node.op.kind for node in graph.nodes if node.op.kind != "reshape"]
    assert kinds == [op.lower().replace("_2d", "2d")]


def test_an_average_rounds_halves_up() -> None:
    pool = {"Padding": tflite.Padding.VALID, "StrideH": 1, "StrideW": 2}
    options = ("Pool2DOptions", {**pool, "FilterHeight": 1, "FilterWidth": 2})
    x = TensorSpec("x", (1, 1, 512, 1), "uint8", (0.1,), (40,))
    tensors = (x, replace(x, name="y", shape=(1, 1, 256, 1)))
    operator = OperatorSpec("AVERAGE_POOL_2D", (0,), (1,), options)
    model = write_model(ModelSpec(tensors, (operator,), (0,), (1,)))
    image = np.repeat(np.arange(256), 2).astype(np.uint8).reshape(1, 1, 512, 1)
    image[0, 0, 1::2, 0] = np.minimum(image[0, 0, 1::2, 0].astype(int) + 1, 255)
    (met,) = answers(read_tflite(model), [image])
    (wanted,) = run_reference(model, [image])
    np.testing.assert_array_equal(met, wanted)


def test_inputs_on_several_scales_are_joined_as_in_uint8() -> None:
    tensors = (
        TensorSpec("a", (1, 256), "uint8", (0.031,), (7,)),
        TensorSpec("b", (1, 256), "uint8", (0.05,), (130,)),
        TensorSpec("c", (1, 4), "uint8", (0.02,), (9,), data=np.array([0, 9, 80, 255], np.uint8)),
        TensorSpec("joined", (1, 516), "uint8", (0.044,), (100,)),
        TensorSpec("y", (1, 516), "uint8", (0.044,), (100,)),
    )
    operators = (
        OperatorSpec("CONCATENATION", (0, 1, 2), (3,), ("ConcatenationOptions", {"Axis": 1})),
        OperatorSpec("RELU", (3,), (4,)),
    )
    model = write_model(ModelSpec(tensors, operators, (0, 1), (4,)))
    every = np.arange(256).astype(np.uint8).reshape(1, 256)
    inputs = [every, every[:, ::-1].copy()]
    (met,), (wanted,) = answers(read_tflite(model), inputs), run_reference(model, inputs)
    np.testing.assert_array_equal(met, wanted)


def test_a_model_may_take_and_give_floats_around_its_uint8() -> None:
    tensors = (
        TensorSpec("x", (1, 64), "float32"),
        TensorSpec("q", (1, 64), "uint8", (0.03,), (131,)),
        TensorSpec("r", (1, 64), "uint8", (0.03,), (131,)),
        TensorSpec("y", (1, 64), "float32"),
    )
    operators = (
        OperatorSpec("QUANTIZE", (0,), (1,)),
        OperatorSpec("RELU", (1,), (2,)),
        OperatorSpec("DEQUANTIZE", (2,), (3,)),
    )
    graph = equals_the_reference(write_model(ModelSpec(tensors, operators, (0,), (3,))))
    assert not graph.ports
    assert [node.output.dtype.value for node in graph.nodes] == ["int8", "int8", "float32"]


def test_an_operator_that_nobody_compared_is_refused() -> None:
    x = TensorSpec("x", (1, 6), "uint8", (0.1,), (30,))
    operator = OperatorSpec("ABS", (0,), (1,), ("AbsOptions", {}))
    error = refusal(write_model(ModelSpec((x, replace(x, name="y")), (operator,), (0,), (1,))))
    assert error.what == "ABS on uint8 may round otherwise than on int8, supported: int8"
    assert "operator 0 ABS" in error.where


def test_a_model_that_takes_and_gives_uint8_only_at_its_edges_stays_as_it_is() -> None:
    tensors = (
        TensorSpec("x", (1, 6), "uint8", (0.1,), (128,)),
        TensorSpec("q", (1, 6), "int8", (0.1,)),
        TensorSpec("r", (1, 6), "int8", (0.1,)),
    )
    operators = (OperatorSpec("QUANTIZE", (0,), (1,)), OperatorSpec("RELU", (1,), (2,)))
    graph = read_tflite(write_model(ModelSpec(tensors, operators, (0,), (2,))))
    assert graph.inputs[0].dtype.value == "uint8"
    assert not graph.ports
