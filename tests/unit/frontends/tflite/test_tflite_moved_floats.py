# SPDX-License-Identifier: Apache-2.0
"""Values that move in float between DEQUANTIZE and QUANTIZE move as they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    Options,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.tensors import Array
from tests.models.case_model import feed
from tests.models.changed import refusal
from tests.models.oracle import run_reference

SHAPE = (1, 4, 6)
QUANTS = ((0.05, 3), (0.05, 3), (0.031, -20))  # of the inputs, in order


@dataclass
class Floats:
    """A model of three int8 inputs, dequantized as tensors 3 to 5; the last has another scale."""

    tensors: list[TensorSpec] = field(default_factory=list)
    operators: list[OperatorSpec] = field(default_factory=list)

    def __post_init__(self) -> None:
        for i, (scale, zero_point) in enumerate(QUANTS):
            self.add(TensorSpec(f"x{i}", SHAPE, "int8", (scale,), (zero_point,)))
        for i in range(len(QUANTS)):
            self.then("DEQUANTIZE", i)

    def add(self, tensor: TensorSpec) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, values: Array) -> int:
        return self.add(
            TensorSpec(f"c{len(self.tensors)}", values.shape, values.dtype.name, data=values)
        )

    def ints(self, *values: int) -> int:
        return self.constant(np.array(values, np.int32))

    def then(
        self,
        name: str,
        *inputs: int,
        options: Options | None = None,
        shape: tuple[int, ...] = SHAPE,
        outputs: int = 1,
    ) -> int:
        """Add an operator; its first output. The file calls outputs of `shape`."""
        first = len(self.tensors)
        for i in range(outputs):
            self.add(TensorSpec(f"f{first + i}", shape, "float32"))
        made = tuple(range(first, first + outputs))
        self.operators.append(OperatorSpec(name, inputs, made, options))
        return first

    def model(self, *last: int, scale: float = 0.04, zero_point: int = 5) -> bytes:
        """Quantize tensors: the model's outputs. The file calls them of the shape of `last`."""
        outputs = []
        for i in last:
            y = TensorSpec(f"y{i}", self.tensors[i].shape, "int8", (scale,), (zero_point,))
            outputs.append(self.add(y))
            self.operators.append(OperatorSpec("QUANTIZE", (i,), (outputs[-1],)))
        used = {i for operator in self.operators for i in operator.inputs}
        inputs = tuple(i for i in range(len(QUANTS)) if i in used)
        spec = ModelSpec(tuple(self.tensors), tuple(self.operators), inputs, tuple(outputs))
        return write_model(spec)


def equals_the_reference(model: bytes) -> list[str]:
    """The answers are the interpreter's; returns the kinds of nodes that are left, sorted."""
    graph = read_tflite(model)
    for seed in range(3):
        inputs = [feed(t.shape, "int8", seed + i) for i, t in enumerate(graph.inputs)]
        wanted = run_reference(model, inputs)
        for met, want in zip(reference.run(graph, inputs), wanted, strict=True):
            np.testing.assert_array_equal(met, want)
            assert len(np.unique(met)) > 1
    return sorted(node.op.kind for node in optimize(graph).nodes)


def split(floats: Floats, x: int) -> tuple[int, int]:
    axis = floats.constant(np.array(1, np.int32))
    first = floats.then(
        "SPLIT", axis, x, options=("SplitOptions", {"NumSplits": 2}), shape=(1, 2, 6), outputs=2
    )
    return first, first + 1


def joined(floats: Floats, *parts: int, rows: int = 8) -> int:
    return floats.then(
        "CONCATENATION", *parts, options=("ConcatenationOptions", {"Axis": 1}), shape=(1, rows, 6)
    )


def test_the_gates_of_an_unrolled_recurrent_layer_are_split() -> None:
    floats = Floats()
    kinds = equals_the_reference(floats.model(*split(floats, 3), scale=0.05, zero_point=3))
    assert kinds == ["reshape", "reshape", "slice", "slice"]


MOVES: dict[str, tuple[str, tuple[tuple[int, ...], ...], Options | None, tuple[int, ...]]] = {
    "RESHAPE": ("RESHAPE", ((1, 24),), None, (1, 24)),
    "TRANSPOSE": ("TRANSPOSE", ((0, 2, 1),), None, (1, 6, 4)),
    "SLICE": ("SLICE", ((0, 1, 2), (1, 2, 3)), None, (1, 2, 3)),
    "STRIDED_SLICE": (
        "STRIDED_SLICE",
        ((0, 0, 5), (1, 4, 0), (1, 2, -2)),
        ("StridedSliceOptions", {}),
        (1, 2, 3),
    ),
    "GATHER": ("GATHER", ((3, 0, 1, 1),), ("GatherOptions", {"Axis": 1}), SHAPE),
}


@pytest.mark.parametrize("after", [False, True], ids=["alone", "after-a-function"])
@pytest.mark.parametrize("name", MOVES)
def test_a_move_of_one_tensor(name: str, after: bool) -> None:
    op, lists, options, shape = MOVES[name]
    floats = Floats()
    x = floats.then("TANH", 3) if after else 3
    last = floats.then(
        op, x, *(floats.ints(*values) for values in lists), options=options, shape=shape
    )
    kinds = equals_the_reference(floats.model(last))
    assert kinds.count("lookup") == 1
    assert len(kinds) <= 3


@pytest.mark.parametrize("function", [False, True])
def test_a_pad_adds_zeros_and_functions_after_it_see_them(function: bool) -> None:
    floats = Floats()
    pads = floats.constant(np.array([[0, 0], [1, 2], [0, 0]], np.int32))
    last = floats.then("PAD", 3, pads, shape=(1, 7, 6))
    if function:
        last = floats.then("EXP", last, options=("ExpOptions", {}), shape=(1, 7, 6))
    assert equals_the_reference(floats.model(last)) == ["lookup", "pad"]


def test_a_pad_after_a_function_adds_zeros_on_the_last_scale() -> None:
    floats = Floats()
    above = floats.then("EXP", 3, options=("ExpOptions", {}))
    pads = floats.constant(np.array([[0, 0], [1, 2], [0, 0]], np.int32))
    last = floats.then("PAD", above, pads, shape=(1, 7, 6))
    assert equals_the_reference(floats.model(last)) == ["lookup", "pad"]


def test_a_function_of_zeros_that_no_table_has_is_refused() -> None:
    floats = Floats()
    above = floats.then("EXP", 3, options=("ExpOptions", {}))
    pads = floats.constant(np.array([[0, 0], [1, 2], [0, 0]], np.int32))
    padded = floats.then("PAD", above, pads, shape=(1, 7, 6))
    last = floats.then("EXP", padded, options=("ExpOptions", {}), shape=(1, 7, 6))
    assert refusal(floats.model(last)).what == "EXP computes in float32, supported: int8"


def test_values_of_one_scale_are_joined_as_they_are() -> None:
    floats = Floats()
    kinds = equals_the_reference(floats.model(joined(floats, 3, 4)))
    assert kinds == ["concatenation", "lookup"]


def test_values_of_several_scales_are_joined_on_the_last() -> None:
    floats = Floats()
    kinds = equals_the_reference(floats.model(joined(floats, 3, 5)))
    assert kinds == ["concatenation", "lookup", "lookup"]


def test_what_is_joined_may_be_computed_on_and_moved_further() -> None:
    floats = Floats()
    root = floats.then("SQUARE", 3, options=("SquareOptions", {}))
    both = joined(floats, root, 5)
    less = floats.then(
        "SUB",
        both,
        floats.constant(np.array([0.25], np.float32)),
        options=("SubOptions", {}),
        shape=(1, 8, 6),
    )
    turned = floats.then("TRANSPOSE", less, floats.ints(0, 2, 1), shape=(1, 6, 8))
    again = floats.then(
        "CONCATENATION",
        turned,
        turned,
        options=("ConcatenationOptions", {"Axis": 1}),
        shape=(1, 12, 8),
    )
    kinds = equals_the_reference(floats.model(again))
    assert kinds.count("lookup") == 2


@pytest.mark.parametrize("value", [0.0, 0.123])
def test_constants_are_joined_too(value: float) -> None:
    floats = Floats()
    constant = floats.constant(np.full((1, 4, 6), value, np.float32))
    kinds = equals_the_reference(floats.model(joined(floats, 3, constant)))
    assert kinds == ["concatenation", "lookup"]


def test_a_number_of_more_dimensions_adds_one() -> None:
    floats = Floats()
    number = floats.constant(np.full((1, 1, 1, 1), 0.5, np.float32))
    last = floats.then("MUL", 3, number, options=("MulOptions", {}), shape=(1, 1, 4, 6))
    assert "lookup" in equals_the_reference(floats.model(last))


def test_shapes_of_an_open_batch_follow_from_what_is_joined_and_moved() -> None:
    """Each computed shape of the file is a placeholder."""
    floats = Floats()
    open_ = (1, 1, 1)
    cat = ("ConcatenationOptions", {"Axis": 1})
    both = floats.then("CONCATENATION", 3, 5, options=cat, shape=open_)
    cut = floats.then("TRANSPOSE", both, floats.ints(0, 2, 1), shape=open_)
    more = floats.then("CONCATENATION", cut, cut, options=cat, shape=open_)
    kinds = equals_the_reference(floats.model(more))
    assert kinds.count("concatenation") == 2


def test_the_shape_of_what_is_quantized_is_that_of_the_floats() -> None:
    floats = Floats()
    last = floats.then("TRANSPOSE", 3, floats.ints(0, 2, 1), shape=(1, 1, 1))
    equals_the_reference(floats.model(last, scale=0.05, zero_point=3))


def test_moved_floats_that_the_user_reads_are_dequantized_after_the_move() -> None:
    floats = Floats()
    first, second = split(floats, 3)
    spec = ModelSpec(
        tuple(floats.tensors),
        (floats.operators[0], floats.operators[-1]),
        (0,),
        (first, second),
    )
    model = write_model(spec)
    graph = read_tflite(model)
    x = feed(SHAPE, "int8", 1)
    for met, want in zip(reference.run(graph, [x]), run_reference(model, [x]), strict=True):
        np.testing.assert_array_equal(met, want)
    kinds = [node.op.kind for node in optimize(graph).nodes]
    assert kinds == ["slice", "slice", "dequantize", "dequantize"]
