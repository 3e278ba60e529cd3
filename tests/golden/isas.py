# SPDX-License-Identifier: Apache-2.0
"""Finds the golden cases and nodes that run a kernel written for an ISA: they run for it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import accumulate

from mcuforge.compiler.calls import Blank, Call
from mcuforge.compiler.codegen.model import generate
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.isa import INSTRUCTION_SETS
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.schedule.fit import LADDER
from mcuforge.compiler.schedule.memory import ALIGNMENT, memory_problem
from mcuforge.memplan.problem import Placement, Plan, Region
from mcuforge.runtime_c.sources import PORTABLE, kernels_dir
from tests.golden.merge import case_modules, cases_of, merged
from tests.schedules import whole_layers

ISAS = tuple(isa.name for isa in INSTRUCTION_SETS)


@cache
def own_kernels(isa: str) -> frozenset[str]:
    """The kernels with a file in the folder of `isa`."""
    return frozenset(path.stem for path in (kernels_dir() / isa).glob("*.c"))


def calls_of_every_form(node: Node, isa: str) -> Iterator[Call]:
    """List the calls of a node in each form it has: whole, row by row, adding rows up."""
    op, inputs, output = node.op, node.inputs, node.output
    yield from op.calls(inputs, output, isa)
    if op.row_reads(inputs, output) is not None:
        yield from op.row_calls(inputs, output, isa)
    if len(node.activations) == 1:
        yield from op.accumulate(inputs, output, isa, node.activations[0].rows) or ()


def is_for(node: Node, isa: str) -> bool:
    """True where some form of `node` calls a kernel of that ISA's folder."""
    if isa == PORTABLE:
        return True
    return any(call.kernel in own_kernels(isa) for call in calls_of_every_form(node, isa))


def in_own_kernels(graph: Graph, isa: str, ram_bytes: int) -> Compiled:
    """The graph layer by layer in the kernels of `isa`, also where others would be faster.

    Every buffer stands apart: a plan of a thousand layers would take a minute.
    """
    graph = optimize(graph)
    schedule = whole_layers(graph, isa)
    problem = memory_problem(schedule, (Region("ram", ram_bytes),))
    ends = list(accumulate(-(-b.bytes // ALIGNMENT) * ALIGNMENT for b in problem.buffers))
    begins = [0, *ends[:-1]]
    places = {b.name: Placement("ram", at) for b, at in zip(problem.buffers, begins, strict=True)}
    plan = Plan(places, {"ram": ends[-1]}, "greedy", False, 0, 0.0)
    model = generate(schedule, plan.placements, plan.peaks)
    return Compiled(
        graph=graph,
        schedule=schedule,
        problem=problem,
        plan=plan,
        rung=LADDER[0],
        isa=isa,
        model=model,
    )


@cache
def module_graph(module: str) -> Graph:
    """The cases of one operator as one graph, as the compiler's passes leave it."""
    return optimize(merged(module, cases_of(module)))


@cache
def row_modules() -> tuple[str, ...]:
    """The operators of which some golden case runs row by row."""
    return tuple(
        module
        for module in case_modules()
        if any(_runs_by_rows(node) for node in _own_nodes(module))
    )


@cache
def ring_modules() -> tuple[str, ...]:
    """Those that tests/golden/test_rows.py runs through rings, with everything else poisoned.

    The others run in pipelines: tests/golden/test_rows_movement.py.
    """
    return tuple(
        module
        for module in row_modules()
        if any(_runs_by_rows(node) and in_ring_program(node) for node in _own_nodes(module))
    )


def _own_nodes(module: str) -> Iterator[Node]:
    """Nodes of the operator itself: its cases may become others, too."""
    for node in module_graph(module).nodes:
        if type(node.op).__module__.rpartition(".")[2] == module:
            yield node


def adds_up(node: Node) -> bool:
    """True if the operator can add up rows of its input."""
    return type(node.op).accumulate is not Op.accumulate


def _runs_by_rows(node: Node) -> bool:
    return not node.op.is_view and node.op.row_reads(node.inputs, node.output) is not None


def in_ring_program(node: Node) -> bool:
    """True if the operator adds rows up, or if its row form is a kernel for rows."""
    calls = node.op.row_calls(node.inputs, node.output, PORTABLE)
    return adds_up(node) or any(Blank.FIRST_ROW in call.args for call in calls)


@cache
def isa_modules() -> tuple[tuple[str, str], ...]:
    """(ISA, operator) wherever a golden case of the operator calls a kernel of that ISA's folder.

    Of portable C all operators.
    """
    return tuple(
        (isa, module)
        for isa in ISAS
        for module in case_modules()
        if any(is_for(node, isa) for node in module_graph(module).nodes)
    )
