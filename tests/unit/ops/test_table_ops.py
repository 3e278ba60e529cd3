# SPDX-License-Identifier: Apache-2.0
"""What holds of every 8-bit table, and what is refused instead of guessed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from mcuforge.compiler.calls import Blank, Blob
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.ops.tables.abs import Abs
from mcuforge.compiler.ops.tables.elu import Elu
from mcuforge.compiler.ops.tables.exp import Exp
from mcuforge.compiler.ops.tables.gelu import Gelu
from mcuforge.compiler.ops.tables.hard_swish import HardSwish
from mcuforge.compiler.ops.tables.leaky_relu import LeakyRelu
from mcuforge.compiler.ops.tables.log import Log
from mcuforge.compiler.ops.tables.logistic import Logistic
from mcuforge.compiler.ops.tables.neg import Neg
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.ops.tables.rsqrt import Rsqrt
from mcuforge.compiler.ops.tables.sqrt import Sqrt
from mcuforge.compiler.ops.tables.square import Square
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.ops.tables.tanh import Tanh
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import Refusal

VALUES = np.arange(-128, 128).astype(np.int8)
SHAPE = (1, 256)
USUAL: tuple[tuple[TableOp, Quant], ...] = (
    (Relu("relu"), Quant((0.05,), -128)),
    (Relu("relu6"), Quant((0.03,), -100)),
    (Relu("relu_n1_to_1"), Quant((0.01,), 0)),
    (LeakyRelu(0.125), Quant((0.04,), -60)),
    (Logistic(), Quant((1 / 256,), -128)),
    (Tanh(), Quant((1 / 128,), 0)),
    (Exp(), Quant((1.0,), -128)),
    (Log(), Quant((0.03,), 20)),
    (Sqrt(), Quant((0.01,), -128)),
    (Quantize(), Quant((0.1,), 7)),
)
EVERY = (
    *USUAL,
    (HardSwish(), Quant((0.05,), -120)),
    (Gelu(), Quant((0.04,), -123)),
    (Gelu(approximate=True), Quant((0.04,), -123)),
    (Abs(), Quant((0.05,), -128)),
    (Neg(), Quant((0.05,), -3)),
    (Square(), Quant((0.17,), -128)),
)


def tensor(name: str, quant: Quant | None, dtype: DType = DType.INT8) -> Tensor:
    return Tensor(name, SHAPE, dtype, quant)


def pair(x: Quant, output: Quant) -> tuple[Tensor, Tensor]:
    return tensor("x", x), tensor("y", output)


def answers(op: TableOp, x: Tensor, output: Tensor) -> list[int]:
    """The outputs for -128 to 127 (0 to 255 for uint8), in that order."""
    op.check((x,), output)
    values = VALUES if x.dtype is DType.INT8 else np.arange(256).astype(np.uint8)
    return [int(v) for v in op.evaluate((x,), output, [values.reshape(SHAPE)]).reshape(-1)]


def name(case: tuple[TableOp, Quant]) -> str:
    return case[0].kind


@pytest.mark.parametrize("case", EVERY, ids=name)
def test_the_table_in_flash_is_the_meaning(case: tuple[TableOp, Quant]) -> None:
    op, quant = case
    x, output = pair(Quant((0.05,), 3), quant)
    (call,) = op.calls((x,), output, "portable")
    source, blob, target, params = call.args
    assert (call.kernel, source, target, params) == ("table_s8", x, output, Blank.PARAMS)
    assert isinstance(blob, Blob)
    assert (blob.role, blob.data.shape) == ("table", (256,))
    assert blob.data.dtype == np.int8
    assert blob.data[VALUES.view(np.uint8)].tolist() == answers(op, x, output)


@pytest.mark.parametrize("zero_point", [-128, -5, 127])
@pytest.mark.parametrize("case", USUAL, ids=name)
def test_rising_functions_have_rising_tables(case: tuple[TableOp, Quant], zero_point: int) -> None:
    op, quant = case
    outputs = answers(op, *pair(Quant((0.05,), zero_point), quant))
    assert outputs == sorted(outputs)
    assert len(set(outputs)) > 1 or zero_point == 127  # all negative: a rectifier is constant


@pytest.mark.parametrize("case", EVERY, ids=name)
def test_zero_maps_to_the_function_s_value_at_zero(case: tuple[TableOp, Quant]) -> None:
    op, quant = case
    at_zero = answers(op, *pair(Quant((0.05,), 3), quant))[3 + 128]
    others = {"logistic": 0, "exp": quant.zero_point + 1, "log": -128}
    assert at_zero == others.get(op.kind, quant.zero_point)


@pytest.mark.parametrize("scale", [0.5, 0.05, 0.0031])
def test_tanh_is_odd(scale: float) -> None:
    outputs = answers(Tanh(), *pair(Quant((scale,), 0), Quant((1 / 128,), 0)))
    for q in range(1, 128):
        assert outputs[128 - q] == -outputs[128 + q] or outputs[128 + q] == 127


def test_logistic_of_opposite_values_adds_to_one() -> None:
    outputs = answers(Logistic(), *pair(Quant((0.05,), 0), Quant((1 / 256,), -128)))
    for q in range(128):
        total = outputs[128 - q] + outputs[128 + q] + 256
        assert abs(total - 256) <= 1


@pytest.mark.parametrize("scale", [0.5, 0.05, 0.0031])
@pytest.mark.parametrize(
    ("op", "output", "function"),
    [
        (Tanh(), Quant((1 / 128,), 0), math.tanh),
        (Logistic(), Quant((1 / 256,), -128), lambda x: 1 / (1 + math.exp(-x))),
        (Elu(), Quant((0.03,), -80), lambda x: x if x > 0 else math.expm1(x)),
        (Log(), Quant((0.03,), 20), lambda x: math.log(x) if x > 0 else -math.inf),
        (Sqrt(), Quant((0.01,), -128), lambda x: math.sqrt(max(x, 0.0))),
        (Square(), Quant((0.3,), -128), lambda x: x * x),
        (Gelu(), Quant((0.025,), -120), lambda x: x / 2 * math.erfc(-x / math.sqrt(2))),
        (
            Gelu(approximate=True),
            Quant((0.025,), -120),
            lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ),
    ],
)
def test_real_tables_are_within_half_a_step_of_the_function(
    op: TableOp, output: Quant, function: Callable[[float], float], scale: float
) -> None:
    outputs = answers(op, *pair(Quant((scale,), 0), output))
    for q, got in zip(range(-128, 128), outputs, strict=True):
        exact = function(q * scale) / output.scale[0] + output.zero_point
        assert abs(got - min(max(exact, -128), 127)) <= 0.501


def test_exponentials_are_within_half_a_step() -> None:
    outputs = answers(Exp(), *pair(Quant((0.05,), 20), Quant((0.5,), -100)))
    for q, got in zip(range(-128, 128), outputs, strict=True):
        exact = math.exp(0.05 * (q - 20)) / 0.5 - 100
        assert abs(got - min(exact, 127)) <= 0.501


def test_a_reciprocal_root_is_within_half_a_step_and_the_largest_where_there_is_none() -> None:
    x, output = pair(Quant((0.006,), -20), Quant((0.1,), -128))
    for q, got in zip(range(-128, 128), answers(Rsqrt(), x, output), strict=True):
        exact = 1 / math.sqrt(0.006 * (q + 20)) / 0.1 - 128 if q > -20 else 127
        assert abs(got - min(exact, 127)) <= 0.501


def test_a_leak_of_one_is_a_change_of_scale() -> None:
    operands = pair(Quant((0.05,), 3), Quant((0.07,), -9))
    assert answers(LeakyRelu(1.0), *operands) == answers(Quantize(), *operands)


def test_a_leak_of_zero_is_a_rectifier() -> None:
    operands = pair(Quant((0.05,), 3), Quant((0.07,), -9))
    assert answers(LeakyRelu(0.0), *operands) == answers(Relu("relu"), *operands)


def test_a_negative_leak_mirrors_the_positive_one() -> None:
    x, output = pair(Quant((0.05,), 127), Quant((0.05,), 0))
    down, up = answers(LeakyRelu(0.3), x, output), answers(LeakyRelu(-0.3), x, output)
    halves = sum(a != -b for a, b in zip(down, up, strict=True))
    assert halves <= 2  # products round halves upwards, which is not symmetric


def test_int8_to_uint8_and_back_is_the_identity() -> None:
    signed = tensor("x", Quant((0.05,), -3))
    unsigned = tensor("y", Quant((0.05,), 125), DType.UINT8)
    there = answers(Quantize(), signed, unsigned)
    assert there == list(range(256))
    assert answers(Quantize(), unsigned, signed) == VALUES.tolist()


def test_floats_quantize_by_halves_away_from_zero_and_saturate() -> None:
    x = Tensor("x", (1, 11), DType.FLOAT32)
    output = Tensor("y", (1, 11), DType.INT8, Quant((0.5,), 10))
    reals = np.array(
        [0.25, -0.25, 0.75, -0.75, 0.24, 0, 1e30, -1e30, math.inf, -math.inf, math.nan]
    )
    got = Quantize().evaluate((x,), output, [reals.astype(np.float32).reshape(1, 11)])
    assert got.tolist() == [[11, 9, 12, 8, 10, 10, 127, -128, 127, -128, -128]]


def test_floats_are_divided_by_the_scale_not_multiplied_by_its_inverse() -> None:
    x = Tensor("x", (2,), DType.FLOAT32)
    output = Tensor("y", (2,), DType.INT8, Quant((float(np.float32(0.1)),)))
    below_ties = np.array([0.65, 1.05]).astype(np.float32)  # times the inverse: 7, 11
    assert Quantize().evaluate((x,), output, [below_ties]).tolist() == [6, 10]


def test_dequantizing_and_quantizing_returns_every_value() -> None:
    for dtype, values in ((DType.INT8, VALUES), (DType.UINT8, np.arange(256).astype(np.uint8))):
        quant = Quant((float(np.float32(0.0471)),), 17)
        q, real = tensor("q", quant, dtype), tensor("r", None, DType.FLOAT32)
        floats = Dequantize().evaluate((q,), real, [values.reshape(SHAPE)])
        assert floats.dtype == np.float32
        back = Quantize().evaluate((real,), q, [floats])
        assert back.reshape(-1).tolist() == values.tolist()


@pytest.mark.parametrize(
    ("op", "x", "output", "what"),
    [
        (
            Relu("relu"),
            Quant((1.0,)),
            Quant((1e-7,)),
            "multiplied by 1e+07, expected below 8388608",
        ),
        (Relu("relu6"), Quant((1e-9,)), Quant((1e-9,)), "on which 6 exceeds an int32"),
        (LeakyRelu(1e8), Quant((0.1,)), Quant((0.1,)), "multiplied by 1e+08"),
        (Quantize(), Quant((1.0,)), Quant((1e-7,)), "multiplied by 1e+07"),
        (Logistic(), Quant((0.1,)), Quant((0.004,)), "expected 1/256 after LOGISTIC"),
        (Tanh(), Quant((0.1,)), Quant((1e-10,)), "on which 1 exceeds an int32"),
        (Exp(), Quant((0.2,)), Quant((1e-3,)), "on which 1.07419e+11 exceeds an int32"),
        (Elu(), Quant((0.1,)), Quant((1e-10,)), "on which 12.8 exceeds an int32"),
        (Log(), Quant((1e-12,)), Quant((1e-9,)), "on which 27.631 exceeds an int32"),
        (Sqrt(), Quant((1.0,)), Quant((1e-9,)), "on which 11.3137 exceeds an int32"),
        (Square(), Quant((1.0,)), Quant((1e-6,)), "on which 16384 exceeds an int32"),
        (Abs(), Quant((1.0,)), Quant((1e-7,)), "multiplied by 1e+07"),
        (Neg(), Quant((1.0,)), Quant((1e-7,)), "multiplied by 1e+07"),
        (Gelu(), Quant((0.1,)), Quant((1e-10,)), "on which 12.8 exceeds an int32"),
        (Rsqrt(), Quant((1e-4,), -128), Quant((1e-8,)), "'x' and 'y' is 1e+10, expected 0.00024"),
        (Rsqrt(), Quant((4.0,), -128), Quant((4096.0,)), "is 0.00012207, expected 0.000244141 to"),
        (
            HardSwish(),
            Quant((1.0,)),
            Quant((0.001,)),
            "expected more than 1/128 of the input's 1.0",
        ),
        (HardSwish(), Quant((1e8,)), Quant((1e8,)), "expected below 1e+07"),
    ],
)
def test_quantizations_the_reference_leaves_undefined_are_refused(
    op: TableOp, x: Quant, output: Quant, what: str
) -> None:
    with pytest.raises(Refusal) as refused:
        op.check((tensor("x", x),), tensor("y", output))
    assert what in refused.value.what
    assert refused.value.hint


@pytest.mark.parametrize("case", EVERY, ids=name)
def test_other_dtypes_shapes_and_missing_scales_are_refused(case: tuple[TableOp, Quant]) -> None:
    op, quant = case
    x, output = pair(Quant((0.05,), 3), quant)
    with pytest.raises(Refusal, match="int32"):
        op.check((tensor("x", quant, DType.INT32),), output)
    with pytest.raises(Refusal, match="no scale"):
        op.check((x,), tensor("y", None))
    with pytest.raises(Refusal, match="this operator gives"):
        op.check((x,), Tensor("y", (1, 255), DType.INT8, quant))
