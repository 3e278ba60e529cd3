# SPDX-License-Identifier: Apache-2.0
"""Writes a golden case as a .tflite file, and draws inputs for one."""

from __future__ import annotations

import numpy as np

from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.tensors import Array
from tests.golden.case import Case, Operand, constant


def case_spec(case: Case) -> ModelSpec:
    """Describe a model of the case's one operator: run-time operands are its inputs."""
    operands = case.inputs + case.outputs
    names = [f"in{i}" for i in range(len(case.inputs))]
    names += [f"out{i}" for i in range(len(case.outputs))]
    tensors = tuple(
        _operand_spec(name, operand, constant(case.name, i, operand))
        for i, (name, operand) in enumerate(zip(names, operands, strict=True))
    )
    count = len(case.inputs)
    outputs = tuple(range(count, len(operands)))
    operator = OperatorSpec(case.op, tuple(range(count)), outputs, case.options)
    feeds = tuple(i for i in range(count) if case.inputs[i].data is None)
    return ModelSpec(tensors, (operator,), feeds, outputs)


def case_model(case: Case) -> bytes:
    """Return the bytes of the .tflite file of a golden case."""
    return write_model(case_spec(case))


def _operand_spec(name: str, operand: Operand, data: Array | None) -> TensorSpec:
    scale = operand.scale
    scales = scale if isinstance(scale, tuple) or scale is None else (scale,)
    zeros = (operand.zero_point,) * len(scales or (1,))
    return TensorSpec(name, operand.shape, operand.dtype, scales, zeros, operand.axis, data)


def feed(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    """Draw an input of this shape and dtype over the dtype's whole range (floats: -4 to 4)."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.uniform(-4.0, 4.0, shape).astype(kind)
    limits = np.iinfo(kind)
    return rng.integers(limits.min, limits.max, shape, endpoint=True).astype(kind)
