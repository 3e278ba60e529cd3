# SPDX-License-Identifier: Apache-2.0
"""`mcuforge compile`: the model as C, to put into the user's own firmware."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from rich.markup import escape
from typer import Option

from mcuforge.commands.options import (
    BoardId,
    DumpPasses,
    Json,
    Model,
    Quiet,
    SignatureName,
    progress,
    report_verdict,
    with_flags,
)
from mcuforge.report.model import CompileReport, OutsideWeights
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.boards.catalog.board import Board
    from mcuforge.compiler.compile import PlanOptions
    from mcuforge.flow.gate import PlanLimits

BUILT = (".pio", ".vscode")  # what PlatformIO and an editor add to a project


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge compile`."""

    model: Model
    board: BoardId
    _: KW_ONLY
    out: Annotated[Path, Option("--out", "-o", metavar="DIR", help="Folder to write.")]
    signature: SignatureName = None
    options: PlanOptions | None = None
    plan_limits: PlanLimits | None = None
    dump_passes: DumpPasses = None


def compile_to_folder(request: Request, stages: Stages | None = None) -> CompileReport:
    """Write the C, the kernels it calls and a main.c as a PlatformIO project in `request.out`.

    stages: announces progress; None is silent. Raises CompileError or BoardError, as do an exceeded
    limit and a folder that holds other files; nothing is written then.
    """
    from mcuforge.boards.build.project import write_project
    from mcuforge.compiler.codegen.model import example_main
    from mcuforge.compiler.compile import refuse_over_budget
    from mcuforge.flow.facts import board_facts, layer_facts, model_facts, plan_facts
    from mcuforge.flow.firmware import outside_weights
    from mcuforge.flow.gate import PlanLimits, gate_plan, refuse_over_limits
    from mcuforge.flow.session import compile_session, open_session

    stages = stages or progress(quiet=True)
    session = open_session(request.model, request.board, signature=request.signature)
    with stages.stage("compiling and planning"):
        compiled = compile_session(session, request.options, request.dump_passes)
    refuse_over_budget(compiled, session.board.id)
    generated = compiled.model
    gate = gate_plan(compiled, generated.weights_bytes, request.plan_limits or PlanLimits())
    refuse_over_limits(gate, compiled)
    write_project(
        request.out,
        session.board,
        {**generated.files, "main.c": example_main(generated)},
        generated.kernels,
        firmware=False,
        outside=bool(outside_weights(session.board, compiled)),
    )
    found = (path.relative_to(request.out) for path in request.out.rglob("*") if path.is_file())
    written = sorted(path.as_posix() for path in found if path.parts[0] not in BUILT)
    return CompileReport(
        model=model_facts(session),
        board=board_facts(session),
        plan=plan_facts(compiled),
        layers=layer_facts(compiled, session),
        folder=str(request.out),
        files=tuple(written),
        kernels=tuple(generated.kernels),
        weights=generated.weights_bytes,
        outside_weights=tuple(
            OutsideWeights(name, count) for name, count in generated.further_weights.items()
        ),
        verdict="pass",
        reasons=(),
        gate=gate,
    )


def print_compile(report: CompileReport, console: Console) -> None:
    """Print where things are, what the model takes, and what to do with it."""
    from mcuforge.boards.catalog.board import load_board
    from mcuforge.report.gate_text import print_limits
    from mcuforge.report.text import weights_words

    board = load_board(report.board.id)
    further = {outside.name: outside.bytes for outside in report.outside_weights}
    weights = weights_words(report.weights, further)
    target = board.id
    if board.emulator is not None:
        target = f"QEMU's {board.emulator.machine.partition(',')[0]}"
    for line in (
        f"{escape(report.folder)}: {escape(report.model.name)} for {board.id} as C99",
        f"arena {report.plan.peak:,} bytes, constants {weights}, "
        f"{len(report.layers)} layers, {len(report.kernels)} kernels",
        "src/model.c, src/weights.c, src/kernels/ and include/model.h with the headers beside it: "
        "the model, for any C99 compiler; src/main.c: an example of its use",
        *_mappings(board, further),
        f"`pio run` builds it for {target}: start-up code in src/bsp, linker script board.ld",
    ):
        console.print(line, highlight=False, soft_wrap=True)
    print_limits(report.gate.limits, console)


def _mappings(board: Board, further: Mapping[str, int]) -> Iterator[str]:
    """Say which flashes with weights must be mapped into memory, and by whom."""
    unmapped = {memory.name for memory in board.flash_memories if memory.external}
    unmapped -= {controller.memory for controller in board.controllers}
    for region in sorted(unmapped & further.keys()):
        yield f"map {region} into memory before the first inference"
    for region in sorted(further.keys() - unmapped):
        yield (
            f"start-up code sets {region} up; in your own firmware, "
            f"map {region} into memory before the first inference"
        )


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Write the model as C with a main.c that shows its use, to put into your own firmware."""
    report_verdict(CompileReport, partial(compile_to_folder, request), print_compile, json, quiet)
