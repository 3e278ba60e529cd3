# SPDX-License-Identifier: Apache-2.0
"""Stands for a streamed input: a layer whose rows arrive when the pipeline asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mcuforge.compiler.calls import Call
from mcuforge.compiler.graph import Node, Op
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.errors import InternalError


@dataclass(frozen=True)
class Arrival(Op):
    """Reads nothing and outputs the input tensor; it stands in schedules only, never in a graph."""

    kind: ClassVar[str] = "input"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        raise InternalError("a streamed input is not an operator of a graph")

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        raise InternalError("a streamed input cannot be evaluated")

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        return ()


def arrival(tensor: Tensor) -> Node:
    """Make the node that stands for the rows of input `tensor`."""
    return Node(f"input {tensor.name}", Arrival(), (), tensor, origin="input")
