# SPDX-License-Identifier: Apache-2.0
"""PlatformIO's own platforms: which compilers they bring, and whether this user has them.

A project for hardware has two ini files. `platformio.ini` names the stock platform of the board's
chip, as every PlatformIO project does; `offline.ini` builds with the compiler on PATH.
"""

import json
import os
import re
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


def missing_tools(board: Board, protocol: str) -> tuple[str, ...] | None:
    """List what `pio run -t upload` would download besides, as `pio pkg install --tool` takes it.

    It wants every flash tool that the platform names, not only that of `protocol`. None: the
    platform, which names them, is not installed.
    """
    wanted = platformio_of(board)
    folder = _folder_of(_users_folder("platforms", "PLATFORMIO_PLATFORMS_DIR"), wanted)
    if folder is None:
        return None
    there = set(_installed(packages_dir()))
    lacking = []
    for name, about in sorted(_uploaders(folder).items()):
        if name == "tool-jlink" and "jlink" not in (protocol, wanted.protocol):
            continue  # the platform strikes it out then
        version = str(about.get("version", ""))
        if not any(name == has and _suits(at, version) for has, at in there):
            lacking.append(f"{about.get('owner', 'platformio')}/{name}@{version}")
    return tuple(lacking)


def packages_dir() -> Path:
    """Return the folder in which the user's PlatformIO keeps compilers and flash tools."""
    return _users_folder("packages", "PLATFORMIO_PACKAGES_DIR")


def _users_folder(kind: str, variable: str) -> Path:
    given = os.environ.get(variable, "")
    return Path(given).expanduser() if given else users_core_dir() / kind


def _folder_of(platforms: Path, wanted: PlatformIO) -> Path | None:
    """Find the folder of the pinned platform."""
    for folder, name, version in _notes(platforms):
        if (name, version) == (wanted.name, wanted.version):
            return folder
    return None


def _uploaders(platform: Path) -> dict[str, dict[str, object]]:
    """Read the flash tools that a platform's manifest names."""
    try:
        manifest = json.loads((platform / "platform.json").read_text(encoding="utf-8"))
        packages = dict(manifest["packages"])
        return {name: dict(p) for name, p in packages.items() if p.get("type") == "uploader"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # PlatformIO will say what is wrong with it


def _suits(version: str, wanted: str) -> bool:
    """Tell whether a version is in a range "~1.2.3" (same 1.2) or "^1.2.3" (same 1)."""
    kept = {"~": 2, "^": 1}.get(wanted[:1])
    if kept is None:
        return version == wanted
    has, least = _numbers(version), _numbers(wanted[1:])
    if wanted[0] == "^" and least[:1] == (0,):
        kept = 2  # before version 1 the second number says what is compatible
    return has[:kept] == least[:kept] and has >= least


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _installed(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and version of each package in a folder."""
    for _, name, version in _notes(folder):
        yield name, version


def _notes(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield folder, name and version of each package in a folder, as PlatformIO has noted them."""
    for note in sorted(folder.glob("*/.piopm")):
        try:
            package = json.loads(note.read_text(encoding="utf-8"))
            yield note.parent, str(package["name"]), str(package["version"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # PlatformIO itself ignores a folder whose note it cannot read
