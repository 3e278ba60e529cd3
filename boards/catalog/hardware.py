# SPDX-License-Identifier: Apache-2.0
"""What start-up code for the hardware must know of a board: the table [hardware] of its file.

chip        name of the chip, as the folder bsp/chip/<bsp> knows it: "STM32F446"
chip_id     optional: the low 12 bits of the chip's identification register (STM32: DEV_ID of
            DBGMCU_IDCODE); without it the chip has no such register
oscillator  frequency of the external clock: "8 MHz"
bypass      true: a clock signal comes in; false: a crystal
internal    optional; true: nothing is connected, `oscillator` is the chip's own (STM32L4: HSI16)
uart        the UART wired to the debug probe's virtual COM port: "USART2"
tx, rx      its pins: "PA2"; "GPIO17" on a chip that numbers its pins without ports
alternate   number of the pins' alternate function (STM32: AF; FE310: IOF; GD32VF103: remap)
"""

import re
from dataclasses import dataclass

from mcuforge.boards.catalog.toml_table import TomlTable

CHIP_ID_BITS = 0xFFF  # DEV_ID; the bits above are the revision
_PIN = re.compile(r"(?:P(?P<port>[A-K])|GPIO)(?P<number>\d{1,2})")
PORT_PINS, PINS = 16, 32  # of a port with a letter; of a chip without ports
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class Pin:
    """A pin: PA2 is port 0, number 2; GPIO17 is port 0, the only one, number 17."""

    name: str
    port: int
    number: int


@dataclass(frozen=True)
class Hardware:
    """The chip on a board and what is wired to it."""

    chip: str
    chip_id: int  # 0: the chip has no register that tells
    oscillator_hz: int
    bypass: bool
    internal: bool
    uart: str
    tx: Pin
    rx: Pin
    alternate: int

    def defines(self) -> str:
        """Write the lines of board_config.h."""
        return (
            f"#define BOARD_CHIP_{self.chip} 1\n"
            f"#define BOARD_OSCILLATOR_HZ {self.oscillator_hz}u\n"
            f"#define BOARD_OSCILLATOR_BYPASS {int(self.bypass)}\n"
            f"#define BOARD_OSCILLATOR_INTERNAL {int(self.internal)}\n"
            f"#define BOARD_UART_{self.uart} 1\n"
            f"#define BOARD_UART_TX_PORT {self.tx.port}u\n"
            f"#define BOARD_UART_TX_PIN {self.tx.number}u\n"
            f"#define BOARD_UART_RX_PORT {self.rx.port}u\n"
            f"#define BOARD_UART_RX_PIN {self.rx.number}u\n"
            f"#define BOARD_UART_ALTERNATE {self.alternate}u\n"
        )


def read_hardware(table: TomlTable) -> Hardware:
    """Read the table whole; BoardError for a wrong, missing or unknown key."""
    hardware = Hardware(
        chip=_read_name(table, "chip"),
        chip_id=table.integer("chip_id") if table.has("chip_id") else 0,
        oscillator_hz=table.quantity("oscillator"),
        bypass=table.flag("bypass"),
        internal=table.flag("internal"),
        uart=_read_name(table, "uart"),
        tx=_read_pin(table, "tx"),
        rx=_read_pin(table, "rx"),
        alternate=table.integer("alternate"),
    )
    if hardware.alternate > 15:
        table.refuse("alternate", f"is {hardware.alternate}", "write a number from 0 to 15")
    table.finish()
    return hardware


def _read_name(table: TomlTable, key: str) -> str:
    name = table.text(key)
    if not _NAME.fullmatch(name):
        table.refuse(key, f"is '{name}'", "write capitals and digits: it becomes part of a macro")
    return name


def _read_pin(table: TomlTable, key: str) -> Pin:
    text = table.text(key)
    found = _PIN.fullmatch(text)
    port = found["port"] if found else None
    if found is None or int(found["number"]) >= (PORT_PINS if port else PINS):
        table.refuse(
            key, f"is '{text}', expected a pin", 'write port and number: "PA2", or "GPIO17"'
        )
    return Pin(text, ord(port) - ord("A") if port else 0, int(found["number"]))
