# SPDX-License-Identifier: Apache-2.0
"""`deploy --exact --line-speed`: bytes at the baud rate. test_exact*.py run it on each family."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mcuforge.boards.arch import BSP
from mcuforge.boards.build import support
from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.link.errors import Garbage
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.commands.deploy import Request, deploy
from mcuforge.errors import BoardError
from mcuforge.flow import target
from mcuforge.flow.deployment import deploy_to
from mcuforge.flow.session import open_session
from mcuforge.report.model import Run
from mcuforge.report.progress import Stages
from tests.emulated.mutants.rp2040 import PicoImages
from tests.emulated.mutants.stm32f4 import Images, use

CNN = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_cnn.tflite"
QUIET = Stages(Console(stderr=True), quiet=True)
FAST = 921_600
KINDS = ("nucleo_f446re", "nucleo_f746zg", "pico", "hifive1-revb", "sipeed-longan-nano")  # of UARTs
# Of a transfer. More: what the firmware does between bytes (it paints its stack). Less: a request
# may be on the line while an answer comes back, and bytes leave the UART's FIFO when the inference
# has begun. Both ways together cannot be quicker than the half.
NEAR, BOUND_MS = 0.05, 1.0


def check_transfer(run: Run, baud: int = 115_200) -> None:
    """Ask that the transfer took the time of its bytes, ten bits each, within the stated bounds."""
    assert run.transfer_baud == baud
    assert run.transfer_bytes is not None
    assert run.transfer_milliseconds is not None
    assert run.transfer_bytes > 64  # the image, and frames around it
    line_ms = run.transfer_bytes * 10_000 / baud
    bound_ms = max(NEAR * line_ms, BOUND_MS)
    assert line_ms / 2 - bound_ms < run.transfer_milliseconds < line_ms + bound_ms


def test_a_faster_line_takes_less_time() -> None:
    session = open_session(CNN, "hifive1-revb", exact=True)
    session = replace(session, board=replace(session.board, baud=FAST))
    report = deploy_to(session, QUIET, samples=1, line_speed=True)
    assert (report.verdict, report.check.exact_samples) == ("pass", 1)
    check_transfer(report.run, FAST)


def test_firmware_that_reads_too_late_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "bsp"
    shutil.copytree(BSP, slow)
    file = slow / "common" / "serial.c"
    text = file.read_text()
    put = "    const uint32_t at = written;\n"
    assert text.count(put) == 1
    # once in a while, several times the 15,625 cycles of a byte
    wait = "    for (volatile uint32_t i = 0; at % 128u == 127u && i < 10000u; i++) {\n    }\n"
    file.write_text(text.replace(put, put + wait))
    monkeypatch.setattr(support, "BSP", slow)
    request = Request(CNN, "nucleo_f446re", exact=True, samples=1)
    report = deploy(request)
    assert report.verdict == "pass", "nothing is lost without the speed of the line"
    run = report.run
    assert (run.transfer_baud, run.transfer_bytes, run.transfer_milliseconds) == (None,) * 3
    with pytest.raises(BoardError, match=r"read the serial line too late: [1-9]") as refused:
        deploy(replace(request, line_speed=True))  # the link repeats what is lost
    assert "one byte takes 15,625 cycles" in refused.value.hint


def test_an_image_that_does_not_answer_is_refused_with_the_place_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = tmp_path / "bsp"
    shutil.copytree(BSP, deaf)
    file = deaf / "common" / "serial.c"
    text = file.read_text()
    empty = "if (at == written) {"
    assert text.count(empty) == 1
    file.write_text(text.replace(empty, "if (at == written || at != 0u) {"))
    monkeypatch.setattr(support, "BSP", deaf)
    monkeypatch.setattr(target, "VIRTUAL_SECONDS", 0.1)
    with pytest.raises(Garbage, match=r"the image does not answer \(.*, in virtual") as refused:
        deploy(Request(CNN, "nucleo_f446re", exact=True, samples=1))
    assert re.search(r"; it is at pc 0x0800\w{4}, \S+\.c:\d+ in \w+$", refused.value.where)


@pytest.mark.parametrize("board_id", KINDS)
def test_a_wait_that_is_skipped_takes_as_long_as_one_that_is_executed(
    board_id: str, tmp_path: Path
) -> None:
    board = replace(load_board(board_id), baud=FAST)
    elf = (PicoImages if board_id == "pico" else Images)(board, tmp_path).clean()
    counts = []
    for skips in (True, False):
        machine = VirtualBoard(board, elf, line_speed=True)
        if not skips:
            machine.chip.uart.on_wait = lambda read: None
        use(machine)
        counts.append(machine.chip.core.count)
    assert counts[0] == counts[1]
