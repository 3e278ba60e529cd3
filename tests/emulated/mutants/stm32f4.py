# SPDX-License-Identifier: Apache-2.0
"""Start-up code of the STM32F4 with one planted fault each, and the rule that must find it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcuforge.boards.build.support import Support, board_support
from mcuforge.boards.build.tools import locate
from mcuforge.boards.catalog.board import Board
from mcuforge.boards.virtual.failure import Rule, StrictFailure
from mcuforge.boards.virtual.machine import VirtualBoard
from tests.emulated.bsp_image import FIRMWARE, PROBE

PAUSE_LOOPS = 1_400_000  # 2.8 million cycles: 1,190 bytes of 921,600 baud at PAUSE_HZ or less
PAUSE_HZ = 216_000_000
ECHO = bytes(range(200)) * 3
RING = 1024  # of the receiver
BURST = b"d" * (RING + 80)  # more than the ring holds, and within the probe's pause
SECONDS = 2.0  # virtual
FLAGS = ("-std=c99", "-O2", "-g", "-ffreestanding", "-Wall", "-Wextra", "-Wno-unused")


@dataclass(frozen=True)
class Mutant:
    """In `file`, a source or header of the start-up code, `new` stands in the place of `old`."""

    name: str
    file: str
    old: str
    new: str
    rule: Rule
    board: str = "nucleo_f446re"
    overrun: bool = False  # found only when bytes come faster than the program reads them


CLOCK, CHIP, STARTUP = "clock.c", "stm32f4.c", "startup.c"
ORDER, WIRES, TICKS = "stm32_clock.h", "stm32_uart.h", "stm32_ticks.h"
OSCILLATOR = "stm32_oscillator.h"
FAMILY = "stm32_family.h"
USART, DWT, VECTORS = "stm32_usart_v1.h", "dwt.h", "vectors.S"

MUTANTS = (
    Mutant("no clock for PWR", ORDER, "RCC_APB1ENR |= APB1ENR_PWR;", "", Rule.UNCLOCKED),
    Mutant("no clock for TIM5", TICKS, "RCC_APB1ENR |= APB1ENR_TIM5;", "", Rule.UNCLOCKED),
    Mutant("no clock for USART2", WIRES, "RCC_APB1ENR |= APB1ENR_USART2;", "", Rule.UNCLOCKED),
    Mutant(
        "no clock for the pins",
        WIRES,
        "RCC_GPIOENR |= GPIOENR_PORT(BOARD_UART_TX_PORT) | GPIOENR_PORT(BOARD_UART_RX_PORT);",
        "",
        Rule.UNCLOCKED,
    ),
    Mutant(
        "clock of the wrong USART",
        WIRES,
        "RCC_APB2ENR |= APB2ENR_USART1;",
        "RCC_APB2ENR |= 1u << 5;",
        Rule.UNCLOCKED,
        "disco_f429zi",
    ),
    Mutant(
        "reserved bit of CR1",
        USART,
        "USART_CR1_ENABLE (1u << 13)",
        "USART_CR1_ENABLE (3u << 13)",
        Rule.RESERVED,
    ),
    Mutant(
        "prefetch is another bit",
        CLOCK,
        "ACR_PREFETCH (1u << 8)",
        "ACR_PREFETCH (1u << 7)",
        Rule.RESERVED,
    ),
    Mutant(
        "two bits of VOS on a chip with one",
        CLOCK,
        "CR_SCALE_1 (1u << 14)",
        "CR_SCALE_1 (3u << 14)",
        Rule.RESERVED,
        "disco_f407vg",
    ),
    Mutant(
        "PLLCFGR without its reserved bits",
        ORDER,
        "(RCC_PLLCFGR & PLLCFGR_KEEP) |",
        "",
        Rule.RESERVED,
        "disco_f429zi",
    ),
    Mutant(
        "divide-by-zero trap is another bit",
        STARTUP,
        "CCR_DIV_0_TRP (1u << 4)",
        "CCR_DIV_0_TRP (1u << 12)",
        Rule.RESERVED,
    ),
    Mutant("pull-ups in IDR", WIRES, "GPIO(port) + 0x0Cu", "GPIO(port) + 0x10u", Rule.READ_ONLY),
    Mutant("CSR four bytes behind", "stm32_rcc.h", "0x40023874u", "0x40023878u", Rule.UNMAPPED),
    Mutant(
        "a variable where no memory is",
        FAMILY,
        "reset_flags = RESET_FLAGS;",
        "*(volatile uint32_t *)0x20020000u = RCC_CSR;",
        Rule.UNMAPPED,
    ),
    Mutant(
        "no privilege",
        STARTUP,
        "    NVIC_IPR(CHIP",
        '    __asm volatile("msr control, %0\\n isb" ::"r"(1));\n    NVIC_IPR(CHIP',
        Rule.UNPRIVILEGED,
    ),
    Mutant("bytes to DR", USART, "USART_DR(base) REG32", "USART_DR(base) REG8", Rule.WIDTH),
    Mutant(
        "a variable in flash",
        FAMILY,
        "reset_flags = RESET_FLAGS;",
        "*(volatile uint32_t *)0x08000000u = RCC_CSR;",
        Rule.FLASH_WRITE,
    ),
    Mutant(
        "a call into RAM",
        FAMILY,
        "reset_flags = RESET_FLAGS;",
        "((void (*)(void))0x20000101u)();",
        Rule.EXECUTE,
    ),
    Mutant("HSE never asked for", OSCILLATOR, "RCC_CR |= CR_HSE_ON;", "", Rule.POLL),
    Mutant("PLL never asked for", ORDER, "RCC_CR |= CR_PLL_ON;", "", Rule.POLL),
    Mutant("over-drive never asked for", ORDER, "PWR_CR |= CR_OVER_DRIVE;", "", Rule.POLL),
    Mutant(
        "UART never on", USART, "USART_CR1_ENABLE | USART_CR1_TX", "USART_CR1_TX", Rule.UART_OFF
    ),
    Mutant(
        "HSE not waited for",
        OSCILLATOR,
        "wait_for(&RCC_CR, CR_HSE_READY, CR_HSE_READY)",
        "1",
        Rule.NOT_READY,
    ),
    Mutant(
        "crystal not waited for",
        OSCILLATOR,
        "wait_for(&RCC_CR, CR_HSE_READY, CR_HSE_READY)",
        "1",
        Rule.NOT_READY,
        "disco_f407vg",
    ),
    Mutant(
        "PLL not waited for",
        ORDER,
        "!wait_for(&RCC_CR, CR_PLL_READY, CR_PLL_READY)",
        "0",
        Rule.NOT_READY,
        "disco_f407vg",
    ),
    Mutant(
        "over-drive switched before it is ready",
        ORDER,
        "!wait_for(&PWR_CSR, CSR_OVER_DRIVE_READY, CSR_OVER_DRIVE_READY)",
        "0",
        Rule.NOT_READY,
    ),
    Mutant(
        "PLL changed while on",
        ORDER,
        "RCC_CR |= CR_PLL_ON;",
        "RCC_CR |= CR_PLL_ON; RCC_PLLCFGR += 1u;",
        Rule.LOCKED,
    ),
    Mutant(
        "voltage scale changed while the PLL is on",
        ORDER,
        "RCC_CR |= CR_PLL_ON;",
        "RCC_CR |= CR_PLL_ON; PWR_CR &= ~(1u << 14);",
        Rule.LOCKED,
    ),
    Mutant(
        "no bypass for a clock signal",
        OSCILLATOR,
        "#if BOARD_OSCILLATOR_BYPASS",
        "#if 0",
        Rule.OSCILLATOR,
    ),
    Mutant(
        "bypass with a crystal",
        OSCILLATOR,
        "#if BOARD_OSCILLATOR_BYPASS",
        "#if 1",
        Rule.OSCILLATOR,
        "disco_f407vg",
    ),
    Mutant("PLL fed with 4 MHz", ORDER, "| PLL_M |", "| (PLL_M / 2u) |", Rule.PLL_RANGE),
    Mutant("VCO at 720 MHz", ORDER, "(PLL_N << ", "(2u * PLL_N << ", Rule.PLL_RANGE),
    Mutant(
        "a wait state too few",
        ORDER,
        "WAIT_STATES ((BOARD_CLOCK_HZ - 1u) / 30000000u)",
        "WAIT_STATES ((BOARD_CLOCK_HZ - 1u) / 30000000u - 1u)",
        Rule.WAIT_STATES,
    ),
    Mutant(
        "voltage scale 3",
        ORDER,
        "PWR_CR |= scale;",
        "PWR_CR = (PWR_CR & ~scale) | (1u << 14);",
        Rule.VOLTAGE_SCALE,
    ),
    Mutant(
        "voltage scale 2",
        ORDER,
        "PWR_CR |= scale;",
        "PWR_CR &= ~scale;",
        Rule.VOLTAGE_SCALE,
        "disco_f407vg",
    ),
    Mutant(
        "no over-drive",
        CLOCK,
        "OVER_DRIVE (BOARD_CLOCK_HZ > 168000000u)",
        "OVER_DRIVE 0",
        Rule.OVER_DRIVE,
    ),
    Mutant(
        "APB1 at 90 MHz", ORDER, "CFGR_APB1_BY_4 (5u << 10)", "CFGR_APB1_BY_4 (4u << 10)",
        Rule.BUS_CLOCK,
    ),
    Mutant("APB2 undivided", ORDER, "| CFGR_APB2_BY_2;", ";", Rule.BUS_CLOCK, "disco_f429zi"),
    Mutant("pins are outputs", WIRES, "MODE_ALTERNATE 2u", "MODE_ALTERNATE 1u", Rule.PIN_MODE),
    Mutant("AF8", WIRES, "(BOARD_UART_ALTERNATE << at)", "(8u << at)", Rule.ALTERNATE),
    Mutant(
        "AF in the wrong half",
        WIRES,
        "0x20u + 4u * ((pin) / 8u)",
        "0x20u",
        Rule.ALTERNATE,
        "disco_f429zi",
    ),
    Mutant(
        "MODER written whole",
        WIRES,
        "(GPIO_MODER(port) & ~(3u << (2u * pin))) |",
        "",
        Rule.DEBUG_PINS,
    ),
    Mutant(
        "divisor of the other bus", FAMILY, "UART_DIVISOR(UART_HZ))", "UART_DIVISOR(APB2_HZ))",
        Rule.BAUD,
    ),
    Mutant("parity", USART, "USART_CR1_ENABLE (1u << 13)", "USART_CR1_ENABLE (9u << 10)",
           Rule.FRAME_FORMAT),
    Mutant("sender off", USART, "USART_CR1_TX_ENABLE (1u << 3)", "USART_CR1_TX_ENABLE 0u",
           Rule.UART_OFF),
    Mutant("DWT without power", DWT, "DEMCR |= DEMCR_TRCENA;", "", Rule.DWT_OFF),
    Mutant("counter not started", DWT, "DWT_CTRL |= DWT_CTRL_CYCCNTENA;", "", Rule.DWT_OFF),
    Mutant(
        "FPU not enabled", STARTUP, "CPACR |= CPACR_FPU_FULL;",
        '__asm volatile("vmov.f32 s0, #1.0");', Rule.FPU_OFF,
    ),
    Mutant(
        "doubles", FAMILY, "reset_flags = RESET_FLAGS;",
        '__asm volatile(".inst.w 0xee300b00");', Rule.DOUBLE,
    ),
    Mutant(
        "CCM off", CHIP, "RCC_AHB1ENR |= AHB1ENR_CCM;", "RCC_AHB1ENR &= ~AHB1ENR_CCM;",
        Rule.RAM_OFF, "disco_f407vg",
    ),
    Mutant("no handler", VECTORS, ".word family_receive", ".word 0", Rule.VECTOR),
)  # fmt: skip


class Images:
    """Builds the probe for one board: every source once, and then what a mutant changes."""

    def __init__(self, board: Board, folder: Path, *defines: str) -> None:
        self._board = board
        self._defines = defines
        self._folder = folder
        support = board_support(board)
        self._sources = folder / "bsp"
        for path in support.include_dirs:
            shutil.copytree(path, self._sources / path.name)
        for name, text in support.generated:
            (folder / name).write_text(text, encoding="utf-8")
        self._support: Support = support
        self._includes = [self._sources / path.name for path in support.include_dirs]
        shutil.copy(PROBE, folder / PROBE.name)
        files = [self._sources / path.parent.name / path.name for path in support.sources]
        self._chip_sources = [path for path in files if path.parent.name != "common"]
        self._objects = {path.name: self._compile(path) for path in [*files, folder / PROBE.name]}

    def clean(self) -> Path:
        """The ELF file of the start-up code as it is."""
        return self._link(self._objects.values(), "clean")

    def mutant(self, mutant: Mutant) -> Path:
        """The ELF file with the fault; the text to replace must be there exactly once."""
        (path,) = list(self._sources.rglob(mutant.file))
        text = path.read_text(encoding="utf-8")
        assert text.count(mutant.old) == 1, f"{mutant.name}: {mutant.file} has changed"
        affected = [path] if path.suffix != ".h" else self._chip_sources
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        try:
            objects = self._objects | {p.name: self._compile(p, "mutant") for p in affected}
        finally:
            path.write_text(text, encoding="utf-8")
        return self._link(objects.values(), "mutant")

    def _compile(self, source: Path, kind: str = "clean") -> Path:
        made = self._folder / f"{source.name}.{kind}.o"
        includes = [f"-I{path}" for path in (self._folder, *self._includes, FIRMWARE)]
        flash = self._board.first("flash").origin
        defines = [
            "-DECHO_BYTES=600u",
            f"-DCODE_ADDRESS={flash:#x}",
            f"-DPAUSE_LOOPS={PAUSE_LOOPS * max(self._board.clock_hz, PAUSE_HZ) // PAUSE_HZ}u",
            *self._defines,
        ]
        self._run(
            [*self._support.compile_flags, *FLAGS, *defines, *includes, "-c", str(source)], made
        )
        return made

    def _link(self, objects: Iterable[Path], name: str) -> Path:
        elf = self._folder / f"{name}.elf"
        script = ["-nostdlib", "-T", str(self._folder / "board.ld"), *map(str, objects), "-lgcc"]
        self._run([*self._support.link_flags, *script], elf)
        return elf

    def _run(self, arguments: list[str], made: Path) -> None:
        gcc = locate(f"{self._board.toolchain.prefix}gcc", self._board.id)
        command = [str(gcc), *arguments, "-o", str(made)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr


def lines(machine: VirtualBoard, data: bytes, count: int) -> list[str]:
    """Send `data` and read so many lines."""
    machine.write(data)
    said = b""
    while said.count(b"\r\n") < count:
        part = machine.read(4096)
        assert part, f"silence after {said!r}"
        said += part
    return said.decode("ascii").splitlines()


def use(machine: VirtualBoard, initialized: int = 0x12345678) -> None:
    """Use the clock, the UART in both directions and the interrupt."""
    machine.timeout = SECONDS
    assert re.fullmatch(r"m-ready [\w-]+", lines(machine, b"", 1)[0])
    assert lines(machine, b"i", 2) == [str(initialized), "0"]
    short, long = (int(lines(machine, letter, 1)[0]) for letter in (b"s", b"l"))
    assert long - short == 1_800_000  # 900,000 more times round a loop of two instructions
    machine.write(b"e" + ECHO)
    got = b""
    while len(got) < len(ECHO):
        part = machine.read(4096)
        assert part
        got += part
    assert got == ECHO
    assert lines(machine, b"d", 1) == ["0"]


def overrun(machine: VirtualBoard) -> None:
    """Send more than the program can keep; once it has read half of that, it counts the loss."""
    machine.write(b"p" + BURST)
    said = b""
    while not re.search(rb"[1-9]\r\n", said):
        part = machine.read(4096)
        assert part, f"silence after {said!r}"
        said += part
    assert said.startswith(b"d" * len(ECHO))
    assert said.count(b"\r\n") < RING


def check_stopped(mutant: Mutant, images: Images, board: Board) -> None:
    """Run a mutant: its own rule must stop it, at a line of its source."""
    elf = images.mutant(mutant)

    def run() -> None:
        machine = VirtualBoard(board, elf, line_speed=mutant.overrun)
        if mutant.overrun:
            machine.timeout = SECONDS
            lines(machine, b"", 1)
            overrun(machine)
        else:
            use(machine)

    with pytest.raises(StrictFailure) as stopped:
        run()
    assert stopped.value.rule is mutant.rule
    jumped = mutant.rule in (Rule.EXECUTE, Rule.VECTOR)
    assert jumped or re.search(r"\.[chS]:\d+ in \w+", stopped.value.where)
    assert stopped.value.what.startswith(f"{mutant.rule}: ")
