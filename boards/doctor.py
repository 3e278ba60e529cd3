# SPDX-License-Identifier: Apache-2.0
"""Finds the tools for building, emulating and checking, and says how to install missing ones.

For one board it also looks for the way there: PlatformIO's platform, the serial port, the hello.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from serial.tools import list_ports

from mcuforge.boards.build.stock import missing, missing_tools, packages_dir
from mcuforge.boards.build.tools import remedy, version
from mcuforge.boards.build.upload import TOOLS
from mcuforge.boards.catalog.board import Board
from mcuforge.boards.catalog.platformio import PlatformIO
from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import LinkError, NoAnswer
from mcuforge.boards.link.permission import allow
from mcuforge.boards.link.udev import probe_rule
from mcuforge.boards.link.usb import usb_files
from mcuforge.boards.ports import AUTO, HELLO_S, find_ports

# -fcallgraph-info, which the stack bound is read from, came with GCC 10 (its release notes)
OLDEST_GCC = 10
PIP = f"{sys.executable} -m pip install"
NEEDS_NUMPY_1 = "tflite-runtime"
PACKAGES = (
    ("platformio", "building and flashing"),
    ("scons", "PlatformIO's build engine"),
    ("pyserial", "talking to a board"),
    ("ortools", "the exact memory planner"),
    ("onnx", "reading ONNX models"),
    ("onnxruntime", "ONNX models' answers to compare with, and `mcuforge quantize`"),
)


@dataclass(frozen=True)
class ToolStatus:
    """One tool that a command needs: `found` is its version or path, `remedy` helps if not ok."""

    name: str
    purpose: str
    ok: bool
    found: str
    remedy: str


def tools(boards: Iterable[Board]) -> tuple[ToolStatus, ...]:
    """Check the compilers and emulators of `boards`, the Python packages, the serial ports."""
    known = tuple(boards)
    compilers = sorted({f"{board.toolchain.prefix}gcc" for board in known})
    emulators = sorted({board.emulator.command for board in known if board.emulator})
    return (
        *(compiler_status(name) for name in compilers),
        *(program_status(name, "emulated boards") for name in emulators),
        *(package_status(name, purpose) for name, purpose in PACKAGES),
        *judge_statuses(),
        *serial_ports(),
    )


def board_tools(board: Board, port: str = AUTO) -> tuple[ToolStatus, ...]:
    """Check what `mcuforge deploy --port` needs for a board of silicon, in the order it needs it.

    port: AUTO or a port's name. A port that cannot be opened is not asked for its hello.
    """
    statuses = [
        compiler_status(f"{board.toolchain.prefix}gcc"),
        package_status("platformio", "building and flashing"),
    ]
    if board.platformio is None:
        hint = "choose a board of silicon: `mcuforge boards`"
        return (*statuses, ToolStatus(board.id, "flashing", False, "only emulated", hint))
    if board.bsp is None:
        hint = f"mcuforge deploy --board {board.id} --emulate"
        statuses.append(ToolStatus("start-up code", "booting", False, "none yet", hint))
    lacking = missing(board)
    statuses.append(
        ToolStatus(
            board.platformio.platform,
            "flashing",
            not lacking,
            f"not installed: {', '.join(lacking)}" if lacking else str(packages_dir()),
            "the first `mcuforge deploy --port` downloads it" if lacking else "",
        )
    )
    statuses.append(flash_tools_status(board, board.platformio))
    statuses += probe_statuses(board.platformio.protocol)
    try:
        reach = find_ports(board, port)
    except LinkError as error:
        statuses.append(ToolStatus(port, "serial port", False, error.what, error.hint))
        return tuple(statuses)
    for usb in reach.ports:
        statuses.append(ToolStatus(usb.name, "serial port", True, usb.description, ""))
        statuses.append(hello_status(usb.name, board))
    return tuple(statuses)


def flash_tools_status(board: Board, platformio: PlatformIO) -> ToolStatus:
    """Check the flash tools that the first upload with the board's own protocol would download."""
    name, purpose = "flash tools", f"flashing with {platformio.protocol}"
    lacking = missing_tools(board, platformio.protocol)
    if lacking is None:
        platform = f"pio pkg install --global --platform '{platformio.platform}'"
        hint = f"the first upload downloads them; to see them before: {platform}"
        return ToolStatus(name, purpose, False, "not known before the platform is there", hint)
    if not lacking:
        return ToolStatus(name, purpose, True, str(packages_dir()), "")
    tools = " ".join(f"--tool '{tool}'" for tool in lacking)
    return ToolStatus(
        name,
        purpose,
        False,
        f"not installed: {', '.join(lacking)}",
        f"the first upload downloads them; before: pio pkg install --global {tools}",
    )


def probe_statuses(protocol: str) -> tuple[ToolStatus, ...]:
    """Check that this user may open the connected USB devices that a protocol flashes through."""
    usb = TOOLS[protocol].usb
    return tuple(
        ToolStatus(
            str(file),
            f"opening the device of {protocol}",
            allowed := os.access(file, os.R_OK | os.W_OK),
            name,
            "" if allowed else probe_rule(usb),
        )
        for file, name in usb_files(usb)
    )


def hello_status(port: str, board: Board) -> ToolStatus:
    """Ask what is at a port. Silence is fine: the board may never have been flashed by mcuforge."""
    purpose = "hello of the board"
    try:
        with Link.open(port, baud=board.baud, timeout_s=HELLO_S) as link:
            hello = link.hello(board=board.id)
    except NoAnswer:
        return ToolStatus(port, purpose, True, "silent: deploy flashes it", "")
    except LinkError as error:
        return ToolStatus(port, purpose, False, error.what, error.hint)
    found = f"{hello.board} with model {hello.model}, last reset: {hello.started_by}"
    return ToolStatus(port, purpose, True, found, "")


def program_status(name: str, purpose: str) -> ToolStatus:
    """Check a program on PATH."""
    path = shutil.which(name)
    found = version(Path(path)) or path if path else ""
    return ToolStatus(name, purpose, path is not None, found, "" if path else remedy(name))


def compiler_status(name: str) -> ToolStatus:
    """Check a cross compiler: its version and its C library (Debian packs RISC-V's separately)."""
    status = program_status(name, "building firmware")
    if not status.ok:
        return status
    major = status.found.partition(".")[0]
    if major.isdigit() and int(major) < OLDEST_GCC:
        return _failed(status, f"{status.found}; {OLDEST_GCC} or newer is needed")
    if not _finds(name, "libc.a") and not _finds(name, "picolibc.specs"):
        return _failed(status, f"{status.found}, without a C library")
    return status


def package_status(name: str, purpose: str) -> ToolStatus:
    """Check a Python package of this interpreter."""
    found = _package_version(name)
    return ToolStatus(name, purpose, bool(found), found, "" if found else f"{PIP} {name}")


def judge_statuses() -> tuple[ToolStatus, ...]:
    """Check the TFLite interpreters this Python should have, and whether numpy suits them."""
    wanted = judges_of(sys.version_info[:2], sys.platform, platform.machine())
    return tuple(judge_status(package) for package in wanted)


def judges_of(python: tuple[int, int], system: str, machine: str) -> tuple[str, ...]:
    """List the interpreters that have wheels: pyproject.toml installs them and says why."""
    if python < (3, 12) and system == "linux":
        return ("tflite-runtime==2.14.0",)
    if python < (3, 13):
        return ("ai-edge-litert==1.2.*",)
    if (system, machine) == ("linux", "x86_64"):
        return ("ai-edge-litert<2.4", "tflite-micro")
    return ("ai-edge-litert<2.4",)


def judge_status(requirement: str) -> ToolStatus:
    """Check one interpreter. Under numpy 2 tflite-runtime fails only when it runs a model."""
    name = re.split("[=<>]", requirement)[0]
    purpose = "the answers of TFLite models"
    found = _package_version(name)
    if not found:
        return ToolStatus(name, purpose, False, "", f"{PIP} '{requirement}'")
    if name != NEEDS_NUMPY_1:
        return ToolStatus(name, purpose, True, found, "")
    numpy = _package_version("numpy")
    fine = numpy.partition(".")[0] == "1"
    remedy = "" if fine else f"{PIP} 'numpy<2'"
    return ToolStatus(name, purpose, fine, f"{found}, numpy {numpy}", remedy)


def serial_ports() -> tuple[ToolStatus, ...]:
    """Check the serial ports that have a device; not ok when this user may not open them."""
    statuses = []
    for port in sorted(list_ports.comports(), key=lambda port: str(port.device)):
        if port.hwid == "n/a":  # a built-in port, without a known device on it
            continue
        allowed = os.access(port.device, os.R_OK | os.W_OK)
        statuses.append(
            ToolStatus(
                str(port.device),
                "serial port",
                allowed,
                str(port.description),
                "" if allowed else allow(str(port.device)),
            )
        )
    return tuple(statuses)


def _failed(status: ToolStatus, found: str) -> ToolStatus:
    return ToolStatus(status.name, status.purpose, False, found, remedy(status.name))


def _finds(compiler: str, file: str) -> bool:
    """Tell whether a compiler finds a library file: if not, it answers the bare name."""
    answer = subprocess.run(
        [compiler, f"-print-file-name={file}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() not in ("", file)


def _package_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
