# SPDX-License-Identifier: Apache-2.0
"""tflite-runtime's reference kernels: the first link of the oracle chain, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tflite_runtime.interpreter import Interpreter, OpResolverType

from mcuforge.compiler.ir import Array


@dataclass(frozen=True)
class Port:
    """An input of a model as the reference sees it."""

    name: str
    shape: tuple[int, ...]
    dtype: str


def input_ports(model: bytes) -> tuple[Port, ...]:
    """The model's inputs, in order."""
    details = _interpreter(model).get_input_details()
    return tuple(
        Port(d["name"], tuple(int(n) for n in d["shape"]), np.dtype(d["dtype"]).name)
        for d in details
    )


def run_reference(model: bytes, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """The model's outputs for `inputs` (in the inputs' own dtypes) by BUILTIN_REF kernels."""
    interpreter = _interpreter(model)
    details = interpreter.get_input_details()
    assert len(details) == len(inputs)
    for detail, value in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return tuple(interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details())


def _interpreter(model: bytes) -> Interpreter:
    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    return interpreter
