# SPDX-License-Identifier: Apache-2.0
"""The probe program, built for a board only with gcc, and its serial port as a file."""

import os
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcuforge.boards.build.support import board_support
from mcuforge.boards.build.tools import locate
from mcuforge.boards.catalog.board import Board
from mcuforge.boards.emulator.qemu import Emulator, start

PROBE = Path(__file__).with_name("bsp_probe.c")
FIRMWARE = Path(__file__).resolve().parents[2] / "runtime_c" / "firmware"
REPLY_SECONDS = 30.0


class BuildFailed(Exception):
    """gcc or the linker failed; the message holds what they said."""


def build_probe(board: Board, folder: Path, *defines: str, program: Path = PROBE) -> Path:
    """Compile and link `program` in `folder`; BuildFailed when that is refused."""
    support = board_support(board)
    for name, text in support.generated:
        (folder / name).write_text(text, encoding="utf-8")
    gcc = locate(f"{board.toolchain.prefix}gcc", board.id)
    elf = folder / "probe.elf"
    command = [str(gcc), *support.compile_flags, "-std=c99", "-O2", "-ffreestanding"]
    command += ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
    command += [f"-DCODE_ADDRESS={board.first('flash').origin:#x}", *defines]
    command += [f"-I{path}" for path in (folder, *support.include_dirs, FIRMWARE)]
    command += [str(path) for path in (*support.sources, program)]
    command += [*support.link_flags, "-nostdlib", "-T", str(folder / "board.ld"), "-lgcc"]
    run = subprocess.run([*command, "-o", str(elf)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise BuildFailed(run.stderr)
    return elf


class Port:
    """A serial port without a driver: opening it throws no bytes away."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def send(self, data: bytes) -> None:
        """Write as many bytes as the port takes at once: a few bytes always go in whole."""
        assert os.write(self._file, data) == len(data)

    def read(self, size: int) -> bytes:
        """Read exactly `size` bytes, or the bytes that came in 30 s."""
        return self.exchange(b"", size)

    def line(self) -> str:
        """Read a line, without its end."""
        text = b""
        while not text.endswith(b"\r\n"):
            byte = self.read(1)
            assert byte, f"no line end after {text!r}"
            text += byte
        return text.decode("ascii").strip()

    def ask(self, command: bytes) -> str:
        """Send a command letter and read the line of its answer."""
        self.send(command)
        return self.line()

    def exchange(self, data: bytes, size: int) -> bytes:
        """Send `data` as fast as the port takes it while reading `size` bytes."""
        got = bytearray()
        last = time.monotonic()
        while len(got) < size and time.monotonic() - last < REPLY_SECONDS:
            writers = [self._file] if data else []
            readable, writable, _ = select.select([self._file], writers, [], 1.0)
            if readable:
                got += os.read(self._file, size - len(got))
                last = time.monotonic()
            if writable:
                data = data[os.write(self._file, data[:4096]) :]
        return bytes(got)

    def silent(self, seconds: float) -> bool:
        """Tell whether no byte comes for so long."""
        return not select.select([self._file], [], [], seconds)[0]

    def forget(self) -> None:
        """Throw away the bytes that have come."""
        termios.tcflush(self._file, termios.TCIFLUSH)

    def close(self) -> None:
        os.close(self._file)


@contextmanager
def running(board: Board, elf: Path) -> Iterator[tuple[Emulator, Port]]:
    """An emulator and its port after the banner; both end with the block."""
    with start(board, elf, max_seconds=300.0) as emulator:
        port = Port(emulator.port)
        try:
            assert port.line() == f"m-ready {board.id}"
            yield emulator, port
        finally:
            port.close()
