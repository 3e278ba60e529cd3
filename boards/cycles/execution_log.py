# SPDX-License-Identifier: Apache-2.0
"""Reads the execution log of an emulator: which blocks of an image ran, and which followed which.

QEMU's log (`-d in_asm,exec,nochain`) names every block it translates with its instructions, then
every block it is about to execute, one line each. The lines go through a pipe and are counted as
they come: an inference has millions. A translated block ends at a branch or a page's end.
"""

import os
import re
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from mcuforge.boards.catalog.board import Board
from mcuforge.errors import BoardError, InternalError

JOIN_SECONDS = 30.0
_CHUNK_BYTES = 1 << 20
_LISTED = re.compile(rb"^0x([0-9a-f]+): ")
_EXECUTED = re.compile(rb"^Trace \d+: (\S+) \[[0-9a-f]+/([0-9a-f]+)/")
_STOPPED = b"Stopped execution of TB chain"


@dataclass(frozen=True)
class BasicBlock:
    """Instructions executed one after another: addresses of the first and the last."""

    first: int
    last: int


# One run, a call of the logged function: how often each block followed each, by their numbers; the
# first block of the run follows number -1.
Edges = dict[tuple[int, int], int]


class LogParser:
    """Counts the lines of QEMU's log.

    A run begins with the block at `begin`, and ends before a block whose address is in `outside`
    (half-open).
    """

    def __init__(self, begin: int, outside: tuple[int, int]) -> None:
        self.blocks: list[BasicBlock] = []
        self.runs: list[Edges] = []
        self._begin = begin
        self._outside = range(*outside)
        self._rest = b""
        self._listed: list[int] = []
        self._numbers: dict[bytes, int] = {}  # of the blocks, by the line that says "executed"
        self._begins: set[int] = set()
        self._ends: set[int] = set()
        self._edges: Edges | None = None  # of the run in progress
        self._path = [-1, -1]  # the last two blocks of it

    def feed(self, data: bytes) -> None:
        """Take more of the log, cut anywhere."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        numbers, begins, ends = self._numbers, self._begins, self._ends
        for line in lines:
            number = numbers.get(line)
            if number is None:
                number = self._read(line)
                if number is None:
                    continue
            if number in begins:
                self._edges = {}
                self.runs.append(self._edges)
                self._path = [-1, -1]
            elif number in ends:
                self._edges = None
            edges = self._edges
            if edges is not None:
                path = self._path
                edge = (path[1], number)
                edges[edge] = edges.get(edge, 0) + 1
                path[0], path[1] = edge

    def _read(self, line: bytes) -> int | None:
        """Read a line met for the first time; returns the number of its executed block, if any."""
        if listed := _LISTED.match(line):
            self._listed.append(int(listed[1], 16))
            return None
        if line.startswith(b"IN:"):
            self._listed.clear()
            return None
        if line.startswith(_STOPPED):
            self._take_back()
            return None
        executed = _EXECUTED.match(line)
        if executed is None:
            return None
        first = int(executed[2], 16)
        if not self._listed or self._listed[0] != first:
            raise InternalError(f"QEMU executes a block at {first:#x} that it has not listed")
        number = len(self.blocks)
        self.blocks.append(BasicBlock(first, self._listed[-1]))
        self._listed.clear()
        self._numbers[line] = number
        if first == self._begin:
            self._begins.add(number)
        elif first in self._outside:
            self._ends.add(number)
        return number

    def _take_back(self) -> None:
        """Remove the block of the last line: it was not executed after all, and will come again."""
        edge = (self._path[0], self._path[1])
        if self._edges is None or not self._edges.get(edge):
            return
        if edge[0] < 0:  # the run itself comes again
            self.runs.pop()
            self._edges = None
        else:
            self._edges[edge] -= 1
            self._path = [-1, edge[0]]


class ExecutionLog:
    """A pipe that an emulator writes its log to while the context is open.

    `board` is the board to start the emulator with. After the context, `blocks` and `runs` hold
    what was executed of `ranges` (half-open addresses, which must include where runs begin and
    end: see `LogParser`).
    """

    def __init__(
        self,
        board: Board,
        ranges: tuple[tuple[int, int], ...],
        begin: int,
        outside: tuple[int, int],
    ) -> None:
        if board.emulator is None:
            raise InternalError(f"{board.id} is not emulated")
        self._folder = tempfile.TemporaryDirectory(prefix="mcuforge-execution-log-")
        self._pipe = Path(self._folder.name) / "log"
        self._parser = LogParser(begin, outside)
        self._failure: Exception | None = None
        self._bytes = 0
        self._where = f"board {board.id}, {board.emulator.command} -d in_asm,exec,nochain"
        chosen = ",".join(f"{first:#x}+{end - first:#x}" for first, end in ranges)
        more = ("-d", "in_asm,exec,nochain", "-D", str(self._pipe), "-dfilter", chosen)
        self.board = replace(
            board, emulator=replace(board.emulator, args=(*board.emulator.args, *more))
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        os.mkfifo(self._pipe)
        self._reader.start()
        return self

    def __exit__(self, *failure: object) -> None:
        with suppress(OSError):  # ENXIO: no reader is left; if one is, it may wait for a writer
            os.close(os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK))
        self._reader.join(JOIN_SECONDS)
        self._folder.cleanup()

    def result(self) -> tuple[tuple[BasicBlock, ...], tuple[Edges, ...]]:
        """Return the blocks, and the runs of them, once the context is left.

        BoardError when the emulator logged nothing that can be read.
        """
        if self._failure is not None:
            raise self._failure
        if not self._parser.runs:
            told = "nothing" if not self._bytes else f"{self._bytes:,} bytes without any"
            raise BoardError(
                f"the emulator does not log the blocks it executes: {told} in its log",
                self._where,
                "QEMU 7 or later (`mcuforge doctor`), or bench without --cycles",
            )
        return tuple(self._parser.blocks), tuple(self._parser.runs)

    def _read(self) -> None:
        with self._pipe.open("rb", buffering=0) as pipe:
            while data := pipe.read(_CHUNK_BYTES):
                self._bytes += len(data)
                if self._failure is None:  # otherwise only drained: QEMU must not block
                    try:
                        self._parser.feed(data)
                    except Exception as error:  # raised again in result()
                        self._failure = error
