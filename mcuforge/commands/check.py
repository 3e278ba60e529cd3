# SPDX-License-Identifier: Apache-2.0
"""`mcuforge check`: only the check on the board, for firmware that is built or flashed already."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from mcuforge.commands.options import (
    CheckpointFile,
    Json,
    Poison,
    Quiet,
    Samples,
    SignatureName,
    board_ids,
    report_verdict,
    with_flags,
)
from mcuforge.report.model import CheckReport
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.boards.link.client import Link


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge check`."""

    target: Annotated[
        str,
        Argument(
            metavar="PROJECT_OR_PORT", help="A built firmware (or its project), or a serial port."
        ),
    ]
    data: Annotated[
        Path | None,
        Option(
            "--data",
            "-d",
            metavar="FILE",
            help=".npz with x and optional y; without it random samples, the same every time.",
        ),
    ] = None
    _: KW_ONLY
    model: Annotated[
        Path | None,
        Option(metavar="MODEL", help="The model on the board; a project remembers its own."),
    ] = None
    board: Annotated[
        str | None,
        Option(
            "--board",
            "-b",
            metavar="ID",
            help="The board at a port; a project remembers its own.",
            autocompletion=board_ids,
        ),
    ] = None
    signature: SignatureName = None
    samples: Samples = None
    poison: Poison = False
    checkpoint: CheckpointFile = None


def check(request: Request, stages: Stages) -> CheckReport:
    """Run the data on the target and compare with the reference's answers.

    The target is an ELF file, the project that `deploy --out` left, or a serial port. Raises
    CompileError or BoardError when no verdict is possible.
    """
    from mcuforge.compiler.judges.choose import judge
    from mcuforge.flow.board_check import run_samples
    from mcuforge.flow.checkpoint import Checkpoint
    from mcuforge.flow.data import choose_samples
    from mcuforge.flow.facts import board_facts, model_facts
    from mcuforge.flow.project import as_told, port_session, project_session
    from mcuforge.flow.session import compile_session
    from mcuforge.flow.target import emulate_elf, open_port
    from mcuforge.flow.verdict import judged, peer_reasons

    path = Path(request.target)
    target: AbstractContextManager[Link]
    if path.is_file() or path.is_dir():
        session, elf, name = project_session(path, request.model, request.board, request.signature)
        target = emulate_elf(session, elf, stages)
    else:
        session = port_session(request.target, request.model, request.board, request.signature)
        name = session.path.name
        target = open_port(session, request.target)
    checkpoint = None if request.checkpoint is None else Checkpoint(request.checkpoint)
    compiled = compile_session(session)
    samples = choose_samples(compiled.graph, request.data, request.samples)
    with judge(session.graph, session.path, samples.inputs) as oracle:
        with target as link:
            answers = run_samples(
                link,
                compiled,
                samples,
                stages,
                poison=request.poison,
                checkpoint=checkpoint,
            )
            session = as_told(session, link.firmware.tick_hz)
        found, _ = judged(oracle, answers.outputs, samples, poisoned=request.poison)
    differ = f"{found.mismatched_elements} output elements differ from {found.exact_reference}"
    reasons = (*([differ] if found.mismatched_elements else []), *peer_reasons(found))
    return CheckReport(
        model=replace(model_facts(session), name=name),
        board=board_facts(session),
        verdict="fail" if reasons else "pass",
        reasons=reasons,
        check=found,
    )


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Run only the on-board check, for firmware that is built or flashed already."""
    from mcuforge.report.text import print_check

    report_verdict(CheckReport, partial(check, request), print_check, json, quiet)
