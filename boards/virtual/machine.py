# SPDX-License-Identifier: Apache-2.0
"""A board as a virtual chip: starts an ELF file and is read and written like a serial port.

There is no second thread and no clock of the host: the chip runs while the host waits in `read`,
and a wait is virtual time. So a run is the same every time, however slow the machine is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mcuforge.boards.catalog.board import Board, all_boards
from mcuforge.boards.catalog.hardware import Hardware
from mcuforge.boards.link.port import Port
from mcuforge.boards.virtual.chip import VirtualChip
from mcuforge.boards.virtual.engine import Region, refuse_without_unicorn
from mcuforge.boards.virtual.fe310.chip import FE310_G002, Fe310
from mcuforge.boards.virtual.gd32vf103 import chip as gd32vf103
from mcuforge.boards.virtual.image import flash_image, source_place
from mcuforge.boards.virtual.rp2040 import chip as rp2040
from mcuforge.boards.virtual.stm32.chip_f import Stm32F
from mcuforge.boards.virtual.stm32f4.facts import CHIPS as STM32F4
from mcuforge.boards.virtual.stm32f7.facts import CHIPS as STM32F7
from mcuforge.boards.virtual.stm32h7.chip import Stm32H7
from mcuforge.boards.virtual.stm32h7.facts import CHIPS as STM32H7
from mcuforge.boards.virtual.stm32l4.chip import Stm32L4
from mcuforge.boards.virtual.stm32l4.facts import CHIPS as STM32L4
from mcuforge.errors import BoardError

SLICE = 500_000  # instructions after which Ctrl-C is seen
QUIET = 3_000  # instructions without a byte after which an answer is taken for whole
START_SECONDS = 1.0  # for the program to send its first byte

Make = Callable[[Hardware, int, bytes, Callable[[int], str]], VirtualChip]


@dataclass(frozen=True)
class Model:
    """A virtual chip by name. `make`: from wiring, baud, flash and a namer of addresses."""

    name: str
    memories: tuple[Region, ...]
    make: Make


CHIPS = {
    **{k: Model(f.name, f.memories, partial(Stm32F, f)) for k, f in (STM32F4 | STM32F7).items()},
    **{k: Model(f.name, f.memories, partial(Stm32L4, f)) for k, f in STM32L4.items()},
    **{k: Model(f.name, f.memories, partial(Stm32H7, f)) for k, f in STM32H7.items()},
    "fe310_g002": Model(FE310_G002.name, FE310_G002.memories, Fe310),
    "gd32vf103": Model(gd32vf103.NAME, gd32vf103.MEMORIES, gd32vf103.Gd32vf103),
    "rp2040": Model(rp2040.NAME, rp2040.MEMORIES, rp2040.Rp2040),
}


@dataclass(frozen=True)
class Boot:
    """From reset to the first byte that the program sends."""

    instructions: int
    milliseconds: float  # virtual: one cycle per instruction, at the clocks the program chose


class VirtualBoard:
    """A running image; a device for `Port`. StrictFailure when it breaks a rule of the chip."""

    def __init__(self, board: Board, elf: Path, *, line_speed: bool = False) -> None:
        """Load `elf` and reset. line_speed: bytes cross the line at the baud rate, and overrun.

        BoardError when Unicorn is missing or the board has no virtual chip.
        """
        refuse_without_chip(board)
        refuse_without_unicorn(board.id)
        model = CHIPS[str(board.virtual)]
        assert board.hardware is not None  # refuse_without_chip
        flash = next(memory for memory in model.memories if memory.code)
        wired = {controller.memory for controller in board.controllers}
        outside = [memory for memory in board.memory if memory.name in wired]
        flashes = [(m.origin, m.bytes) for m in outside if m.kind == "flash"]
        code = flash_image(elf, flash.origin, flash.bytes, flashes)
        self._places = partial(source_place, elf, board.toolchain.prefix)
        self.name = chip_name(board)
        self.chip = model.make(board.hardware, board.baud, code, self._places)
        for memory in outside:
            others = [(flash.origin, flash.bytes), *flashes]
            held = flash_image(elf, memory.origin, memory.bytes, others)
            self.chip.attach(memory, held)
        self.chip.uart.line_speed = line_speed
        self.chip.uart.on_send = self._sends
        self.chip.uart.on_wait = self.chip.core.skip_wait
        self.timeout: float | None = None

    @property
    def boot(self) -> Boot | None:
        """How long the program took to its first byte; None before that."""
        first = self.chip.uart.first_sent
        if first is None:
            return None
        return Boot(first, 1000 * self.chip.clocks.seconds_at(first))

    @property
    def line_speed(self) -> bool:
        """Whether bytes take their time on the line."""
        return self.chip.uart.line_speed

    @property
    def overruns(self) -> int:
        """How many bytes were lost because the program did not read those before them in time."""
        return self.chip.uart.overruns

    @property
    def place(self) -> str:
        """Where the program is: 'pc 0x08000af2, src/bsp/trap.c:73 in board_halt'."""
        pc = self.chip.core.pc
        source = self._places(pc)
        return f"pc {pc:#010x}" + (f", {source}" if source else "")

    @property
    def in_waiting(self) -> int:
        """The number of bytes that the program has sent and nobody has read."""
        return len(self.chip.uart.sent)

    def fileno(self) -> int:
        """Refuse: there is no descriptor, so that `Port` reads through `read`."""
        raise OSError("a virtual board has no file descriptor")

    def read(self, size: int) -> bytes:
        """Run until bytes come, for at most `timeout` virtual seconds; returns up to `size`."""
        if not size:
            return b""
        sent = self.chip.uart.sent
        self._run_until(lambda: bool(sent), self.timeout or 0.0)
        while sent and not self._is_quiet():
            self._run(QUIET)
        taken = bytes(sent[:size])
        del sent[:size]
        return taken

    def write(self, data: bytes) -> int:
        """Put bytes on the line to the program."""
        self.chip.uart.host_sends(data)
        return len(data)

    def start(self) -> None:
        """Run until the program sends its first byte, for at most START_SECONDS."""
        self._run_until(lambda: self.boot is not None, START_SECONDS)

    def close(self) -> None:
        """Do nothing: the chip only runs inside `read`."""

    def port(self) -> Port:
        """Open the board as a serial port."""
        return Port(self, self.name, self.chip.uart.baud, lambda: self.chip.seconds)

    def _sends(self) -> None:
        """End the run when the byte has reached the host, or when the answer may be whole."""
        self.chip.core.stop_at(self.chip.uart.next_event() or self.chip.core.count + QUIET)

    def _is_quiet(self) -> bool:
        core, uart = self.chip.core, self.chip.uart
        return uart.line_speed or core.waits or core.count - uart.last_sent >= QUIET

    def _run_until(self, happened: Callable[[], bool], seconds: float) -> None:
        """Run until something happened, for at most so many virtual seconds."""
        end = self.chip.seconds + seconds
        while not happened() and self.chip.seconds < end:
            self._run(min(SLICE, self.chip.cycles_in(end - self.chip.seconds)))
            if self.chip.core.waits and not happened():  # for good
                left = self.chip.cycles_in(end - self.chip.seconds)
                self.chip.core.sleep_until(self.chip.core.count + left)

    def _run(self, instructions: int) -> None:
        end = self.chip.core.count + instructions
        while self.chip.core.count < end:
            uart = self.chip.uart
            self.chip.run(min(end, uart.last_sent + QUIET) if uart.sent else end)
            uart.deliver()
            if self.chip.core.waits or (uart.sent and self._is_quiet()):
                return


def refuse_without_chip(board: Board) -> None:
    """Raise a BoardError unless the board has a virtual chip."""
    if board.virtual in CHIPS and board.hardware is not None:
        return
    able = ", ".join(other.id for other in all_boards() if other.virtual in CHIPS)
    raise BoardError(
        f"'{board.id}' has no virtual chip, which --exact needs",
        f"board {board.id} ({board.name})",
        f"--emulate, or one of the boards with a virtual chip: {able}",
    )


def chip_name(board: Board) -> str:
    """Name the virtual chip in a report: 'virtual STM32F446'."""
    return f"virtual {CHIPS[str(board.virtual)].name}"
