# SPDX-License-Identifier: Apache-2.0
"""A PlatformIO core folder with stock platforms whose compilers and flash tools are scripts.

The compilers call those of this machine; the flash tools write their command line to a file. So
PlatformIO itself builds and "uploads" a project, without a network and without a board.

    python -m tests.emulated.stock_core SNAPSHOTS [BOARD ...]

does so with real platforms (a folder with one checkout per platform: ststm32, sifive, gd32v,
raspberrypi) for every board and protocol, or for some boards, and rewrites `upload_lines.txt`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mcuforge.boards.build.pio import PioResult, core_dir, run_pio, users_environment
from mcuforge.boards.build.project import write_project
from mcuforge.boards.build.stock import (
    STOCK,
    environment_name,
    outside_protocols,
    platformio_of,
)
from mcuforge.boards.catalog.board import Board, all_boards

PIO_SECONDS = 200.0  # a missing package would be looked for in a registry, for minutes
LINES = Path(__file__).with_name("upload_lines.txt")
STAND_INS = Path(__file__).with_name("stock_platforms")
RECORD = "UPLOAD_RECORD"  # variable: the file that flash tools write their command lines to
SILICON = [board for board in all_boards() if board.platformio is not None]
TOOLS = {  # package -> its programs; the platforms look for them in the package, or on PATH
    "tool-openocd": ("bin/openocd",),
    "tool-openocd-riscv": ("bin/openocd",),
    "tool-openocd-gd32v": ("bin/openocd",),
    "tool-openocd-raspberrypi": ("bin/openocd",),
    "tool-jlink": ("JLinkExe",),
    "tool-stm32flash": ("stm32flash",),
    "tool-gd32vflash": ("stm32flash",),
    "tool-dfuutil": ("bin/dfu-util", "bin/dfu-suffix"),
    "tool-rp2040tools": ("rp2040load", "elf2uf2"),
}
PICOLIBC = "--specs=picolibc.specs"
UPLOADER = """#!/bin/sh
# dfu-suffix and elf2uf2 belong to a build: they are not uploads
case $0 in *dfu-suffix|*elf2uf2) exit 0 ;; esac
{
    printf '%%s' "${0##*/}"
    for word; do
        case $word in *[\\ \\;]*) printf " '%%s'" "$word" ;; *) printf ' %%s' "$word" ;; esac
        case $word in *.jlink) script=$word ;; esac
    done
    [ -z "$script" ] || { printf ' # '; tr '\\n' ';' <"$script"; }
    echo
} >>"$UPLOAD_RECORD"
%(then)s
"""
COMPILER = """#!/bin/sh
# what a compiler before GCC 10 says, and Debian's C library for RISC-V in place of newlib
for word; do
    shift
    case $word in
    -fcallgraph-info*) [ %(call_graph)s ] || {
        echo "error: unrecognized command-line option '$word'" >&2; exit 1; } ;;
    --specs=nano.specs) [ -z "%(library)s" ] || continue ;;
    esac
    set -- "$@" "$word"
done
exec %(compiler)s %(library)s "$@" -L%(libraries)s
"""


@dataclass(frozen=True)
class StockCore:
    """The folder, and the file that flash tools write their command lines to."""

    folder: Path
    record: Path

    def environment(self) -> dict[str, str]:
        """The variables of a `pio` that uses it as the user's own."""
        return users_environment() | {
            "PLATFORMIO_CORE_DIR": str(self.folder),
            "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
            "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "36500",
            RECORD: str(self.record),
        }

    def pio(self, project: Path, *arguments: str) -> PioResult:
        """Run `pio ARGUMENTS` in a project."""
        return run_pio(
            project, *arguments, environment=self.environment(), timeout_seconds=PIO_SECONDS
        )

    def uploads(self) -> list[str]:
        """Take the command lines recorded since the last call, with this folder's name left out."""
        if not self.record.exists():
            return []
        lines = self.record.read_text(encoding="utf-8").splitlines()
        self.record.unlink()
        return [line.replace(f"{self.folder}/packages", "PACKAGES") for line in lines]


def make_core(folder: Path, platforms: Path = STAND_INS, then: str = "") -> StockCore:
    """Make a core folder with every platform below `platforms`; `then`: shell after each upload."""
    shutil.copytree(core_dir(), folder)
    for name in STOCK:
        source = platforms / name
        if not source.is_dir():
            continue
        manifest = json.loads((source / "platform.json").read_text(encoding="utf-8"))
        board = next(b for b in SILICON if platformio_of(b).name == name)
        owner = platformio_of(board).platform.partition("/")[0]
        shutil.copytree(source, folder / "platforms" / name)
        note(folder / "platforms" / name, "platform", owner, name, manifest["version"])
        for package, about in manifest["packages"].items():
            if package in TOOLS or about.get("type") == "uploader":
                tools = TOOLS.get(package, ())
                make_tools(folder, package, re.sub(r"[^\d.]", "", about["version"]), tools, then)
        make_toolchain(folder, name, board)
    return StockCore(folder, folder.parent / f"{folder.name}-uploads.txt")


def note(package: Path, kind: str, owner: str, name: str, version: str) -> None:
    """Write what PlatformIO keeps beside a package that it has installed."""
    spec = {"owner": owner, "id": None, "name": name, "requirements": None, "uri": None}
    text = {"type": kind, "name": name, "version": version, "spec": spec}
    (package / ".piopm").write_text(json.dumps(text), encoding="utf-8")
    if kind == "tool":
        about = {"name": name, "version": version, "description": "a script"}
        (package / "package.json").write_text(json.dumps(about), encoding="utf-8")


def make_tools(core: Path, package: str, version: str, tools: tuple[str, ...], then: str) -> None:
    folder = core / "packages" / package
    if folder.exists():  # for several platforms: the newest that one of them asks for
        known = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
        version = max(known, version, key=lambda v: [int(part) for part in v.split(".")])
    folder.mkdir(parents=True, exist_ok=True)
    note(folder, "tool", "platformio", package, version)
    for tool in tools:
        program(folder / tool, UPLOADER % {"then": then})


def make_toolchain(core: Path, name: str, board: Board) -> None:
    """Make the platform's compiler package of scripts that call this machine's compiler."""
    stock = STOCK[name]
    folder = core / "packages" / stock.package
    if folder.exists():
        return
    libraries = folder / "lib"
    libraries.mkdir(parents=True)
    note(folder, "tool", "platformio", stock.package, f"{stock.release}.0")
    ours = board.toolchain.prefix
    for library in ("libstdc++.a", "libstdc++_nano.a"):
        subprocess.run([f"{ours}ar", "rc", libraries / library], check=True)
    for tool in ("gcc", "g++", "as", "ar", "gcc-ar", "ranlib", "gcc-ranlib", "objcopy", "size"):
        words = {
            "compiler": shutil.which(f"{ours}{tool}") or "false",  # PATH begins with this package
            "call_graph": "1" if stock.call_graph else "",
            # Debian's compiler for Arm has the C library that the platforms name
            "library": "" if ours.startswith("arm") else PICOLIBC,
            "libraries": libraries,
        }
        plain = '#!/bin/sh\nexec %(compiler)s "$@"\n'
        text = COMPILER if tool in ("gcc", "g++") else plain
        program(folder / "bin" / f"{stock.prefix}{tool}", text % words)


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def with_start_up(board: Board) -> Board:
    """Give a board without start-up code that of another chip: enough to build, not to run."""
    other = {"arm-none-eabi-": "mps2", "riscv64-unknown-elf-": "riscv_virt"}
    return board if board.bsp else replace(board, bsp=other[board.toolchain.prefix])


def with_outside_weights(board: Board, files: Mapping[str, str]) -> dict[str, str]:
    """Move the weights of a model's files to the board's flash outside the chip."""
    name = next(memory.name for memory in board.flash_memories if memory.external)
    section = f'__attribute__((section(".mcuforge_weights.{name}")))'
    return {**files, "weights.c": files["weights.c"].replace(" = ", f" {section} = ")}


def record(core: StockCore, board: Board, folder: Path, files: Mapping[str, str]) -> list[str]:
    """Build a project, flash it with every protocol, and return the tools' command lines."""
    outside = "mcuforge_weights" in files["weights.c"]
    write_project(folder, board, files, ["table_s8"], firmware=False, outside=outside)
    built = core.pio(folder, "run")
    lines = []
    for protocol in outside_protocols(board) if outside else platformio_of(board).protocols:
        name = environment_name(board, protocol)
        objects = folder / ".pio" / "build"
        if name != board.id:
            shutil.copytree(objects / board.id, objects / name)
        targets = ("-t", "nobuild", "-t", "upload", "--upload-port", "PORT")
        ran = core.pio(folder, "run", "-e", name, *targets)
        found = core.uploads()
        if built.code or ran.code or len(found) != 1:
            sys.exit(f"{board.id} {protocol}: {found}\n{built.output}\n{ran.output}")
        what = f"{protocol} outside" if outside else protocol
        lines.append(f"{board.id} {what}: {found[0]}".replace(f"{folder}/", ""))
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Record every board and protocol with the real platforms of the folder sys.argv[1]."""
    from tests.emulated.test_platformio import MODEL

    with TemporaryDirectory() as scratch:
        core = make_core(Path(scratch) / "core", Path(sys.argv[1]))
        asked = sys.argv[2:] or [board.id for board in SILICON]
        known = LINES.read_text(encoding="utf-8").splitlines() if LINES.exists() else []
        lines = [line for line in known if line.partition(" ")[0] not in asked]
        for plain in [board for board in SILICON if board.id in asked]:
            board = with_start_up(plain)
            folder = Path(scratch) / board.id
            lines += record(core, board, folder, MODEL)
            if outside_protocols(board):
                files = with_outside_weights(board, MODEL)
                lines += record(core, board, folder.with_suffix(".outside"), files)
    LINES.write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
