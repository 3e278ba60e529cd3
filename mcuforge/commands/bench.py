# SPDX-License-Identifier: Apache-2.0
"""Per-layer instructions on the emulated board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mcuforge
from mcuforge.boards.cycles.core import core_of
from mcuforge.commands.deploy import board_facts, cost
from mcuforge.compiler.compile import PlanOptions
from mcuforge.flow.board_check import layer_ticks, run_samples
from mcuforge.flow.cycles import CycleEstimate, estimate_cycles
from mcuforge.flow.data import random_samples
from mcuforge.flow.firmware import build_check, project_folder
from mcuforge.flow.session import (
    compile_session,
    layer_facts,
    model_facts,
    open_session,
)
from mcuforge.flow.target import open_board
from mcuforge.report.model import (
    BoardFacts,
    LayerFacts,
    ModelFacts,
    OperatorFacts,
    Run,
    Toolchain,
)
from mcuforge.report.profile import operator_facts
from mcuforge.report.progress import Stages


@dataclass(frozen=True)
class BenchReport:
    """What `bench` counted; its JSON keys are those of the deploy report."""

    mcuforge: str
    model: ModelFacts
    board: BoardFacts
    toolchain: Toolchain
    run: Run
    layers: tuple[LayerFacts, ...]
    operators: tuple[OperatorFacts, ...]  # most instructions first
    estimated_cycles: CycleEstimate | None = None  # where asked for; never measured


def bench(
    model: Path,
    board_id: str,
    stages: Stages,
    options: PlanOptions | None = None,
    *,
    cycles: bool = False,
) -> BenchReport:
    """Build, start the emulator, count the inference and each layer once; the layers add up to it.

    The counts repeat to one tick of the board's timer: 40 instructions on MPS2, 1 on RISC-V virt.
    `cycles`: estimate them too; BoardError for a core without timings.
    """
    session = open_session(model, board_id, emulate=True)
    if cycles:
        core_of(session.board.cpu, session.board.id)
    with stages.stage("compiling and planning"):
        compiled = compile_session(session, options)
    samples = random_samples(compiled.graph, 1)
    with project_folder(None) as folder:
        with stages.stage("building the firmware"):
            built = build_check(session, compiled, folder)
        with open_board(session, built, None, stages) as link:
            answers = run_samples(link, compiled, samples, stages)
            with stages.stage("counting layer by layer"):
                timed = layer_ticks(link, compiled, samples)
        estimate = estimate_cycles(session, compiled, built, samples, stages) if cycles else None
    instructions = cost(answers.run_ticks, session)
    assert instructions is not None  # bench always emulates
    macs = session.graph.macs
    ticks = timed.adding_up(answers.run_ticks)
    layers = layer_facts(compiled, tuple(cost(t, session) or 0 for t in ticks))
    return BenchReport(
        mcuforge=mcuforge.__version__,
        model=model_facts(session),
        board=board_facts(session),
        toolchain=built.toolchain,
        run=Run(instructions, round(instructions / macs, 4) if macs else None, None, None),
        layers=layers,
        operators=operator_facts(layers),
        estimated_cycles=estimate,
    )
