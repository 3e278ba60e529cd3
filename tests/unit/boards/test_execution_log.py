# SPDX-License-Identifier: Apache-2.0
"""QEMU's log of executed blocks, counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcuforge.boards.catalog.board import emulated, load_board
from mcuforge.boards.cycles.execution_log import BasicBlock, ExecutionLog, LogParser
from mcuforge.errors import BoardError, InternalError

BEGIN, OUTSIDE = 0x100, (0x200, 0x300)


def listed(*addresses: int) -> str:
    lines = "".join(f"0x{address:08x}:  4684       mov      ip, r0\n" for address in addresses)
    return f"----------------\nIN: f\n{lines}\n"


def executed(address: int, flags: str = "ff020200") -> str:
    place = 0x7FF538000000 + address * 64
    return f"Trace 0: {place:#x} [00800408/{address:08x}/00000010/{flags}] f\n"


def stopped(address: int) -> str:
    return f"Stopped execution of TB chain before 0x7ff5 [{address:08x}] f\n"


def parsed(log: str, *, step: int = 0) -> LogParser:
    parser = LogParser(BEGIN, OUTSIDE)
    data = log.encode()
    for at in range(0, len(data), step or len(data)):
        parser.feed(data[at : at + (step or len(data))])
    return parser


LOG = (
    listed(0x200)
    + executed(0x200)
    + listed(0x100, 0x102)
    + executed(0x100)
    + listed(0x110, 0x112, 0x114)
    + executed(0x110)
    + executed(0x110)
    + executed(0x110)
    + executed(0x200)
    + executed(0x110)  # outside a run
    + executed(0x100)
    + executed(0x200)
)


@pytest.mark.parametrize("step", [0, 1, 7])
def test_runs_are_cut_at_their_marks_wherever_the_pipe_cuts_the_log(step: int) -> None:
    parser = parsed(LOG, step=step)
    assert parser.blocks == [
        BasicBlock(0x200, 0x200),
        BasicBlock(0x100, 0x102),
        BasicBlock(0x110, 0x114),
    ]
    assert parser.runs == [{(-1, 1): 1, (1, 2): 1, (2, 2): 2}, {(-1, 1): 1}]


def test_a_block_qemu_does_not_execute_after_all_is_taken_back() -> None:
    again = listed(0x110) + executed(0x110) + stopped(0x110) + executed(0x110)
    parser = parsed(listed(0x100) + executed(0x100) + again)
    assert parser.runs == [{(-1, 0): 1, (0, 1): 1}]
    first = listed(0x100) + executed(0x100) + stopped(0x100) + executed(0x100) + executed(0x100)
    assert parsed(first).runs == [{(-1, 0): 1}, {(-1, 0): 1}]


def test_a_block_cut_short_is_a_block_of_its_own() -> None:
    log = listed(0x100, 0x102, 0x104) + executed(0x100)
    log += listed(0x100) + executed(0x100, "ff028001") + listed(0x102, 0x104) + executed(0x102)
    parser = parsed(log)
    assert parser.blocks == [
        BasicBlock(0x100, 0x104),
        BasicBlock(0x100, 0x100),
        BasicBlock(0x102, 0x104),
    ]


def test_a_block_nobody_listed_is_our_fault() -> None:
    with pytest.raises(InternalError, match="0x110 that it has not listed"):
        parsed(listed(0x100) + executed(0x110))


def logged(text: str) -> ExecutionLog:
    board = emulated(load_board("qemu-mps2-an386"))
    log = ExecutionLog(board, ((0x100, 0x200), OUTSIDE), BEGIN, OUTSIDE)
    spec = log.board.emulator
    assert spec is not None
    with log, Path(spec.args[spec.args.index("-D") + 1]).open("w", encoding="ascii") as pipe:
        pipe.write(text)
    return log


def test_an_emulator_is_told_to_log_and_read_while_it_runs() -> None:
    log = logged(LOG)
    assert log.board.emulator is not None
    args = " ".join(log.board.emulator.args)
    assert "-d in_asm,exec,nochain" in args
    assert args.endswith("-dfilter 0x100+0x100,0x200+0x100")
    blocks, runs = log.result()
    assert len(blocks) == 3
    assert len(runs) == 2


@pytest.mark.parametrize(("log", "told"), [("", "nothing"), ("qemu: no\n", "9 bytes")])
def test_an_emulator_that_tells_nothing_is_refused_in_three_lines(log: str, told: str) -> None:
    with pytest.raises(BoardError) as refused:
        logged(log).result()
    assert refused.value.what.startswith(
        f"the emulator does not log the blocks it executes: {told}"
    )
    assert "board qemu-mps2-an386, qemu-system-arm" in refused.value.where
    assert "without --cycles" in refused.value.hint


def test_what_cannot_be_read_is_raised_when_asked_for() -> None:
    with pytest.raises(InternalError, match="not listed"):
        logged(executed(0x100)).result()


def test_an_emulator_that_never_starts_leaves_nobody_waiting() -> None:
    board = emulated(load_board("qemu-mps2-an386"))
    with ExecutionLog(board, (OUTSIDE,), BEGIN, OUTSIDE) as log:
        pass
    with pytest.raises(BoardError, match="does not log the blocks"):
        log.result()
