# SPDX-License-Identifier: Apache-2.0
"""Only the on-board check, for firmware that is built or flashed already."""

from __future__ import annotations

import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import mcuforge
from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.link.client import Link
from mcuforge.commands.deploy import board_facts
from mcuforge.compiler.judges.tflite import judge
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.board_check import run_samples
from mcuforge.flow.data import load_samples
from mcuforge.flow.firmware import MANIFEST
from mcuforge.flow.session import Session, compile_session, model_facts, open_session
from mcuforge.flow.target import emulate_elf, open_port
from mcuforge.flow.verdict import exact_reference, judged, peer_reasons
from mcuforge.report.model import BoardFacts, Check, ModelFacts
from mcuforge.report.progress import Stages

ELF = ".pio/build/BOARD/firmware.elf"
ELF_MAGIC = b"\x7fELF"


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge check`."""

    target: str
    data: Path
    model: Path | None = None
    board: str | None = None
    samples: int | None = None
    poison: bool = False


@dataclass(frozen=True)
class CheckReport:
    """What `check` found; its JSON keys are those of the deploy report."""

    mcuforge: str
    model: ModelFacts
    board: BoardFacts
    verdict: Literal["pass", "fail"]
    reasons: tuple[str, ...]
    check: Check


def check(request: Request, stages: Stages) -> CheckReport:
    """Run the data on the target and compare with the reference's answers.

    The target is an ELF file or the project `deploy --out` left, or a serial port.
    """
    path, elf, name = Path(request.target), None, None
    if path.is_file() or path.is_dir():
        session, elf, name = _project_session(path, request)
    else:
        session = _port_session(request)
    compiled = compile_session(session)
    samples = load_samples(compiled.graph, request.data, request.samples)
    with judge(session.graph, session.path, samples.inputs) as oracle:
        with _target(session, elf, request.target, stages) as link:
            answers = run_samples(link, compiled, samples, stages, poison=request.poison)
            session = as_told(session, link.tick_hz)
        found, _ = judged(oracle, answers.outputs, samples, poisoned=request.poison)
    differ = f"{found.mismatched_elements} output elements differ from {exact_reference(found)}"
    reasons = (*([differ] if found.mismatched_elements else []), *peer_reasons(found))
    return CheckReport(
        mcuforge=mcuforge.__version__,
        model=replace(model_facts(session), name=name or session.path.name),
        board=board_facts(session),
        verdict="fail" if reasons else "pass",
        reasons=reasons,
        check=found,
    )


def as_told(session: Session, tick_hz: int) -> Session:
    """The session with hardware for a board, if that is what answered: its clock tells them apart.

    A board at a port is taken for its emulated form, which never claims too much, until it speaks.
    """
    hardware = load_board(session.board.id)
    return replace(session, board=hardware) if tick_hz == hardware.tick_hz else session


def _target(
    session: Session, elf: Path | None, port: str, stages: Stages
) -> AbstractContextManager[Link]:
    return open_port(session, port) if elf is None else emulate_elf(session, elf, stages)


def _project_session(path: Path, request: Request) -> tuple[Session, Path, str]:
    """The session a project remembers, its ELF file, and what the model was called."""
    folder = next((f for f in (path, *path.absolute().parents) if (f / MANIFEST).is_file()), None)
    if folder is None:
        raise BoardError(
            f"'{path}' belongs to no project of mcuforge: there is no {MANIFEST} above it",
            str(path),
            "give the folder or the firmware.elf that `mcuforge deploy --out` left",
        )
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        board, digest = str(manifest["board"]), str(manifest["sha256"])
        name, emulate = str(manifest["model"]), bool(manifest["emulated"])
        copy = Path(str(manifest.get("copy", "model.tflite"))).name  # older ones say nothing
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BoardError(
            f"{MANIFEST} cannot be read: {error}", str(folder), "deploy again with --out"
        ) from error
    if request.board is not None and request.board != board:
        raise BoardError(
            f"the firmware is built for '{board}', --board says '{request.board}'",
            str(folder),
            "leave --board out: a project remembers its own",
        )
    model = request.model or folder / copy
    session = open_session(model, board, emulate=emulate)
    if hashlib.sha256(session.file).hexdigest() != digest:
        raise CompileError(
            f"the model is not the one the firmware was built from ({name}, SHA-256 {digest[:16]})",
            str(model),
            "give that model with --model, or deploy this one",
        )
    if not session.board.emulated:
        raise BoardError(
            f"the project is for the hardware of '{board}', only emulated boards can be started",
            str(folder),
            f"give its serial port: mcuforge check PORT --board {board} --model MODEL --data FILE",
        )
    elf = path if path.is_file() else folder / ".pio" / "build" / board / "firmware.elf"
    if not elf.is_file():
        raise BoardError("the project has no firmware.elf", str(elf), "`pio run` builds it")
    with elf.open("rb") as file:
        if file.read(len(ELF_MAGIC)) != ELF_MAGIC:
            raise BoardError(
                "this is no ELF file", str(elf), f"give the project itself: mcuforge check {folder}"
            )
    return session, elf, name


def _port_session(request: Request) -> Session:
    if Path(request.target).suffix == ".elf":
        raise BoardError("there is no such file", request.target, f"a project holds it in {ELF}")
    if request.model is None or request.board is None:
        raise BoardError(
            f"'{request.target}' is no project of mcuforge, and a port does not say which model "
            "and board are behind it",
            request.target,
            "add --model MODEL --board ID; a project folder or its firmware.elf needs neither",
        )
    board = load_board(request.board)
    return open_session(
        request.model, request.board, emulate=board.emulator is not None or board.bsp is None
    )
