# SPDX-License-Identifier: Apache-2.0
"""Small shapes that run kernels written for an ISA, with drawn inputs and the wanted answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.graph import Node
from mcuforge.compiler.tensors import Array
from tests.golden.guarded import Guarded
from tests.golden.isas import ISAS, own_kernels
from tests.golden.small_shapes import small_nodes

# One in so many shapes in `make test`. No inner loop that makes them has a length with a factor in
# common with the number, so that every size of every dimension is met.
EVERY: Mapping[str, int] = MappingProxyType(
    {
        "conv2d": 11, "depthwise_conv2d": 5, "fully_connected": 2, "batch_matmul": 5, "pairs": 3,
        "ones": 1,
    }
)  # fmt: skip


def of_isa(kind: str, isa: str, every: int) -> Iterator[tuple[str, Node]]:
    """The nodes of a kind that call a kernel of that ISA's folder."""
    own = own_kernels(isa)
    for name, node in small_nodes(kind, every) if own else ():
        calls = node.op.calls(node.inputs, node.output, isa)
        if any(call.kernel in own for call in calls):
            yield name, node


@cache
def isa_kinds() -> tuple[tuple[str, str], ...]:
    """(ISA, kind) wherever an ISA has a kernel for some shape of the kind."""
    return tuple(
        (isa, kind)
        for isa in ISAS
        for kind, every in EVERY.items()
        if next(of_isa(kind, isa, every), None) is not None
    )


def with_values(name: str, node: Node) -> Guarded:
    """The node with drawn inputs, one in three of them of range ends only, and its answer."""
    rng = np.random.default_rng(len(name))
    values: list[Array] = []
    for tensor in node.inputs:
        if tensor.is_constant:
            values.append(tensor.values())
        elif rng.random() < 1 / 3:
            values.append(rng.choice(np.array([-128, 127], np.int8), tensor.shape))
        else:
            values.append(rng.integers(-128, 128, tensor.shape).astype(np.int8))
    wanted = node.op.evaluate(node.inputs, node.output, values)
    return Guarded(name, node, tuple(values), wanted)
