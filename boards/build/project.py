# SPDX-License-Identifier: Apache-2.0
"""A PlatformIO project around a generated model: written whole or not at all.

    platformio.ini       flags and the board, for `pio run`; hardware has a stock platform
    offline.ini          for hardware: the same with our platform and the compiler on PATH
    stock_flags.py       for hardware: gives the linker its flags in PlatformIO's platform
    stock_bin.py         with weights outside the chip: keeps them out of firmware.bin
    board.ld             where the board's flash, RAM and stack are
    include/             model.h, weights.h, board_config.h, mcuforge/<kernel>.h
    src/                 model.c, weights.c and the caller's own files
    src/kernels/<isa>/   the kernels the model calls, no others
    src/audio/           the features of audio that the model takes, if the firmware listens
    src/bsp/             start-up code and UART of the chip family
    src/firmware/        the serial check program, if asked for, and board.h
    test/                with the check program: `pio test` runs `mcuforge check`
    platforms/mcuforge/  the PlatformIO platform the project builds with

The folder needs nothing else, and no file in it depends on the machine, the user or the day.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mcuforge.boards.build.folder import write_folder
from mcuforge.boards.build.stock import (
    environment_name,
    outside_protocols,
    platformio_of,
    stock_of,
)
from mcuforge.boards.build.support import Support, board_support
from mcuforge.boards.catalog.board import Board
from mcuforge.errors import InternalError
from mcuforge.runtime_c import sources
from mcuforge.templates import templates

PLATFORMIO = Path(__file__).resolve().parent / "platformio"
OFFLINE = "offline.ini"
AUDIO_FILE = "audio.c"  # in model files: the firmware listens
BUILD_MARK = "@build@"  # in model files: the digest of all files, of 16 hex digits
RUNNER = "test_custom_runner.py"
OPTIMIZE = "-O2"  # one level for kernels and all else
FLAGS = (
    "-std=c99",
    OPTIMIZE,
    "-g",  # stays in the ELF file, never in flash
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Werror",
    "-fstack-usage",
    "-fcallgraph-info=su",
)
# longer frames and room for three of them, where the board has RAM to spare: a long input then
# fills the line of 921600 baud whatever the delay of a USB adapter
WIDE_LINK = ("-DCHECK_DATA_BYTES=1024", "-DBOARD_RING_BYTES=4096")
LISTENS = ("-DCHECK_AUDIO",)  # with AUDIO_FILE
ENERGY = ("-DCHECK_ENERGY",)  # timestamps are edges on a pin
WIDE_LINK_BYTES = 4096  # of RAM that it takes more than the usual frames, at most


@dataclass(frozen=True)
class Project:
    """A written project: what it was written for and the flags its C is compiled with."""

    directory: Path
    board: Board
    flags: tuple[str, ...]
    digest: str = ""  # of all files and flags that were written

    @property
    def build_dir(self) -> Path:
        """The folder in which a build with our platform leaves objects, firmware.elf and .map."""
        return self.directory / ".pio" / _kind(self.board) / self.board.id

    @property
    def ini(self) -> str:
        """The ini file of a build with our platform."""
        return "platformio.ini" if self.board.emulated else OFFLINE

    def stock_build_dir(self, environment: str) -> Path:
        """The folder in which a build with PlatformIO's platform leaves the same files."""
        return self.directory / ".pio" / "build" / environment


def write_project(
    directory: Path,
    board: Board,
    model_files: Mapping[str, str],
    kernels: Iterable[str],
    *,
    firmware: bool,
    outside: bool = False,
    wide_link: bool = False,
    energy: bool = False,
) -> Project:
    """Write a project for `board` (for --emulate: what catalog.emulated returned) to `directory`.

    `model_files` (name -> text) is the generated model with check_model.c, when `firmware` is
    asked for, or with a file that has main(). Headers go to include/, the rest to src/. `kernels`
    are the names model.c calls. `outside`: weights lie in a flash outside the chip, which only some
    flash tools write. `wide_link`: the board has WIDE_LINK_BYTES of RAM for longer frames.
    `energy`: the check program is to be measured by instruments.
    BUILD_MARK in a model file becomes a digest of all files, flags included.
    Raises BoardError and writes nothing when the board has no start-up code, or when `directory`
    holds anything other than an earlier, unchanged project.
    """
    support = board_support(board)
    paths = [sources.kernel_source(kernel, board.isa) for kernel in sorted(set(kernels))]
    listens = sources.audio_sources() if AUDIO_FILE in model_files else ()
    files = {_model_path(name): text for name, text in model_files.items()}
    files |= {f"src/kernels/{path.parent.name}/{path.name}": _text(path) for path in paths}
    files |= {f"src/audio/{path.name}": _text(path) for path in listens}
    for path in sources.included_files((*paths, *listens), model_files.values()):
        files[_runtime_path(path)] = _text(path)
    for path in _firmware_files(firmware):
        files[f"src/firmware/{path.name}"] = _text(path)
    files |= _board_files(support)
    options = (
        *(WIDE_LINK if wide_link else ()),
        *(ENERGY if energy else ()),
        *(LISTENS if listens else ()),
    )
    files |= _platform_files(board, support, outside, firmware, options)
    if firmware:
        files[f"test/{RUNNER}"] = _text(PLATFORMIO / RUNNER)
    files = dict(sorted(files.items()))
    digest = _digest(files)
    for name in map(_model_path, model_files):
        files[name] = files[name].replace(BUILD_MARK, digest)
    write_folder(directory, files)
    flags = (*support.compile_flags, *FLAGS)
    return Project(directory.absolute(), board, flags, digest)


def _digest(files: Mapping[str, str]) -> str:
    """Digest all that is compiled and how; it is the same on every machine."""
    return hashlib.sha256(json.dumps(list(files.items())).encode()).hexdigest()[:16]


def _model_path(name: str) -> str:
    if Path(name).name != name:
        raise InternalError(f"a generated file is called '{name}'")
    return f"include/{name}" if name.endswith(".h") else f"src/{name}"


def _runtime_path(path: Path) -> str:
    """Return the path of a runtime header: in include/, or with the kernels of its ISA."""
    for root, place in (
        (sources.headers_dir(), "include"),
        (sources.kernels_dir(), "src/kernels"),
    ):
        if path.is_relative_to(root):
            return f"{place}/{path.relative_to(root).as_posix()}"
    return f"src/firmware/{path.name}"


def _firmware_files(firmware: bool) -> tuple[Path, ...]:
    """Collect the files of the check program, or only the header that start-up code includes."""
    if firmware:
        return sources.firmware_sources() + sources.firmware_headers()
    return (sources.firmware_dir() / "board.h",)


def _board_files(support: Support) -> dict[str, str]:
    files = {
        name if name.endswith(".ld") else f"include/{name}": text
        for name, text in support.generated
    }
    headers = [header for folder in support.include_dirs for header in folder.glob("*.h")]
    for path in (*support.sources, *headers):
        files[f"src/bsp/{path.parent.name}/{path.name}"] = _text(path)
    return files


def _platform_files(
    board: Board, support: Support, outside: bool, firmware: bool, options: tuple[str, ...]
) -> dict[str, str]:
    """Write platformio.ini and the platform it names."""
    root = PLATFORMIO / "platform"
    files = {
        f"platforms/mcuforge/{path.relative_to(root).as_posix()}": _text(path)
        for path in (root / "platform.json", root / "builder" / "main.py")
    }
    manifest = {
        "name": board.name,
        "vendor": board.name.partition(" ")[0],
        "url": "https://docs.platformio.org",
        "platforms": ["mcuforge"],
        "build": {
            "mcu": board.cpu,
            "f_cpu": f"{board.clock_hz}L",
            "toolchain": board.toolchain.prefix,
            "compile_flags": list(support.compile_flags),
            "link_flags": list(support.link_flags),
            "emulated": board.emulated,
        },
        "upload": {
            "maximum_size": board.flash_bytes,
            "maximum_ram_size": board.ram_bytes,
            "speed": board.baud,
        },
    }
    text = json.dumps(manifest, indent=2) + "\n"
    files[f"platforms/mcuforge/boards/{board.id}.json"] = text
    includes = [f"-I src/bsp/{folder.name}" for folder in support.include_dirs]
    # an emulator may need minutes for a virtual second, so its firmware says "busy" more often
    patience = ["-DCHECK_BUSY_SECONDS=2"] if board.emulated else []
    folders = [*options, "-I src/firmware", *includes]
    files["platformio.ini" if board.emulated else OFFLINE] = (
        templates(PLATFORMIO)
        .get_template("platformio.ini.j2")
        .render(
            board=board,
            kind=_kind(board),
            flags=[*FLAGS, *patience, *folders],
            firmware=firmware,
        )
    )
    if not board.emulated:
        files["platformio.ini"] = _stock_ini(board, support, folders, outside, firmware)
        for script in _stock_scripts(outside):
            files[script] = _text(PLATFORMIO / script)
    return files


def _kind(board: Board) -> str:
    """Name the build folder of our platform; two ini files would empty each other's folder."""
    return "build" if board.emulated else "offline"


def stock_flags(board: Board) -> tuple[str, ...]:
    """List the flags of every C file in a build with PlatformIO's platform.

    Its compiler may be older or newer than ours and have other warnings: they do not end a build.
    """
    unknown = () if stock_of(board).call_graph else ("-fcallgraph-info=su",)
    return tuple(flag for flag in FLAGS if flag not in ("-Werror", *unknown))


def _stock_scripts(outside: bool) -> tuple[str, ...]:
    return ("stock_flags.py", "stock_bin.py") if outside else ("stock_flags.py",)


def _stock_ini(
    board: Board, support: Support, folders: list[str], outside: bool, firmware: bool
) -> str:
    platformio = platformio_of(board)
    able = outside_protocols(board) if outside else platformio.protocols
    further = [
        (environment_name(board, protocol), protocol)
        for protocol in able
        if protocol != platformio.protocol
    ]
    return (
        templates(PLATFORMIO)
        .get_template("stock.ini.j2")
        .render(
            board=board,
            platformio=platformio,
            stock=stock_of(board),
            further=further,
            outside=outside,
            firmware=firmware,
            machine=support.compile_flags,
            flags=[*stock_flags(board), *folders],
        )
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
