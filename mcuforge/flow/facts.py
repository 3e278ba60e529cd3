# SPDX-License-Identifier: Apache-2.0
"""Fills the records of a report from a session, a compiled model and what the board counted."""

from __future__ import annotations

from mcuforge.compiler.compile import Compiled
from mcuforge.flow.session import Session
from mcuforge.report.model import (
    BoardFacts,
    BufferFacts,
    LayerFacts,
    ModelFacts,
    PlanFacts,
    RegionUse,
    Run,
    asked,
)


def model_facts(session: Session) -> ModelFacts:
    """The user's file; counts are those of the file, before any pass."""
    graph = session.graph
    return ModelFacts(
        name=session.path.name,
        sha256=session.digest.hex(),
        format=graph.format,
        ops=len(graph.nodes),
        macs=graph.macs,
        parameters=graph.parameters,
    )


def board_facts(session: Session) -> BoardFacts:
    """The board, with the machine that stands in for it when it is emulated."""
    board = session.board
    emulator = board.emulator if board.emulated else None
    stand_in = None if emulator is None else f"{emulator.command} -M {emulator.machine}"
    return BoardFacts(board.id, board.cpu, board.isa, board.emulated, stand_in)


def plan_facts(compiled: Compiled) -> PlanFacts:
    """The memory plan, and what the user asked of it."""
    plan = compiled.plan
    return PlanFacts(
        peak=compiled.arena_bytes,
        lower_bound=plan.lower_bound,
        optimal=plan.optimal,
        solver=plan.solver,
        seconds=round(plan.seconds, 3),
        regions=tuple(
            RegionUse(r.name, plan.peaks[r.name], r.bytes, r.speed)
            for r in compiled.problem.regions
        ),
        deciding_layer=compiled.deciding_layer(),
        resident_peak=compiled.resident_peak,
        **asked(compiled.options),
    )


def buffer_facts(compiled: Compiled) -> tuple[BufferFacts, ...]:
    """Every buffer of the plan with its lifetime and its place."""
    facts = []
    for buffer in compiled.problem.buffers:
        place = compiled.plan.placements[buffer.name]
        facts.append(
            BufferFacts(
                name=buffer.name,
                bytes=buffer.bytes,
                begin=buffer.begin,
                end=buffer.end,
                region=place.region,
                offset=place.offset,
            )
        )
    return tuple(facts)


def layer_facts(compiled: Compiled, instructions: tuple[int, ...] | None) -> tuple[LayerFacts, ...]:
    """One record per layer that runs, with its instructions where they were counted."""
    live = compiled.ram_live()
    facts = []
    for i, step in enumerate(compiled.schedule.layers):
        macs = step.node.op.macs(step.node.inputs, step.node.output)
        counted = None if instructions is None else instructions[i]
        facts.append(
            LayerFacts(
                index=i,
                name=step.node.name,
                op=step.node.op.title,
                macs=macs,
                instructions=counted,
                ram_live=live[i],
                instructions_per_mac=_per_mac(counted, macs),
                shape=step.node.output.shape,
            )
        )
    return tuple(facts)


def run_facts(session: Session, ticks: int) -> Run:
    """One inference of `ticks` of the board's timer: instructions if emulated, else time."""
    board = session.board
    instructions = instructions_of(ticks, session)
    # A timer slower than the core measures time, but does not count cycles.
    counts_cycles = not board.emulated and board.tick_hz == board.clock_hz
    return Run(
        instructions=instructions,
        instructions_per_mac=_per_mac(instructions, session.graph.macs),
        cycles=ticks if counts_cycles else None,
        microseconds=None if board.emulated else ticks / board.tick_hz * 1e6,
    )


def instructions_of(ticks: int, session: Session) -> int | None:
    """The instructions that `ticks` of an emulated board's timer stand for; None on hardware.

    The emulator makes one instruction take one virtual nanosecond.
    """
    if not session.board.emulated:
        return None
    return round(ticks * 1_000_000_000 / session.board.tick_hz)


def _per_mac(instructions: int | None, macs: int) -> float | None:
    return None if instructions is None or not macs else round(instructions / macs, 4)
