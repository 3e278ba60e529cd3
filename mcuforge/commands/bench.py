# SPDX-License-Identifier: Apache-2.0
"""`mcuforge bench`: what every layer costs: instructions if emulated, cycles on hardware."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from mcuforge.commands.options import (
    BoardId,
    Cycles,
    Exact,
    Json,
    LineSpeed,
    Model,
    Port,
    Protocol,
    Quiet,
    SignatureName,
    progress,
    with_flags,
)
from mcuforge.errors import BoardError
from mcuforge.report.console import open_console
from mcuforge.report.files import refuse_unwritable, write_json
from mcuforge.report.model import BenchReport
from mcuforge.report.profile import operator_facts
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.boards.link.client import Link
    from mcuforge.compiler.compile import Compiled, PlanOptions
    from mcuforge.flow.board_check import BoardAnswers, LayerTicks
    from mcuforge.flow.data import Samples


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge bench`: emulated unless `exact` or `port` is given.

    cycles: estimate them too, of an emulated board.
    """

    model: Model
    board: BoardId
    _: KW_ONLY
    signature: SignatureName = None
    exact: Exact = False
    line_speed: LineSpeed = False
    port: Port = None
    protocol: Protocol = None
    options: PlanOptions | None = None
    cycles: Cycles = False


def bench(request: Request, stages: Stages) -> BenchReport:
    """Build, start or flash the board, and measure the inference and each layer.

    The layers add up to the inference. Counts of an emulator repeat to one tick of the board's
    timer: 32 to 50 instructions on the MPS boards, 1 on RISC-V virt and on virtual chips.
    Raises CompileError or BoardError; with `cycles` also for a core without timings.
    """
    from mcuforge.boards.cycles.core import core_of
    from mcuforge.flow.cycles import estimate_cycles
    from mcuforge.flow.data import random_samples
    from mcuforge.flow.facts import board_facts, layer_facts, model_facts, run_facts
    from mcuforge.flow.firmware import build_check, project_folder
    from mcuforge.flow.reach import Way
    from mcuforge.flow.session import compile_session, open_session
    from mcuforge.flow.target import open_board, open_exact

    emulate = not request.exact and request.port is None
    way = Way(
        request.board, False, request.exact, request.port, request.protocol, request.line_speed
    )
    way.refuse_contradictions()
    if request.cycles and not emulate:
        raise BoardError(
            "--cycles estimates cycles from what the emulator executes, and --port or --exact is "
            "given",
            f"board {request.board}",
            "leave --cycles out: hardware counts its cycles, a virtual chip has none",
        )
    session = open_session(
        request.model,
        request.board,
        emulate=emulate,
        exact=request.exact,
        signature=request.signature,
    )
    connection = way.connection(session, request.options)
    if request.cycles:
        core_of(session.board.cpu, session.board.id)
    with stages.stage("compiling and planning"):
        compiled = compile_session(session, request.options)
    samples = random_samples(compiled.graph, 1)
    estimate = virtual = None
    with project_folder(None) as folder:
        with stages.stage("building the firmware"):
            protocol = None if connection is None else connection.protocol
            built = build_check(session, compiled, folder, protocol=protocol)
        if request.exact:
            exact = open_exact(session, built.firmware.elf, stages, line_speed=request.line_speed)
            with exact as (link, virtual):
                answers, timed = _measure(link, compiled, samples, stages)
        else:
            with open_board(session, built, stages, connection) as link:
                if connection is not None:
                    _measure(link, compiled, samples, stages)  # fills the caches
                answers, timed = _measure(link, compiled, samples, stages)
        if request.cycles:
            estimate = estimate_cycles(session, compiled, built, samples, stages)
    layers = layer_facts(compiled, session, timed.adding_up(answers.run_ticks))
    return BenchReport(
        model=model_facts(session),
        board=board_facts(session),
        toolchain=built.toolchain,
        run=run_facts(session, answers, virtual),
        layers=layers,
        operators=operator_facts(layers),
        estimated_cycles=estimate,
    )


def _measure(
    link: Link, compiled: Compiled, samples: Samples, stages: Stages
) -> tuple[BoardAnswers, LayerTicks]:
    """Run one inference as a whole, then step by step."""
    from mcuforge.flow.board_check import layer_ticks, run_samples

    answers = run_samples(link, compiled, samples, stages)
    with stages.stage("measuring layer by layer"):
        return answers, layer_ticks(link, compiled, samples)


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Measure every layer: instructions on the emulated board, cycles on hardware (--port)."""
    from mcuforge.report.text import print_bench

    refuse_unwritable(json)
    report = bench(request, progress(quiet))
    print_bench(report, open_console())
    write_json(report, json)
