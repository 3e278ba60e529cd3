# SPDX-License-Identifier: Apache-2.0
"""Opens the session of firmware that is built already: a project's, or that behind a port."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from mcuforge.boards.catalog.board import load_board
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.firmware import MANIFEST
from mcuforge.flow.session import Session, firmware_named, open_session

ELF = ".pio/build/BOARD/firmware.elf"
ELF_MAGIC = b"\x7fELF"


def project_session(
    path: Path,
    model: Path | None = None,
    board_id: str | None = None,
    signature: str | None = None,
) -> tuple[Session, Path, str]:
    """Open the session that the project of `path` remembers, its ELF file, and the model's name.

    path: a project that `deploy --out` left, or a file in it. model, board_id, signature: as the
    user gave them, None to take the project's own. Raises BoardError or CompileError when the
    project is not ours, is not built, was built for hardware, or does not match what was given.
    """
    folder = next((f for f in (path, *path.absolute().parents) if (f / MANIFEST).is_file()), None)
    if folder is None:
        raise BoardError(
            f"'{path}' does not belong to a project of mcuforge: no folder above has a {MANIFEST}",
            str(path),
            "give the folder or the firmware.elf that `mcuforge deploy --out` left",
        )
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        board, digest = str(manifest["board"]), str(manifest["sha256"])
        name, emulate = str(manifest["model"]), bool(manifest["emulated"])
        copy = Path(str(manifest.get("copy", "model.tflite"))).name  # older ones lack the key
        firmware = firmware_named(str(manifest.get("firmware", "check")))  # and this one
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BoardError(
            f"{MANIFEST} cannot be read: {error}", str(folder), "deploy again with --out"
        ) from error
    if board_id is not None and board_id != board:
        raise BoardError(
            f"the firmware is built for '{board}', --board says '{board_id}'",
            str(folder),
            "leave --board out: a project remembers its own",
        )
    model = model or folder / copy
    own = str(manifest.get("signature", "")) or None
    if signature is not None and signature != own:
        raise BoardError(
            f"the firmware is built for signature {own}, --signature says '{signature}'",
            str(folder),
            "leave --signature out: a project remembers its own",
        )
    session = open_session(model, board, emulate=emulate, firmware=firmware, signature=own)
    if hashlib.sha256(session.file).hexdigest() != digest:
        raise CompileError(
            f"the firmware was built from another model ({name}, SHA-256 {digest[:16]})",
            str(model),
            "give that model with --model, or deploy this one",
        )
    if not session.board.emulated:
        raise BoardError(
            f"the project is for the hardware of '{board}', only emulated boards can be started",
            str(folder),
            f"give its serial port: mcuforge check PORT --board {board} --model MODEL; on "
            f"a virtual chip: mcuforge deploy MODEL --board {board} --exact",
        )
    elf = path if path.is_file() else folder / ".pio" / "build" / board / "firmware.elf"
    _refuse_other_files(elf, folder)
    return session, elf, name


def _refuse_other_files(elf: Path, folder: Path) -> None:
    if not elf.is_file():
        raise BoardError("the project has no firmware.elf", str(elf), "`pio run` builds it")
    with elf.open("rb") as file:
        if file.read(len(ELF_MAGIC)) != ELF_MAGIC:
            raise BoardError(
                "this file is not an ELF file, expected the firmware",
                str(elf),
                f"give the project itself: mcuforge check {folder}",
            )


def port_session(
    target: str, model: Path | None, board_id: str | None, signature: str | None = None
) -> Session:
    """Open the session of a board at the port `target`, taken for emulated until `as_told` knows.

    BoardError when `model` or `board_id` is missing: a port does not tell them.
    """
    if Path(target).suffix == ".elf":
        raise BoardError("there is no such file", target, f"a project holds it in {ELF}")
    if model is None or board_id is None:
        raise BoardError(
            f"'{target}' is not a project of mcuforge, and a port does not say which model and "
            "board are behind it",
            target,
            "add --model MODEL --board ID; a project folder or its firmware.elf needs neither",
        )
    board = load_board(board_id)
    emulate = board.emulator is not None or board.stand_in is not None
    return open_session(model, board_id, emulate=emulate, signature=signature)


def as_told(session: Session, tick_hz: int) -> Session:
    """Set the session's board to hardware if hardware answered; the clock tells the two apart.

    A board at a port is taken for its emulated form, which never claims too much, until it answers.
    """
    hardware = load_board(session.board.id)
    return replace(session, board=hardware) if tick_hz == hardware.tick_hz else session
