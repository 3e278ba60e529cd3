# SPDX-License-Identifier: Apache-2.0
"""Builds a written project with PlatformIO; a failure becomes three lines for the user."""

import re
from dataclasses import dataclass
from pathlib import Path

from mcuforge.boards.build.linker import memory_group
from mcuforge.boards.build.pio import BUILD_SECONDS, PioResult, run_pio, users_environment
from mcuforge.boards.build.project import FLAGS, Project, stock_flags
from mcuforge.boards.build.stock import environment_name, packages_dir, stock_of
from mcuforge.boards.build.tools import locate, remedy, version
from mcuforge.boards.catalog.board import Board
from mcuforge.errors import BoardError, InternalError

_OVERFLOW = re.compile(r"region [`'](\w+)' overflowed by (\d+) bytes?")
_PAST_THE_END = re.compile(r"address (0x[0-9a-f]+) of [^\n]* is not within region [`'](\w+)'")
_LIBC_HEADER = re.compile(r"fatal error: (?:string|stddef|stdint|math|limits)\.h: No such file")
_COMPILER_ERROR = re.compile(r"^\S[^\n]*?:\d+(?::\d+)?: (?:fatal )?error: .*$", re.MULTILINE)
_UNDEFINED = re.compile(r"undefined reference to [`'](\w+)'")
_OTHER_ERROR = re.compile(r"^(?:.*\bld: |\*\*\* |\w*Error: ).*$", re.MULTILINE)


class OverBudget(BoardError):
    """The image needs more memory than the board's budget.

    `ram`: RAM is exceeded, perhaps flash too. `image_flash_bytes`: by how many bytes the image's
    flash is exceeded.
    """

    def __init__(
        self, what: str, where: str, hint: str, *, ram: bool, image_flash_bytes: int
    ) -> None:
        self.ram = ram
        self.image_flash_bytes = image_flash_bytes
        super().__init__(what, where, hint)


@dataclass(frozen=True)
class Firmware:
    """A built image and what built it. `call_graph`: GCC left the .ci files too."""

    board: Board
    elf: Path
    map: Path
    build_dir: Path  # objects, with GCC's .su and .ci files
    compiler: str
    version: str
    flags: tuple[str, ...]
    call_graph: bool = True


def build(project: Project, *, timeout_seconds: float = BUILD_SECONDS) -> Firmware:
    """Compile and link `project` with our platform; files that have not changed are not built.

    BoardError when the compiler is missing, the image exceeds the board's RAM or flash (by how
    many bytes), the C does not compile (the first error) or the time is up. The log of every
    build is `.pio/build.log`.
    """
    board = project.board
    compiler = f"{board.toolchain.prefix}gcc"
    path = locate(compiler, board.id)
    result = run_pio(project.directory, "run", "-c", project.ini, timeout_seconds=timeout_seconds)
    return _firmware(project, result, project.build_dir, path, project.flags)


def build_stock(
    project: Project, protocol: str, *, timeout_seconds: float = BUILD_SECONDS
) -> Firmware:
    """Compile and link `project` as `pio run -t upload` will, with PlatformIO's own platform.

    `protocol` is the upload protocol. BoardError as `build`; `install` comes first.
    """
    environment = environment_name(project.board, protocol)
    result = run_pio(
        project.directory,
        *("run", "-e", environment),
        environment=users_environment(),
        timeout_seconds=timeout_seconds,
    )
    stock = stock_of(project.board)
    compiler = packages_dir() / stock.package / "bin" / f"{stock.prefix}gcc"
    flags = (*project.flags[: -len(FLAGS)], *stock_flags(project.board))
    folder = project.stock_build_dir(environment)
    return _firmware(project, result, folder, compiler, flags, stock.call_graph)


def _firmware(
    project: Project,
    result: PioResult,
    build_dir: Path,
    compiler: Path,
    flags: tuple[str, ...],
    call_graph: bool = True,
) -> Firmware:
    """Keep the log of a finished `pio run`; describe what it left, or raise its complaint."""
    log = project.directory / ".pio" / "build.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(result.output, encoding="utf-8")
    if result.code != 0:
        raise build_error(project, result.output, log)
    firmware = Firmware(
        board=project.board,
        elf=build_dir / "firmware.elf",
        map=build_dir / "firmware.map",
        build_dir=build_dir,
        compiler=compiler.name,
        version=version(compiler),
        flags=flags,
        call_graph=call_graph,
    )
    for file in (firmware.elf, firmware.map):
        if not file.is_file():
            raise InternalError(f"pio run succeeded but left no {file}: {log}")
    return firmware


def build_error(project: Project, output: str, log: Path) -> BoardError:
    """Turn the `output` of a failed `pio run` into an error; `log` is the file that holds it."""
    board = project.board
    where = f"{project.directory}, board {board.id}"
    overflow = _bytes_over(board, output)
    if overflow:
        groups = {name: memory_group(board, name) for name in overflow}
        parts = [
            f"{group.bytes + overflow[name]:,} bytes of {group.words} "
            f"({overflow[name]:,} over the board's {group.bytes:,})"
            for name, group in sorted(groups.items())
        ]
        return OverBudget(
            f"the check firmware needs {' and '.join(parts)}",
            where,
            f"a smaller model, or a board with more: `mcuforge boards`; the linker's log: {log}",
            ram=any(group.kind == "ram" for group in groups.values()),
            image_flash_bytes=overflow.get("FLASH", 0),
        )
    if _LIBC_HEADER.search(output):
        compiler = f"{board.toolchain.prefix}gcc"
        return BoardError(f"{compiler} has no C library", where, remedy(compiler))
    hint = f"the whole log: {log}"
    if error := _COMPILER_ERROR.search(output):
        return BoardError(error[0], where, hint)
    if missing := sorted(set(_UNDEFINED.findall(output))):
        return BoardError(f"nothing defines {', '.join(missing)}", where, hint)
    other = _OTHER_ERROR.search(output)
    last = output.strip().rpartition("\n")[2]
    return BoardError((other[0] if other else last) or "pio run failed", where, hint)


def _bytes_over(board: Board, output: str) -> dict[str, int]:
    """Find the bytes too many for each memory that is too small; ld has two messages for it."""
    over = {name: int(count) for name, count in _OVERFLOW.findall(output)}
    for address, name in _PAST_THE_END.findall(output):
        group = memory_group(board, name)
        missing = int(address, 16) - group.origin - group.bytes
        over[name] = max(over.get(name, 0), missing)
    return over
