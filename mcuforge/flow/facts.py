# SPDX-License-Identifier: Apache-2.0
"""Fills the records of a report from a session, a planned model and what the board counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from mcuforge.compiler.compile import Planned
from mcuforge.flow.session import Session
from mcuforge.memplan.solve import DEFAULT_EFFORT
from mcuforge.report import model

if TYPE_CHECKING:
    from mcuforge.boards.virtual.machine import VirtualBoard
    from mcuforge.flow.board_check import BoardAnswers


def model_facts(session: Session) -> model.ModelFacts:
    """Describe the user's file; counts are those of the file, before any pass."""
    graph = session.graph
    name, digest, count = session.path.name, session.digest.hex(), len(graph.nodes)
    sizes = (count, graph.macs, graph.parameters)
    signed = (graph.signature, graph.signatures)
    return model.ModelFacts(name, digest, graph.format, *sizes, graph.notes, *signed)


def board_facts(session: Session) -> model.BoardFacts:
    """Describe the board, with the machine that stands in for it when it is emulated."""
    board = session.board
    emulator = board.emulator if board.emulated else None
    stand_in = None if emulator is None else f"{emulator.command} -M {emulator.machine}"
    virtual = None
    if session.exact:
        from mcuforge.boards.virtual.machine import chip_name  # all chips: it takes long

        virtual = chip_name(board)
    emulated = board.emulated or session.exact
    ran_as = "stand-in, emulated" if board.stand_in is not None else "emulated"
    if session.exact or not board.emulated:
        ran_as = "exact ELF, emulated" if session.exact else "hardware"
    return model.BoardFacts(board.id, board.cpu, board.isa, emulated, stand_in, virtual, ran_as)


def plan_facts(planned: Planned) -> model.PlanFacts:
    """Describe the memory plan, and what the user asked of it."""
    plan = planned.plan
    return model.PlanFacts(
        peak=planned.arena_bytes,
        lower_bound=plan.lower_bound,
        optimal=plan.optimal,
        solver=plan.solver,
        effort=DEFAULT_EFFORT,
        effort_reached=plan.stopped,
        seconds=round(plan.seconds, 3),
        regions=tuple(
            model.RegionUse(r.name, plan.peaks[r.name], r.bytes, r.speed)
            for r in planned.problem.regions
        ),
        deciding_layer=planned.deciding_layer(),
        resident_peak=planned.resident_peak,
        **model.asked(planned.options),
    )


def buffer_facts(planned: Planned) -> tuple[model.BufferFacts, ...]:
    """List every buffer of the plan with its lifetime and its place."""
    placed = ((b, planned.plan.placements[b.name]) for b in planned.problem.buffers)
    return tuple(
        model.BufferFacts(b.name, b.bytes, b.begin, b.end, place.region, place.offset)
        for b, place in placed
    )


def layer_facts(
    planned: Planned, session: Session, ticks: tuple[int, ...] | None = None
) -> tuple[model.LayerFacts, ...]:
    """Make one record per layer that runs.

    ticks: of the board's timer, per layer; None where nothing ran.
    """
    live = planned.ram_live()
    facts = []
    costs = None if ticks is None else layer_costs(ticks, session)
    for i, node in enumerate(layer.node for layer in planned.schedule.layers):
        cost = Cost() if costs is None else costs[i]
        macs = node.op.macs(node.inputs, node.output)
        figures = (macs, cost.instructions, live[i], model.per_mac(cost.instructions, macs))
        facts.append(
            model.LayerFacts(
                i,
                node.name,
                node.op.title,
                *figures,
                node.output.shape,
                cycles=cost.cycles,
                cycles_per_mac=model.per_mac(cost.cycles, macs),
                microseconds=cost.microseconds,
            )
        )
    return tuple(facts)


def run_facts(
    session: Session, answers: BoardAnswers, machine: VirtualBoard | None = None
) -> model.Run:
    """Describe one inference: instructions if it was emulated, else cycles and time.

    machine: the virtual board that ran it, if one did.
    """
    boot = None if machine is None else machine.boot
    transfer = answers.transfer if machine is not None and machine.line_speed else None
    cost, core, macs = cost_of(answers.run_ticks, session), answers.core, session.graph.macs
    return model.Run(
        instructions=cost.instructions,
        instructions_per_mac=model.per_mac(cost.instructions, macs),
        cycles=cost.cycles,
        cycles_per_mac=model.per_mac(cost.cycles, macs),
        microseconds=cost.microseconds,
        clock_hz=None if core is None else core.hz,
        wait_states=None if core is None else core.wait_states,
        caches=None if core is None else ", ".join(core.caches) or "none",
        boot_instructions=None if boot is None else boot.instructions,
        boot_milliseconds=None if boot is None else round(boot.milliseconds, 3),
        transfer_baud=None if transfer is None else session.board.baud,
        transfer_bytes=None if transfer is None else transfer.bytes,
        transfer_milliseconds=None if transfer is None else round(1000 * transfer.seconds, 3),
    )


@dataclass(frozen=True)
class Cost:
    """What the ticks of a timer mean: instructions of an emulator, or cycles and time."""

    instructions: int | None = None
    cycles: int | None = None
    microseconds: float | None = None


def layer_costs(ticks: Iterable[int], session: Session) -> list[Cost]:
    """Convert each layer's ticks so that costs add up to that of all ticks together.

    A tick may be a broken number of instructions (31.25 on qemu-mps3-an547), so what is rounded is
    the cost up to the end of each layer.
    """
    ends = [cost_of(end, session) for end in accumulate(ticks, initial=0)]
    return [
        Cost(
            instructions=_between(before.instructions, after.instructions),
            cycles=_between(before.cycles, after.cycles),
            microseconds=None
            if before.microseconds is None or after.microseconds is None
            else round(after.microseconds - before.microseconds, 3),
        )
        for before, after in pairwise(ends)
    ]


def _between(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def cost_of(ticks: int, session: Session) -> Cost:
    """Convert `ticks` of the board's timer.

    QEMU makes one instruction take one virtual nanosecond; a virtual chip one cycle, which its
    timer counts. On hardware, a timer slower than the core measures time, but counts no cycles.
    """
    board = session.board
    if session.exact:
        return Cost(instructions=ticks)
    if board.emulated:
        return Cost(instructions=round(ticks * 1_000_000_000 / board.tick_hz))
    cycles = ticks if board.tick_hz == board.clock_hz else None
    return Cost(cycles=cycles, microseconds=round(ticks / board.tick_hz * 1e6, 3))
