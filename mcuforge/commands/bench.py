# SPDX-License-Identifier: Apache-2.0
"""`mcuforge bench`: the instructions of every layer on the emulated board."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from mcuforge.commands.options import BoardId, Cycles, Json, Model, Quiet, progress, with_flags
from mcuforge.report.console import open_console
from mcuforge.report.files import refuse_unwritable, write_json
from mcuforge.report.model import BenchReport
from mcuforge.report.profile import operator_facts
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.compiler.compile import PlanOptions


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge bench`; `cycles`: estimate them too."""

    model: Model
    board: BoardId
    _: KW_ONLY
    options: PlanOptions | None = None
    cycles: Cycles = False


def bench(request: Request, stages: Stages) -> BenchReport:
    """Build, start the emulator, and count the inference and each layer; the layers add up to it.

    The counts repeat to one tick of the board's timer: 32 to 50 instructions on the MPS boards,
    1 on RISC-V virt.
    Raises CompileError or BoardError; with `cycles` also for a core without timings.
    """
    from mcuforge.boards.cycles.core import core_of
    from mcuforge.flow.board_check import layer_ticks, run_samples
    from mcuforge.flow.cycles import estimate_cycles
    from mcuforge.flow.data import random_samples
    from mcuforge.flow.facts import board_facts, layer_facts, model_facts, run_facts
    from mcuforge.flow.firmware import build_check, project_folder
    from mcuforge.flow.session import compile_session, open_session
    from mcuforge.flow.target import open_board

    session = open_session(request.model, request.board, emulate=True)
    if request.cycles:
        core_of(session.board.cpu, session.board.id)
    with stages.stage("compiling and planning"):
        compiled = compile_session(session, request.options)
    samples = random_samples(compiled.graph, 1)
    estimate = None
    with project_folder(None) as folder:
        with stages.stage("building the firmware"):
            built = build_check(session, compiled, folder)
        with open_board(session, built, stages) as link:
            answers = run_samples(link, compiled, samples, stages)
            with stages.stage("counting layer by layer"):
                timed = layer_ticks(link, compiled, samples)
        if request.cycles:
            estimate = estimate_cycles(session, compiled, built, samples, stages)
    layers = layer_facts(compiled, session, timed.adding_up(answers.run_ticks))
    return BenchReport(
        model=model_facts(session),
        board=board_facts(session),
        toolchain=built.toolchain,
        run=run_facts(session, answers.run_ticks),
        layers=layers,
        operators=operator_facts(layers),
        estimated_cycles=estimate,
    )


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Count the instructions of every layer on the emulated board."""
    from mcuforge.report.text import print_bench

    refuse_unwritable(json)
    report = bench(request, progress(quiet))
    print_bench(report, open_console())
    write_json(report, json)
