# SPDX-License-Identifier: Apache-2.0
"""Model to verdict: read, compile, plan, build, flash or emulate, run, compare, report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import mcuforge
from mcuforge.boards.link.client import Link
from mcuforge.compiler.compile import Compiled, PlanOptions
from mcuforge.compiler.judges.answers import Judge
from mcuforge.compiler.judges.tflite import judge
from mcuforge.errors import BoardError
from mcuforge.flow.board_check import BoardAnswers, layer_outputs, layer_ticks, run_samples
from mcuforge.flow.data import Samples, load_samples, random_samples
from mcuforge.flow.firmware import Built, build_check, project_folder
from mcuforge.flow.session import (
    Session,
    compile_session,
    layer_facts,
    model_facts,
    open_session,
    plan_facts,
    ram_budget,
)
from mcuforge.flow.target import open_board
from mcuforge.flow.verdict import (
    exact_reference,
    first_difference,
    first_wrong,
    judged,
    peer_reasons,
)
from mcuforge.report.model import BoardFacts, Check, Flash, Ram, Report, Run
from mcuforge.report.progress import Stages

DEFAULT_SAMPLES = 32
DEFAULT_MACS = 4_000_000_000  # of all default samples: some minutes on an emulated board
FEWEST_SAMPLES = 2


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge deploy`."""

    model: Path
    board: str
    emulate: bool = False
    port: str | None = None
    data: Path | None = None
    samples: int | None = None
    out: Path | None = None
    dump_passes: Path | None = None
    options: PlanOptions = field(default_factory=PlanOptions)
    poison: bool = False


@dataclass(frozen=True, eq=False)
class Measured:
    """What the board said."""

    answers: BoardAnswers
    check: Check
    layer_ticks: tuple[int, ...]  # their sum is the first sample's answers.run_ticks
    difference: str | None  # the first layer that differs, when an answer did


def deploy(request: Request, stages: Stages) -> Report:
    """The whole way; raises UserError before a verdict is possible."""
    session = open_session(request.model, request.board, emulate=request.emulate)
    if session.board.emulated and request.port is not None:
        raise BoardError(
            f"'{request.board}' is emulated: it has no port to flash through, --port is given",
            f"board {request.board}",
            "leave --port out; `mcuforge check PORT` reaches an emulator that runs already",
        )
    if not session.board.emulated and request.port is None:
        raise BoardError(
            f"no way to reach '{request.board}': neither --port nor --emulate is given",
            f"board {request.board}",
            "--port /dev/ttyACM0 (`mcuforge doctor` lists ports), or --emulate",
        )
    return deploy_session(session, request, stages)


def deploy_session(session: Session, request: Request, stages: Stages) -> Report:
    """The way from a model and a board that are read, and may be none of the catalog's."""
    with stages.stage("compiling and planning"):
        compiled = compile_session(session, request.options, request.dump_passes)
    samples = choose_samples(compiled, request.data, request.samples)
    oracle = judge(session.graph, request.model, samples.inputs)
    with oracle, project_folder(request.out) as folder:
        with stages.stage("building the firmware"):
            built = build_check(session, compiled, folder, poison=request.poison)
        with open_board(session, built, request.port, stages) as link:
            measured = measure_board(link, compiled, samples, oracle, stages, poison=request.poison)
    return make_report(session, compiled, built, measured)


def choose_samples(compiled: Compiled, data: Path | None, count: int | None) -> Samples:
    """The user's samples, or random ones: fewer than `DEFAULT_SAMPLES` of a slow model."""
    if data is not None:
        return load_samples(compiled.graph, data, count)
    usual = default_samples(compiled.graph.macs)
    drawn = random_samples(compiled.graph, count or usual)
    if count is not None or usual == DEFAULT_SAMPLES:
        return drawn
    macs = f"{compiled.graph.macs / 1e6:,.0f} million MACs"
    return replace(drawn, origin=f"{drawn.origin}; few, since an inference has {macs}")


def default_samples(macs: int) -> int:
    """How many random samples are run of a model whose inference has so many MACs."""
    return max(FEWEST_SAMPLES, min(DEFAULT_SAMPLES, DEFAULT_MACS // max(macs, 1)))


def measure_board(
    link: Link,
    compiled: Compiled,
    samples: Samples,
    oracle: Judge,
    stages: Stages,
    *,
    poison: bool = False,
) -> Measured:
    """Run the samples, compare, profile, and look between layers when an answer is wrong."""
    answers = run_samples(link, compiled, samples, stages, poison=poison)
    with stages.stage("waiting for the reference"):
        check, wanted = judged(oracle, answers.outputs, samples, poisoned=poison)
    difference = None
    if check.mismatched_elements:
        index = first_wrong(answers.outputs, wanted.outputs)
        sample = samples.sample(index)
        right = [outputs[index] for outputs in wanted.outputs]
        held = layer_outputs(link, compiled, sample)
        found = first_difference(compiled, sample, held, right, poisoned=poison)
        difference = f"sample {index}: {found}"
    with stages.stage("counting layer by layer"):
        ticks = layer_ticks(link, compiled, samples).adding_up(answers.run_ticks)
    return Measured(answers, check, ticks, difference)


def make_report(session: Session, compiled: Compiled, built: Built, measured: Measured) -> Report:
    """The verdict and everything it rests on."""
    board = session.board
    ram = built.ram(compiled, ram_budget(board), measured.answers.stack_painted)
    flash = built.flash()
    instructions = cost(measured.answers.run_ticks, session)
    per_layer = (
        None if instructions is None else tuple(cost(t, session) or 0 for t in measured.layer_ticks)
    )
    macs = session.graph.macs
    ticks = measured.answers.run_ticks
    reasons = tuple(find_reasons(measured, built, ram, flash))
    return Report(
        mcuforge=mcuforge.__version__,
        model=model_facts(session),
        board=board_facts(session),
        toolchain=built.toolchain,
        verdict="fail" if reasons else "pass",
        reasons=reasons,
        check=measured.check,
        ram=ram,
        flash=flash,
        plan=plan_facts(compiled),
        run=Run(
            instructions=instructions,
            instructions_per_mac=(
                None if instructions is None or not macs else round(instructions / macs, 4)
            ),
            # a timer slower than the core measures time, but counts no cycles
            cycles=None if board.emulated or board.tick_hz != board.clock_hz else ticks,
            microseconds=None if board.emulated else ticks / board.tick_hz * 1e6,
        ),
        layers=layer_facts(compiled, per_layer),
    )


def find_reasons(measured: Measured, built: Built, ram: Ram, flash: Flash) -> list[str]:
    """Why the verdict is fail, worst first; none: it is pass."""
    check, reasons = measured.check, []
    if check.mismatched_elements:
        reasons.append(
            f"{check.mismatched_elements} output elements in "
            f"{check.samples - check.exact_samples} of {check.samples} samples differ from "
            f"{exact_reference(check)}"
        )
    if measured.difference is not None:
        reasons.append(measured.difference)
    reasons += peer_reasons(check)
    for name, use in (("RAM", ram), ("flash", flash)):
        if use.total > use.budget:
            reasons.append(f"{name}: {use.total:,} bytes needed, the board has {use.budget:,}")
    painted, bound = ram.stack_painted, built.painted_bound
    if painted is not None and painted > bound:
        reasons.append(
            f"the inference used {painted:,} bytes of stack, the call graph and one interrupt "
            f"allow {bound:,}: the RAM total cannot be trusted (our fault)"
        )
    return reasons


def board_facts(session: Session) -> BoardFacts:
    """The report's words on the board."""
    board = session.board
    emulator = board.emulator if board.emulated else None
    stand_in = None if emulator is None else f"{emulator.command} -M {emulator.machine}"
    return BoardFacts(board.id, board.cpu, board.isa, board.emulated, stand_in)


def cost(ticks: int, session: Session) -> int | None:
    """Instructions, for emulated boards: one instruction is one virtual nanosecond."""
    if not session.board.emulated:
        return None
    return round(ticks * 1_000_000_000 / session.board.tick_hz)
