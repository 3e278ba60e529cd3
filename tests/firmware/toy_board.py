# SPDX-License-Identifier: Apache-2.0
"""The check firmware as a process on this machine, with the toy model, behind a pty or a socket."""

import contextlib
import os
import pty
import random
import select
import socket
import struct
import subprocess
import threading
import tty
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.frame import Space
from mcuforge.runtime_c.sources import firmware_dir, firmware_sources
from tests.golden.host import SANITIZERS, WARNINGS
from tests.golden.objects import objects

ROOT = Path(__file__).resolve().parents[2]
TOY = Path(__file__).resolve().parent / "toy" / "check_model.c"
HOST = TOY.with_name("host_board.c")
TOY_HASH = bytes([*range(1, 17), *[0] * 8, *[255] * 4, 0, 0, 0, 32])
INPUT_BYTES = 700
ARENA_BYTES = INPUT_BYTES + 16

Damage = Callable[[bytes], bytes]


def compile_firmware(*defines: str, sources: Sequence[Path] | None = None) -> tuple[Path, ...]:
    """Objects of the firmware and the host board, with sanitizers; `sources` instead of theirs."""
    files = (*firmware_sources(), HOST) if sources is None else sources
    return tuple(_compile(source, *defines, *_renamed(source)) for source in files)


def link_toy(folder: Path, firmware: tuple[Path, ...], *defines: str) -> Path:
    """The program of that firmware with the toy model; `defines` vary the model."""
    program = folder / "host-board"
    linked = [*firmware, _compile(TOY, *defines)]
    subprocess.run(["gcc", *SANITIZERS, *linked, "-lpthread", "-o", program], check=True)
    return program


def _renamed(source: Path) -> tuple[str, ...]:
    return ("-Dmain=firmware_main",) if source.name == "main.c" else ()


def _compile(source: Path, *defines: str) -> Path:
    command = ["gcc", *WARNINGS, *SANITIZERS, f"-I{firmware_dir()}", *defines]
    (made,) = objects([source], command)
    return Path(made)


def read_input(link: Link, index: int) -> bytes:
    """Read an input as it stands, which no command does; the board refuses it of a streamed one."""
    return link._read_bytes(Space.INPUT, index, 0, link.inputs[index].bytes, "reading an input")


class ToyBoard:
    """The running firmware; its serial line is the socket or pty master `line`."""

    def __init__(self, program: Path, line: int, trick: str = "") -> None:
        self._program = program
        self._line = line
        self._start(trick)

    def _start(self, trick: str) -> None:
        self._process = subprocess.Popen(
            [self._program, str(self._line)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[self._line],
            env={**os.environ, "TOY_TRICK": trick},
        )

    def reset(self) -> None:
        """Start again, as after a power cut."""
        self._process.kill()
        self._process.communicate()
        self._start("")

    def stop(self) -> None:
        """End the process; AssertionError when a sanitizer has ended it before."""
        ended = self._process.poll()
        if ended is None:
            self._process.kill()
        _, errors = self._process.communicate()
        assert not ended, errors.decode()


@contextlib.contextmanager
def toy_on_pty(program: Path, trick: str = "") -> Iterator[tuple[ToyBoard, str]]:
    """A board and the name of its port."""
    master, slave = raw_pty()
    board = ToyBoard(program, master, trick)
    try:
        yield board, os.ttyname(slave)
    finally:
        board.stop()
        os.close(master)
        os.close(slave)


@contextlib.contextmanager
def toy_on_socket(program: Path) -> Iterator[str]:
    """The pyserial URL of a board that listens on TCP for one connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        boards: list[ToyBoard] = []
        connections: list[socket.socket] = []

        def accept() -> None:
            connection, _ = server.accept()
            connections.append(connection)
            boards.append(ToyBoard(program, connection.fileno()))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join(5)
            for connection in connections:
                connection.close()
            for board in boards:
                board.stop()


@contextlib.contextmanager
def toy_on_bad_line(program: Path, to_board: Damage, to_host: Damage) -> Iterator[str]:
    """The port of a board behind a line that damages what passes; chunks are up to 64 bytes."""
    master, slave = raw_pty()
    ours, theirs = socket.socketpair()
    board = ToyBoard(program, theirs.fileno())
    ended, wake = os.pipe()

    def pump() -> None:
        while True:
            ready, _, _ = select.select([master, ours.fileno(), ended], [], [])
            if ended in ready:
                return
            if master in ready:
                ours.sendall(to_board(os.read(master, 64)))
            if ours.fileno() in ready:
                os.write(master, to_host(ours.recv(64)))

    thread = threading.Thread(target=pump, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.write(wake, b"x")
        thread.join(5)
        board.stop()
        ours.close()
        theirs.close()
        for descriptor in (master, slave, ended, wake):
            os.close(descriptor)


def raw_pty() -> tuple[int, int]:
    """Master and slave of a pty that neither echoes nor edits, as emulators make them."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    return master, slave


def flipper(seed: int, chance: float) -> Damage:
    """Damage: each byte has one bit flipped, is lost or is doubled with probability `chance`."""
    draw = random.Random(seed)

    def damage(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if draw.random() >= chance:
                out.append(byte)
                continue
            kind = draw.randrange(3)
            out += (bytes([byte ^ (1 << draw.randrange(8))]), b"", bytes([byte, byte]))[kind]
        return bytes(out)

    return damage


def toy_input(seed: int) -> bytes:
    """A random first input."""
    return np.random.default_rng(seed).integers(-128, 128, INPUT_BYTES, np.int8).tobytes()


def toy_bias(*values: int) -> bytes:
    """The second input."""
    return struct.pack("<4i", *values)


def toy_answers(x: bytes, bias: bytes) -> tuple[bytes, bytes]:
    """Both outputs of the toy model, as toy/check_model.c describes it."""
    scaled = np.clip(2 * np.frombuffer(x, np.int8).astype(np.int32) + 3, -128, 127)
    sums = np.frombuffer(bias, np.int32) + scaled.reshape(-1, 4).sum(axis=0)
    answer = np.clip(sums >> 6, -128, 127).astype(np.int8)
    return answer.tobytes(), sums.astype(np.int32).tobytes()


PROLOGUE = b"m-timestamp-mode-performance\r\nm-init-done\r\nm-ready\r\n"


def say(
    program: Path,
    data: bytes,
    *,
    hello: bytes = b"",
    clock_stands: bool = False,
    prologue: bytes = PROLOGUE,
) -> bytes:
    """Everything the firmware answers to `data` (under a ring of bytes), without the prologue.

    hello: a frame that is sent first, and its answer awaited. clock_stands: at 0 ticks, so that the
    first epoch is first_epoch(). Edges on pins are heard as <0->: the timestamp pin falls.
    """
    env = {**os.environ, **({"TOY_CLOCK_STANDS": "1"} if clock_stands else {})}
    pipe = subprocess.PIPE
    with subprocess.Popen([program], stdin=pipe, stdout=pipe, bufsize=0, env=env) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = b""
        process.stdin.write(hello)
        while hello and said.count(b"\0") < 2:
            said += process.stdout.read(4096)
        said += process.communicate(data)[0]
    assert process.returncode == 0
    assert said.startswith(prologue)
    return said.removeprefix(prologue)


def first_epoch(nonce: int) -> int:
    """The epoch that a board whose clock stands draws at a first HELLO of that nonce."""
    return zlib.crc32(struct.pack("<QI", 0, nonce))
