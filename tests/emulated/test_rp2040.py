# SPDX-License-Identifier: Apache-2.0
"""The Pico on a virtual RP2040: the second stage of its boot, its start-up code, and mutants."""

import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from mcuforge import DeployRequest, deploy
from mcuforge.boards.arch import BSP
from mcuforge.boards.build.tools import locate
from mcuforge.boards.catalog.board import Board, load_board
from mcuforge.boards.virtual.failure import Rule, StrictFailure
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.boards.virtual.native import native_hook
from mcuforge.boards.virtual.rp2040.clocks import Pll, Xosc
from tests.emulated.mutants.rp2040 import MUTANTS, PicoImages
from tests.emulated.mutants.stm32f4 import SECONDS, Mutant, check_stopped, lines, overrun, use
from tests.shared import shared

READY = {"xosc": "ready", "pll": "locked"}  # block of the clocks -> its property
BAUDS = (115_200, 921_600)
STAGE_BYTES = 256


def at(baud: int) -> Board:
    return replace(load_board("pico"), baud=baud)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[int, PicoImages]:
    return {baud: PicoImages(at(baud), tmp_path_factory.mktemp(f"{baud}")) for baud in BAUDS}


def test_the_second_stage_of_the_boot_ends_with_its_crc(tmp_path: Path) -> None:
    made = tmp_path / "boot2.o"
    gcc, objcopy = (str(locate(f"arm-none-eabi-{tool}", "pico")) for tool in ("gcc", "objcopy"))
    source = BSP / "chip" / "rp2040" / "boot2.S"
    subprocess.run(
        [gcc, "-mcpu=cortex-m0plus", "-mthumb", "-c", str(source), "-o", str(made)], check=True
    )
    flat = tmp_path / "boot2.bin"
    subprocess.run([objcopy, "-O", "binary", "-j", ".boot2", str(made), str(flat)], check=True)
    stage = flat.read_bytes()
    assert len(stage) == STAGE_BYTES
    # zlib's CRC-32 takes each byte's lowest bit first, and inverts the result
    mirrored = zlib.crc32(bytes(int(f"{byte:08b}"[::-1], 2) for byte in stage[:-4]))
    crc = int(f"{mirrored ^ 0xFFFFFFFF:032b}"[::-1], 2)
    right = f"boot2.S must end with .word {crc:#010x}"
    assert int.from_bytes(stage[-4:], "little") == crc, right


@pytest.mark.parametrize("baud", BAUDS)
@pytest.mark.parametrize("line_speed", [False, True])
def test_clean_start_up_code_breaks_no_rule(
    images: dict[int, PicoImages], baud: int, line_speed: bool
) -> None:
    machine = VirtualBoard(at(baud), images[baud].clean(), line_speed=line_speed)
    use(machine)
    if line_speed and baud == max(BAUDS):
        overrun(machine)


def test_without_a_c_compiler_the_counts_are_the_same(
    images: dict[int, PicoImages], monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = []
    for variable in ("", "1"):
        monkeypatch.setenv("MCUFORGE_NO_NATIVE_HOOK", variable)
        native_hook.cache_clear()
        machine = VirtualBoard(at(921_600), images[921_600].clean())
        machine.timeout = SECONDS
        lines(machine, b"", 1)
        boots.append((machine.boot, lines(machine, b"s", 1)))
    native_hook.cache_clear()
    assert boots[0] == boots[1]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_mutant_is_stopped_by_its_own_rule(images: dict[int, PicoImages], mutant: Mutant) -> None:
    check_stopped(mutant, images[921_600], at(921_600))


def test_an_illegal_instruction_reaches_the_firmwares_own_report(
    images: dict[int, PicoImages],
) -> None:
    machine = VirtualBoard(at(921_600), images[921_600].clean())
    machine.timeout = SECONDS
    lines(machine, b"", 1)
    assert lines(machine, b"u", 2)[1].startswith("m-fault-[hardfault pc=0x1000")
    machine.timeout = 0.2
    machine.write(b"h")
    assert machine.read(1) == b""  # halted


def test_an_overflow_of_the_stack_locks_the_core_up_before_it_overwrites_anything(
    images: dict[int, PicoImages],
) -> None:
    machine = VirtualBoard(at(921_600), images[921_600].clean())
    machine.timeout = SECONDS
    lines(machine, b"", 1)
    with pytest.raises(StrictFailure, match="the stack has overflowed") as stopped:
        lines(machine, b"o", 1)
    assert stopped.value.rule is Rule.LOCKUP
    assert "recurse" in stopped.value.where


@pytest.mark.parametrize("never", ["xosc", "pll"])
def test_a_clock_that_never_becomes_ready_is_reported(
    images: dict[int, PicoImages], never: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = property(lambda _: False)
    monkeypatch.setattr(Xosc if never == "xosc" else Pll, READY[never], late)
    machine = VirtualBoard(at(115_200), images[115_200].clean())
    machine.timeout = SECONDS
    said = lines(machine, b"", 2)[1]
    assert said.startswith(f"m-fault-[clock-{never} resets_done=0x00")


def test_a_model_of_mlperf_tiny_is_exact_on_the_virtual_chip() -> None:
    model = shared("models/mlperf_tiny/kws_ref_model.tflite")
    report = deploy(DeployRequest(model, "pico", exact=True, samples=1))
    assert (report.verdict, report.check.exact_samples) == ("pass", 1)
    assert report.board.virtual == "virtual RP2040"
