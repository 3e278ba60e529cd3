# SPDX-License-Identifier: Apache-2.0
"""PlatformIO's own platforms: which compilers they bring, and whether this user has them.

A project for hardware has two ini files. `platformio.ini` names the stock platform of the board's
chip, as every PlatformIO project does; `offline.ini` builds with the compiler on PATH.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcuforge.boards.catalog.board import Board
from mcuforge.boards.catalog.platformio import PlatformIO
from mcuforge.errors import InternalError


@dataclass(frozen=True)
class StockPlatform:
    """The compiler of a stock platform: its package, the release we pin, its prefix.

    `call_graph`: it is GCC 10 or newer, so -fcallgraph-info exists and the stack can be bounded.
    """

    package: str
    release: str  # the patch number may grow: "1.120301" is GCC 12.3.1
    prefix: str
    call_graph: bool


STOCK = {
    # without the pin: GCC 7.2 on ststm32, GCC 9.2 on raspberrypi
    "ststm32": StockPlatform("toolchain-gccarmnoneeabi", "1.120301", "arm-none-eabi-", True),
    "raspberrypi": StockPlatform("toolchain-gccarmnoneeabi", "1.120301", "arm-none-eabi-", True),
    # the newest that the platforms' own manifests allow: GCC 8.3 and GCC 9.2
    "sifive": StockPlatform("toolchain-riscv", "1.80300", "riscv64-unknown-elf-", False),
    "gd32v": StockPlatform("toolchain-gd32v", "9.2", "riscv-nuclei-elf-", False),
}


def platformio_of(board: Board) -> PlatformIO:
    """Return the board's table [platformio]; InternalError for a board without hardware."""
    if board.platformio is None:
        raise InternalError(f"'{board.id}' has no [platformio] table, so no hardware")
    return board.platformio


def stock_of(board: Board) -> StockPlatform:
    """Return the compiler of the board's stock platform; InternalError for an unknown platform."""
    name = platformio_of(board).name
    if name not in STOCK:
        raise InternalError(f"boards/build/stock.py does not know the platform '{name}'")
    return STOCK[name]


def environment_name(board: Board, protocol: str) -> str:
    """Return the environment in platformio.ini that uploads with `protocol`."""
    default = platformio_of(board).protocol
    return board.id if protocol == default else f"{board.id}_{protocol}"


def outside_protocols(board: Board) -> tuple[str, ...]:
    """List the protocols that also write the board's flash outside the chip.

    Only OpenOCD knows that flash, and its board script selects the ST-LINK.
    """
    known = platformio_of(board)
    return ("stlink",) if known.openocd_external and "stlink" in known.protocols else ()


def users_core_dir() -> Path:
    """Return the user's own PlatformIO folder: where `pio` and the IDEs keep their packages."""
    given = os.environ.get("PLATFORMIO_CORE_DIR", "")
    return Path(given).expanduser() if given else Path.home() / ".platformio"


def missing(board: Board) -> tuple[str, ...]:
    """List what `pio run` would download before it builds for `board`; empty if all is there."""
    wanted, stock = platformio_of(board), stock_of(board)
    found = []
    platforms = _installed(_users_folder("platforms", "PLATFORMIO_PLATFORMS_DIR"))
    if not any(name == wanted.name and at == wanted.version for name, at in platforms):
        found.append(f"platform {wanted.platform}")
    packages = _installed(packages_dir())
    if not any(
        name == stock.package and at.startswith(f"{stock.release}.") for name, at in packages
    ):
        found.append(f"package {stock.package} {stock.release}")
    return tuple(found)


def packages_dir() -> Path:
    """Return the folder in which the user's PlatformIO keeps compilers and flash tools."""
    return _users_folder("packages", "PLATFORMIO_PACKAGES_DIR")


def _users_folder(kind: str, variable: str) -> Path:
    given = os.environ.get(variable, "")
    return Path(given).expanduser() if given else users_core_dir() / kind


def _installed(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and version of each package in a folder, as PlatformIO has noted them."""
    for note in sorted(folder.glob("*/.piopm")):
        try:
            package = json.loads(note.read_text(encoding="utf-8"))
            yield str(package["name"]), str(package["version"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # PlatformIO itself ignores a folder whose note it cannot read
