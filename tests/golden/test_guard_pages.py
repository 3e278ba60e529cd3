# SPDX-License-Identifier: Apache-2.0
"""Kernels touch nothing beside their buffers, wherever those stand, and answer as the reference.

Every small shape, in the kernels of every ISA: with each input, weight and output up against an
unreadable page on either side, and int8 tensors one to three bytes off a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from mcuforge.compiler.ir import Array, Node
from tests.golden.guarded import Guarded, run_guarded
from tests.golden.isas import ISAS, own_kernels
from tests.golden.small_shapes import SHAPES, small_nodes

EVERY: Mapping[str, int] = MappingProxyType(  # one in so many shapes in `make test`
    {
        "conv2d": 11, "depthwise_conv2d": 1, "fully_connected": 1, "batch_matmul": 1, "pairs": 3,
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


def kinds() -> list[tuple[str, str]]:
    """(ISA, kind) wherever an ISA has a kernel for some shape of the kind."""
    return [
        (isa, kind)
        for isa in ISAS
        for kind, every in EVERY.items()
        if any(True for _ in islice(of_isa(kind, isa, every), 1))
    ]


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


def assert_guarded(isa: str, kind: str, every: int, folder: Path) -> None:
    nodes = [with_values(name, node) for name, node in of_isa(kind, isa, every)]
    wrong = list(run_guarded(nodes, isa, folder))
    assert not wrong, f"{len(wrong)} of {5 * len(nodes)}:\n" + "\n".join(wrong[:20])


def test_every_kind_of_shape_is_run() -> None:
    assert set(EVERY) == set(SHAPES)
    assert {kind for isa, kind in kinds() if isa == "portable"} == set(SHAPES)


@pytest.mark.parametrize(("isa", "kind"), kinds())
def test_small_shapes_between_unreadable_pages(isa: str, kind: str, tmp_path: Path) -> None:
    assert_guarded(isa, kind, EVERY[kind], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("isa", "kind"), [p for p in kinds() if EVERY[p[1]] > 1])
def test_every_small_shape_between_unreadable_pages(isa: str, kind: str, tmp_path: Path) -> None:
    assert_guarded(isa, kind, 1, tmp_path)
