# SPDX-License-Identifier: Apache-2.0
"""The kernels keep the distances derived from what operators say they read.

Every golden case runs with its output laid over one of its inputs: at the derived distance the
answers are right; one unit of the output nearer (an element, a pixel) some of them are wrong, or
two units nearer where a kernel finishes a pixel channel by channel.

Kernels of an ISA may read several units before they write the first, and so be right at less: of
them it is asked that the derived distances do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.codegen.model import generate
from mcuforge.compiler.graph import Node
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.tensors import Array, Tensor
from mcuforge.memplan.problem import Placement
from mcuforge.runtime_c.sources import PORTABLE
from tests.golden import host
from tests.golden.isas import isa_modules
from tests.golden.merge import answers, case_graph, case_modules, cases_of, feeds, merged
from tests.schedules import whole_layers

ALIGNMENT = 16
WHOLE = {
    "reshape",  # a view does not copy
    *("copy", "linear_real", "mean_real"),  # outputs of the model: their inputs are read whole
}
OVERLAPPING = frozenset(case_modules()) - WHOLE


def aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Over:
    """How an output may lie over an input."""

    distance: int  # bytes of the output's begin below the input's
    unit: int  # bytes written at once


def derived(node: Node, tensor: Tensor) -> Over | None:
    """Compute the distance that the node's reads of `tensor` allow, in elements; None: apart."""
    reads = node.op.reads(node.inputs, node.output)
    found = [r for x, r in zip(node.inputs, reads, strict=True) if x is tensor]
    known = [r for r in found if r is not None]
    distance = max((r.distance for r in known), default=node.output.bytes)
    if len(known) < len(found) or distance >= node.output.bytes:
        return None
    step = max(t.dtype.itemsize for t in (tensor, node.output))
    unit = max(r.out_bytes for r in known)
    return Over(-(-distance // step) * step, -(-unit // step) * step)


class Layout:
    """The places of every buffer of a schedule, case after case."""

    def __init__(self) -> None:
        self.placements: dict[str, Placement] = {}
        self.end = 0

    def apart(self, name: str, size: int) -> None:
        """Give a buffer a place of its own."""
        self.placements[name] = Placement("ram", self.end)
        self.end = aligned(self.end + size)

    def over(self, output: Tensor, tensor: Tensor, below: int) -> None:
        """Place `output` so that it begins `below` bytes below `tensor`."""
        begins = {output: self.end + max(-below, 0), tensor: self.end + max(below, 0)}
        for placed, begin in begins.items():
            self.placements[placed.name] = Placement("ram", begin)
        ends = (begin + placed.bytes for placed, begin in begins.items())
        self.end = aligned(max(ends))


def laid_over(schedule: Schedule, place: int, nearer: int) -> tuple[Layout, dict[str, str]]:
    """Each output over run-time input `place`, `nearer` units nearer than derived.

    Also the operator of each output that was so laid, by the output's name.
    """
    layout, over = Layout(), {}
    for layer in schedule.layers:
        node = layer.node
        inputs = [schedule.buffer(t) for t in node.activations]
        chosen = inputs[place] if place < len(inputs) else None
        found = None if chosen is None else derived(node, node.activations[place])
        if chosen is not None and found is not None:
            layout.over(node.output, chosen, found.distance - nearer * found.unit)
            over[node.output.name] = node.op.kind
        else:
            layout.apart(node.output.name, node.output.bytes)
        layout.apart(layer.scratch_name, layer.scratch_bytes)
    for tensor in schedule.graph.inputs:
        if tensor.name not in layout.placements:
            layout.apart(tensor.name, tensor.bytes)
    return layout, over


def wrong_outputs(
    schedule: Schedule, isa: str, layout: Layout, module: str, folder: Path
) -> Iterator[str]:
    """The buffers of outputs that differ from the reference in any feed."""
    model = generate(schedule, layout.placements, {"ram": layout.end})
    program = host.build(model, isa, folder)
    graph, cases = schedule.graph, cases_of(module)
    drawn = [feeds(case, case_graph(case)) for case in cases]
    inputs: list[list[Array]] = [[x for c in drawn for x in c[i]] for i in range(len(drawn[0]))]
    for kind, found in enumerate(host.run(program, model, inputs)):
        wanted = [x for case in cases for x in answers(case)[kind]]
        for tensor, got, right in zip(graph.outputs, found, wanted, strict=True):
            if not np.array_equal(got, right.reshape(-1)):
                yield schedule.buffer(tensor).name


@cache
def overlapping() -> tuple[tuple[str, str, int], ...]:
    """(ISA, operator, place): its output may lie over that run-time input in some golden case."""
    found = {
        (isa, module, place)
        for isa, module in isa_modules()
        for case in cases_of(module)
        for node in case_graph(case).nodes
        for place, tensor in enumerate(node.activations)
        if not node.op.is_view and derived(node, tensor) is not None
    }
    return tuple(sorted(found))


def test_most_operators_may_lie_over_an_input() -> None:
    assert {module for isa, module, _ in overlapping() if isa == PORTABLE} >= OVERLAPPING


@pytest.mark.parametrize(("isa", "module", "place"), overlapping())
def test_outputs_over_inputs_are_right_at_the_derived_distance(
    isa: str, module: str, place: int, tmp_path: Path
) -> None:
    schedule = whole_layers(merged(f"overlap_{module}", cases_of(module)), isa)
    layout, _ = laid_over(schedule, place, nearer=0)
    assert not set(wrong_outputs(schedule, isa, layout, module, tmp_path))


@pytest.mark.parametrize(("module", "place"), [p[1:] for p in overlapping() if p[0] == PORTABLE])
def test_outputs_nearer_than_derived_are_wrong(module: str, place: int, tmp_path: Path) -> None:
    schedule = whole_layers(merged(f"overlap_{module}", cases_of(module)), PORTABLE)
    for nearer in (1, 2):
        layout, over = laid_over(schedule, place, nearer)
        folder = tmp_path / str(nearer)
        try:
            wrong = set(wrong_outputs(schedule, PORTABLE, layout, module, folder))
        except AssertionError as stopped:  # a table read past its end, or memcpy over itself
            assert "AddressSanitizer" in str(stopped)  # noqa: PT017
            return
        if {over[name] for name in wrong} == set(over.values()):
            return
    pytest.fail(f"two units nearer is still right: {sorted(set(over.values()))}")
