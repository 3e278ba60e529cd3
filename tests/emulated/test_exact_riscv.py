# SPDX-License-Identifier: Apache-2.0
"""The RISC-V boards on virtual chips: exact answers, clean start-up code, and a mutant per rule."""

from pathlib import Path

import pytest

from mcuforge import DeployRequest, deploy
from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.boards.virtual.native import native_hook
from tests.emulated.mutants.riscv import FE310_MUTANTS, GD32VF103_MUTANTS
from tests.emulated.mutants.stm32f4 import SECONDS, Images, Mutant, check_stopped, lines, use
from tests.emulated.test_line_speed import check_transfer

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
VIRTUAL = {"hifive1-revb": "virtual FE310-G002", "sipeed-longan-nano": "virtual GD32VF103"}
CORES = {  # MHz, wait states, caches: as the chip's registers say
    "hifive1-revb": (320, None, "instruction"),
    "sipeed-longan-nano": (108, 2, "none"),
}
MUTANTS = (*FE310_MUTANTS, *GD32VF103_MUTANTS)
CASES = [(model, board) for model in ("digits_cnn.tflite", "digits_vit.onnx") for board in VIRTUAL]
WHERE = {"hifive1-revb": "0x2001", "sipeed-longan-nano": "0x0800"}  # addresses of code begin so
BEFORE = {"hifive1-revb": 0, "sipeed-longan-nano": 0x38000000}  # in mcause: what was before


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Images]:
    return {b: Images(load_board(b), tmp_path_factory.mktemp(b)) for b in VIRTUAL}


@pytest.mark.parametrize(("model", "board"), CASES)
def test_the_hardwares_image_is_exact_on_the_virtual_chip(model: str, board: str) -> None:
    line_speed = (model, board) == ("digits_cnn.tflite", "sipeed-longan-nano")  # slow on FE310
    request = DeployRequest(DIGITS / model, board, exact=True, line_speed=line_speed, samples=2)
    report = deploy(request)
    assert (report.verdict, report.reasons) == ("pass", ())
    assert report.check.exact_samples == report.check.samples == 2
    facts, run = report.board, report.run
    assert (facts.emulated, facts.stand_in, facts.virtual) == (True, None, VIRTUAL[board])
    assert (run.cycles, run.microseconds) == (None, None)
    assert run.clock_hz is not None
    assert (run.clock_hz // 1_000_000, run.wait_states, run.caches) == CORES[board]
    assert run.instructions is not None
    assert sum(layer.instructions or 0 for layer in report.layers) == run.instructions
    assert run.boot_milliseconds is not None
    assert 2.0 < run.boot_milliseconds < 5.0  # a crystal takes 2 ms to start in the model
    if line_speed:
        check_transfer(run)


@pytest.mark.parametrize("board_id", VIRTUAL)
@pytest.mark.parametrize("line_speed", [False, True])
def test_clean_start_up_code_breaks_no_rule(
    images: dict[str, Images], board_id: str, line_speed: bool
) -> None:
    use(VirtualBoard(load_board(board_id), images[board_id].clean(), line_speed=line_speed))


@pytest.mark.parametrize("board_id", VIRTUAL)
def test_without_a_c_compiler_the_counts_are_the_same(
    images: dict[str, Images], board_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = []
    for variable in ("", "1"):
        monkeypatch.setenv("MCUFORGE_NO_NATIVE_HOOK", variable)
        native_hook.cache_clear()
        machine = VirtualBoard(load_board(board_id), images[board_id].clean())
        machine.timeout = SECONDS
        lines(machine, b"", 1)
        boots.append((machine.boot, lines(machine, b"s", 1)))
    native_hook.cache_clear()
    assert boots[0] == boots[1]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.board}-{m.name.replace(' ', '-')}")
def test_a_mutant_is_stopped_by_its_own_rule(images: dict[str, Images], mutant: Mutant) -> None:
    check_stopped(mutant, images[mutant.board], load_board(mutant.board))


@pytest.mark.parametrize("board_id", VIRTUAL)
def test_illegal_instructions_and_overflows_reach_the_firmwares_own_report(
    images: dict[str, Images], board_id: str
) -> None:
    where = WHERE[board_id]
    for command, kind, cause in ((b"u", "exception", 2), (b"o", "stackoverflow", 7)):
        report = f"{kind} mcause={cause | BEFORE[board_id]:#010x} mepc={where}"
        machine = VirtualBoard(load_board(board_id), images[board_id].clean())
        machine.timeout = SECONDS
        lines(machine, b"", 1)
        assert lines(machine, command, 2)[1].startswith(f"m-fault-[{report}")
        machine.timeout = 0.2
        machine.write(b"h")
        assert machine.read(1) == b""  # halted
