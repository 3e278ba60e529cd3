# SPDX-License-Identifier: Apache-2.0
"""Estimates the cycles of a model: what the emulator executed, priced by the core's timings.

An estimate is not a measurement, and no text shows one without saying so. docs/cycles.md says what
estimates leave out and how far they were from published figures.
"""

import re
from dataclasses import replace

from mcuforge.boards.build.tools import locate
from mcuforge.boards.cycles.core import core_of
from mcuforge.boards.cycles.estimate import price
from mcuforge.boards.cycles.execution_log import ExecutionLog
from mcuforge.boards.cycles.listing import parse_listing
from mcuforge.boards.image.disassembly import disassemble
from mcuforge.boards.image.elf import Symbol, read_elf
from mcuforge.boards.image.footprint import model_code
from mcuforge.compiler.compile import Compiled
from mcuforge.errors import InternalError
from mcuforge.flow.board_check import by_layer, feed
from mcuforge.flow.data import Samples
from mcuforge.flow.firmware import Built
from mcuforge.flow.session import Session
from mcuforge.flow.target import emulate_elf
from mcuforge.report.model import CycleEstimate, EstimateError, LayerCycles, per_mac
from mcuforge.report.progress import Stages

MISSING_PERCENT = 2.0  # of the counted instructions that a log may lack: interrupts, the timer
_CALL = "mcuforge_model_run"
_CALLER = re.compile(r"run_model(\.\w+)*$")  # as compilers name copies of it


def estimate_cycles(
    session: Session, compiled: Compiled, built: Built, samples: Samples, stages: Stages
) -> CycleEstimate:
    """Log the first sample twice, uninterrupted and step by step, and price both.

    Raises BoardError for a core without timings, and if the emulator logs nothing that it executes.
    """
    board = session.board
    core = core_of(board.cpu, board.id)
    with stages.stage("logging what is executed"), _execution_log(session, built) as log:
        logged = replace(session, board=log.board)
        with emulate_elf(logged, built.firmware.elf, stages) as link:
            feed(link, samples.sample(0))
            ticks = link.run()
            feed(link, samples.sample(0))
            steps = tuple(step for step, _ in link.time_steps())
    objdump = locate(f"{board.toolchain.prefix}objdump", board.id)
    listing = parse_listing(disassemble(built.firmware.elf, objdump))
    costs = price(*log.result(), listing, core)
    whole, single = costs[: len(costs) - len(steps)], costs[len(costs) - len(steps) :]
    counted = ticks * 1_000_000_000 / board.tick_hz
    executed = sum(cost.instructions for cost in whole)
    if abs(executed - counted) > counted * MISSING_PERCENT / 100 + 1000:
        raise InternalError(
            f"the log has {executed:,} instructions, the timer counted {counted:,.0f}"
        )
    cycles = sum(cost.cycles for cost in whole)
    if len(steps) != len(single):
        raise InternalError(f"{len(steps)} steps were timed, the log has {len(single)}")
    parts = by_layer(compiled, zip(steps, (cost.cycles for cost in single), strict=True))
    return _estimate(session, compiled, cycles, counted, parts.adding_up(cycles))


def error_of(cpu: str, parameters: int, macs: int) -> EstimateError:
    """Return the error that docs/cycles.md derives for a core with timings.

    Networks that use each weight about once wait for flash, which the estimate does not know.
    """
    used_once = 2 * parameters > macs
    match cpu:
        case "cortex-m4":
            return EstimateError(10, 50) if used_once else EstimateError(10, 25)
        case "cortex-m7":
            return EstimateError(25, 75) if used_once else EstimateError(25, 25)
        case _:
            raise InternalError(f"the error of estimates for a {cpu} is not known")


def _execution_log(session: Session, built: Built) -> ExecutionLog:
    functions = [s for s in read_elf(built.firmware.elf).symbols if s.function and s.bytes]
    call = _only([s for s in functions if s.name == _CALL], _CALL)
    caller = _only([s for s in functions if _CALLER.match(s.name)], "run_model")
    begin, end = caller.address, caller.address + caller.bytes
    ranges = (*model_code(built.firmware), (call.address, call.address + call.bytes), (begin, end))
    return ExecutionLog(session.board, ranges, call.address, (begin, end))


def _only(found: list[Symbol], name: str) -> Symbol:
    if len(found) != 1:
        raise InternalError(f"the check firmware has {len(found)} functions '{name}', not one")
    return found[0]


def _estimate(
    session: Session, compiled: Compiled, cycles: int, counted: float, layers: tuple[int, ...]
) -> CycleEstimate:
    board = session.board
    nodes = [layer.node for layer in compiled.schedule.layers]
    macs = [node.op.macs(node.inputs, node.output) for node in nodes]
    silicon = board.platformio is not None
    return CycleEstimate(
        cycles=cycles,
        cycles_per_mac=per_mac(cycles, session.graph.macs),
        cycles_per_instruction=round(cycles / counted, 4),
        core=board.cpu,
        clock_hz=board.clock_hz if silicon else None,
        milliseconds=round(cycles / board.clock_hz * 1e3, 4) if silicon else None,
        error=error_of(board.cpu, session.graph.parameters, session.graph.macs),
        layers=tuple(
            LayerCycles(index, own, per_mac(own, macs[index])) for index, own in enumerate(layers)
        ),
    )
