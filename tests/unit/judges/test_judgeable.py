# SPDX-License-Identifier: Apache-2.0
"""The copy the interpreter runs where it would get the user's own file wrong, or not run it."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler.builders.tflite_writer import (
    Field,
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.tflite.file import parse
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes, Malformed
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.judges.flatbuffer_front import Front
from mcuforge.compiler.judges.interpreters import RUNTIME
from mcuforge.compiler.judges.judgeable import judgeable
from mcuforge.compiler.judges.tflite import run_interpreter
from mcuforge.compiler.reference import run, run_all
from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError
from tests.models.case_model import case_model, feed
from tests.models.cifar import MEAN, SPREAD
from tests.models.mutate import mutate, seed_of
from tests.models.odd_writer import Odd, write_odd
from tests.models.oracle import needs_2_14, run_reference
from tests.models.samples import SAMPLES
from tests.shared import shared

FEATURES, WIDTH = 6, 8
MANY = (0.01, 0.03, 0.02, 0.015, 0.007, 0.011)
KEEP: dict[str, Field] = {"KeepNumDims": True}


def weights(name: str, shape: tuple[int, ...], scales: tuple[float, ...], axis: int) -> TensorSpec:
    """Make constant weights without -128; `scales`: one, or one per channel."""
    values = np.maximum(feed(shape, "int8", len(name)), -127)
    return TensorSpec(name, shape, "int8", scales, (0,) * len(scales), axis, values)


def dense(
    rows: tuple[int, ...],
    scales: tuple[float, ...] = MANY,
    *,
    bias: bool = True,
    external: bool = False,
) -> bytes:
    """A dense layer with a rectifier on `rows` of WIDTH."""
    values = np.arange(-3, 3, dtype=np.int32) * 400
    bias_scales = tuple(0.05 * s for s in scales)
    tensors = (
        TensorSpec("x", (*rows, WIDTH), "int8", (0.05,), (3,)),
        weights("w", (FEATURES, WIDTH), scales, 0),
        TensorSpec("b", (FEATURES,), "int32", bias_scales, (0,) * len(scales), 0, values),
        TensorSpec("y", (*rows, FEATURES), "int8", (0.2,), (-4,)),
    )
    options = ("FullyConnectedOptions", KEEP | {"FusedActivationFunction": 1})
    inputs = (0, 1, 2) if bias else (0, 1)
    operator = OperatorSpec("FULLY_CONNECTED", inputs, (3,), options)
    named = (("image",), ("classes",))
    spec = ModelSpec(tensors, (operator,), (0,), (3,), named)
    return write_odd(spec, Odd(external=external))


def convolution(code: str, inputs: tuple[int, ...], *, many: bool, external: bool) -> bytes:
    """A 3x3 convolution of 2 channels to 6."""
    depthwise = code == "DEPTHWISE_CONV_2D"
    shape, axis = ((1, 3, 3, 6), 3) if depthwise else ((6, 3, 3, 2), 0)
    options: dict[str, Field] = {
        "StrideH": 1,
        "StrideW": 1,
        "DilationHFactor": 1,
        "DilationWFactor": 1,
    }
    tensors = (
        TensorSpec("x", (1, 5, 6, 2), "int8", (0.05,), (3,)),
        weights("w", shape, MANY if many else MANY[:1], axis),
        TensorSpec("y", (1, 5, 6, 6), "int8", (0.3,), (-4,)),
    )
    table = ("DepthwiseConv2DOptions", options | {"DepthMultiplier": 3}) if depthwise else None
    operator = OperatorSpec(code, inputs, (2,), table or ("Conv2DOptions", options))
    return write_odd(ModelSpec(tensors, (operator,), (0,), (2,)), Odd(external=external))


def same_answers(model: bytes, by: bytes, samples: int = 3) -> None:
    """Our reference of `model` gives every element that the interpreter gives of `by`."""
    graph = read_tflite(model)
    for seed in range(samples):
        inputs = [feed(t.shape, t.dtype.value, seed) for t in graph.inputs]
        ours, theirs = run(graph, inputs), run_reference(by, inputs)
        for mine, other in zip(ours, theirs, strict=True):
            assert len(np.unique(mine)) > 2
            np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("external", [False, True], ids=["inside", "outside"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize("rows", [(), (1, 3), (1, 1), (1, 3, 1), (1, 2, 3), (1, 2, 1, 3)], ids=str)
def test_a_dense_layer_of_any_dimensions_is_written_whole(
    rows: tuple[int, ...], bias: bool, external: bool
) -> None:
    model = dense(rows, bias=bias, external=external)
    copy = judgeable(model)
    assert copy.changes == "keep_num_dims off and a RESHAPE after it: 1 operator"
    same_answers(model, copy.model)


def test_a_dense_layer_whose_file_leaves_its_shape_open_is_written_whole() -> None:
    tensors = (
        TensorSpec("x", (1, 3, WIDTH), "int8", (0.05,), (3,), signature=(-1, 3, WIDTH)),
        weights("w", (FEATURES, WIDTH), MANY, 0),
        TensorSpec("y", (1, 1, 1), "int8", (0.2,), (-4,), signature=(-1, -1, -1)),
    )
    operator = OperatorSpec("FULLY_CONNECTED", (0, 1), (2,), ("FullyConnectedOptions", KEEP))
    model = write_model(ModelSpec(tensors, (operator,), (0,), (2,)))
    copy = judgeable(model)
    assert copy.changes == "keep_num_dims off and a RESHAPE after it: 1 operator"
    same_answers(model, copy.model)


@pytest.mark.parametrize(("axis", "zeros"), [(3, FEATURES), (0, 1), (3, 1)])
def test_a_bias_with_the_axis_of_its_weights_is_repaired(axis: int, zeros: int) -> None:
    x = TensorSpec("x", (1, WIDTH), "int8", (0.05,), (3,))
    values = np.arange(FEATURES, dtype=np.int32) * 300
    scales = tuple(0.05 * s for s in MANY)
    bias = TensorSpec("b", (FEATURES,), "int32", scales, (0,) * zeros, axis, values)
    y = TensorSpec("y", (1, FEATURES), "int8", (0.2,), (-4,))
    operator = OperatorSpec("FULLY_CONNECTED", (0, 1, 2), (3,), ("FullyConnectedOptions", {}))
    tensors = (x, weights("w", (FEATURES, WIDTH), MANY, 0), bias, y)
    model = write_model(ModelSpec(tensors, (operator,), (0,), (3,)))
    copy = judgeable(model)
    assert copy.changes == "the axis and zero points of the scales of 1 constant repaired"
    same_answers(model, copy.model)


def test_without_the_copy_it_is_not() -> None:
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        same_answers(dense((1, 3)), dense((1, 3)))


@pytest.mark.parametrize("external", [False, True], ids=["inside", "outside"])
@pytest.mark.parametrize("many", [False, True], ids=["one-scale", "many"])
@pytest.mark.parametrize(
    ("code", "inputs"),
    [("CONV_2D", (0, 1)), ("CONV_2D", (0, 1, -1)), ("DEPTHWISE_CONV_2D", (0, 1, -1))],
)
def test_a_convolution_without_bias_is_run(
    code: str, inputs: tuple[int, ...], many: bool, external: bool
) -> None:
    model = convolution(code, inputs, many=many, external=external)
    with pytest.raises(RuntimeError, match="failed to prepare"):
        same_answers(model, model, samples=1)
    copy = judgeable(model)
    assert copy.changes == "a bias of zeros added: 1 operator"
    same_answers(model, copy.model)


@pytest.mark.parametrize(
    "model",
    [
        dense((1,)),
        dense((1, 3), MANY[:1]),
        convolution("DEPTHWISE_CONV_2D", (0, 1), many=True, external=False),
    ],
    ids=["two-dimensions", "one-scale", "depthwise"],
)
def test_what_the_interpreter_runs_right_is_left_as_it_is(model: bytes) -> None:
    copy = judgeable(model)
    assert copy.model is model
    assert copy.changes == ""
    same_answers(model, copy.model)


def test_the_samples_of_every_arm_need_no_copy_but_for_a_bias_that_is_missing() -> None:
    changed = {s.case.name: judgeable(case_model(s.case)).changes for s in SAMPLES}
    assert set(changed.values()) <= {
        "",
        "a bias of zeros added: 1 operator",
        "keep_num_dims off and a RESHAPE after it: 1 operator",
    }
    assert list(changed.values()).count("") > 20


def branches() -> bytes:
    """Dense layers of three dimensions read by operators that name axes, and by an output."""
    tokens, quant = 4, ((0.2,), (-4,))
    tensors = (
        TensorSpec("x", (1, tokens, WIDTH), "int8", (0.05,), (3,)),
        weights("w", (FEATURES, WIDTH), MANY, 0),
        weights("another", (FEATURES, WIDTH), MANY, 0),
        TensorSpec("y", (1, tokens, FEATURES), "int8", *quant),
        TensorSpec("z", (1, tokens, FEATURES), "int8", *quant),
        TensorSpec("last", (1,), "int32", data=np.array([2], np.int32)),
        TensorSpec("turn", (3,), "int32", data=np.array([0, 2, 1], np.int32)),
        TensorSpec("mean", (1, tokens, 1), "int8", *quant),
        TensorSpec("turned", (1, FEATURES, tokens), "int8", *quant),
        TensorSpec("both", (1, 2 * tokens, FEATURES), "int8", *quant),
        TensorSpec("products", (1, tokens, tokens), "int8", (2.0,), (5,)),
        TensorSpec("centred", (1, tokens, FEATURES), "int8", (0.3,), (1,)),
    )
    operators = (
        OperatorSpec("FULLY_CONNECTED", (0, 1, -1), (3,), ("FullyConnectedOptions", KEEP)),
        OperatorSpec("FULLY_CONNECTED", (0, 2, -1), (4,), ("FullyConnectedOptions", KEEP)),
        OperatorSpec("MEAN", (3, 5), (7,), ("ReducerOptions", {"KeepDims": True})),
        OperatorSpec("TRANSPOSE", (4, 6), (8,)),
        OperatorSpec("CONCATENATION", (3, 4), (9,), ("ConcatenationOptions", {"Axis": 1})),
        OperatorSpec("BATCH_MATMUL", (3, 8), (10,), ("BatchMatMulOptions", {})),
        OperatorSpec("SUB", (3, 7), (11,), ("SubOptions", {})),
    )
    return write_model(ModelSpec(tensors, operators, (0,), (3, 7, 8, 9, 10, 11, 4)))


def test_operators_that_name_axes_of_such_an_output_find_them() -> None:
    model = branches()
    copy = judgeable(model)
    assert copy.changes == "keep_num_dims off and a RESHAPE after it: 2 operators"
    same_answers(model, copy.model)


def test_every_tensor_keeps_its_number_shape_and_name() -> None:
    for model in (branches(), dense((1, 3)), dense((1, 3), external=True)):
        before = parse(FileBytes(model))
        after = parse(FileBytes(judgeable(model).model))
        assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
        assert after.signature_names == before.signature_names
        assert len(after.tensors) > len(before.tensors)
        for was, now in zip(before.tensors, after.tensors, strict=False):
            assert (now.name, now.shape, now.quantization) == (
                was.name,
                was.shape,
                was.quantization,
            )
            assert data_of(after.data, now.span) == data_of(before.data, was.span)


def data_of(file: bytes, span: tuple[int, int] | None) -> bytes | None:
    return None if span is None else file[span[0] : span[0] + span[1]]


def test_a_damaged_file_gives_a_copy_that_can_be_read_or_is_malformed() -> None:
    sound = (
        dense((1, 3)),
        dense((1, 2, 3), bias=False, external=True),
        convolution("CONV_2D", (0, 1), many=True, external=False),
        convolution("DEPTHWISE_CONV_2D", (0, 1, -1), many=False, external=True),
        branches(),
    )
    seeds = tuple(seed_of(model) for model in sound)
    copies = graphs = 0
    for index in range(500):
        damaged = mutate(seeds, 11, index)
        try:
            copy = judgeable(damaged)
        except Malformed:
            continue
        copies += copy.changes != ""
        assert len(parse(FileBytes(copy.model)).operators) >= len(
            parse(FileBytes(damaged)).operators
        )
        try:
            graph = read_tflite(damaged)
        except CompileError:
            continue
        graphs += copy.changes != ""
        assert len(read_tflite(copy.model).nodes) >= len(graph.nodes)
    assert copies > 50
    assert graphs > 20


def showing(model: bytes, tensors: tuple[int, ...]) -> bytes:
    """The model with `tensors` as its outputs: nothing else may lie where they lay."""
    front = Front(FileBytes(model))
    root = front.file.root()
    graph = front.file.table(root.places(2, 1, "subgraphs")[0])
    shown = {
        "Tensors": front.old(graph, 0),
        "Inputs": front.old(graph, 1),
        "Outputs": front.vector("SubGraph", "Outputs", tensors, "Int32"),
        "Operators": front.old(graph, 3),
    }
    whole = {
        "Version": root.integer(0, "u32"),
        "OperatorCodes": front.old(root, 1),
        "Subgraphs": front.references([front.table("SubGraph", shown)]),
        "Buffers": front.old(root, 4),
    }
    return front.finish(front.table("Model", whole))


def images(count: int, scale: float, zero_point: int) -> Array:
    """The first images beside the checkout, quantized for a transformer."""
    with np.load(shared("data/cifar10_test_1k.npz")) as data:
        pixels = data["images"][:count]
    steps = np.round((pixels.astype(np.float32) / 255 - MEAN) / SPREAD / scale) + zero_point
    quantized: Array = np.clip(steps, -128, 127).astype(np.int8)
    return quantized


@pytest.mark.shared
@pytest.mark.parametrize(("gelu", "tensors"), [("erf", 218), ("sigmoid", 230)])
def test_every_tensor_of_a_vision_transformer_is_the_interpreters(gelu: str, tensors: int) -> None:
    path = shared(f"models/vit/vit_cifar10_tf_int8_{gelu}.tflite")
    model, graph = path.read_bytes(), read_model(path)
    copy = judgeable(model)
    assert copy.changes == "keep_num_dims off and a RESHAPE after it: 36 operators"
    file = parse(FileBytes(model))
    written = tuple(index for operator in file.operators for index in operator.outputs)
    assert len(written) == tensors
    shown = showing(copy.model, written)
    x = graph.inputs[0]
    photos = images(6, x.scale, x.zero_point)
    for sample in (*photos, *(feed(x.shape[1:], "int8", seed) for seed in range(2))):
        values = run_all(graph, [sample[None]])
        for index, theirs in zip(written, run_reference(shown, [sample[None]]), strict=True):
            np.testing.assert_array_equal(values[file.tensors[index].name], theirs)


@needs_2_14
@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("gelu", ["erf", "sigmoid"])
def test_a_hundred_answers_of_a_vision_transformer_are_the_interpreters(gelu: str) -> None:
    path = shared(f"models/vit/vit_cifar10_tf_int8_{gelu}.tflite")
    graph = read_model(path)
    x = graph.inputs[0]
    photos = images(80, x.scale, x.zero_point)
    drawn = np.stack([feed(x.shape[1:], "int8", seed) for seed in range(20)])
    inputs = np.concatenate([photos, drawn])
    (theirs,) = run_interpreter(RUNTIME, judgeable(path.read_bytes()).model, [inputs])
    ours = np.stack([run(graph, [sample[None]])[0] for sample in inputs])
    assert ours.shape == theirs.shape == (100, 1, 10)
    assert int((ours != theirs).sum()) == 0
    assert len(np.unique(ours.argmax(axis=2))) == 10
