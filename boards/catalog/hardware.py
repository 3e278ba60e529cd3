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
[hardware.pins]  optional: outputs that instruments watch (runtime_c/firmware/board.h): timestamp,
            detection, duty. No firmware but that of an energy measurement drives them
[[hardware.controller]]  optional: a memory outside the chip that start-up code sets up, and its
            wires (controller.py)
"""

from dataclasses import dataclass

from mcuforge.boards.catalog.controller import Controller, read_controller
from mcuforge.boards.catalog.pin import NAME, Pin, parse_pin
from mcuforge.boards.catalog.toml_table import TomlTable

CHIP_ID_BITS = 0xFFF  # DEV_ID; the bits above are the revision


@dataclass(frozen=True)
class Pins:
    """The outputs that instruments watch: at a timestamp, at a detection, while the core works."""

    timestamp: Pin
    detection: Pin
    duty: Pin

    def named(self) -> dict[str, Pin]:
        """The pins by their names, in the order of `enum board_pin`."""
        return {"timestamp": self.timestamp, "detection": self.detection, "duty": self.duty}

    def defines(self) -> str:
        """Write the lines of board_config.h."""
        return "".join(
            f"#define BOARD_PIN_{name.upper()}_PORT {pin.port}u\n"
            f"#define BOARD_PIN_{name.upper()}_NUMBER {pin.number}u\n"
            for name, pin in self.named().items()
        )


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
    pins: Pins | None = None
    controllers: tuple[Controller, ...] = ()

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
            f"{'' if self.pins is None else self.pins.defines()}"
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
        pins=_read_pins(table.table("pins")) if table.has("pins") else None,
        controllers=_read_controllers(table),
    )
    _refuse_shared_pins(table, hardware)
    if hardware.alternate > 15:
        table.refuse("alternate", f"is {hardware.alternate}", "write a number from 0 to 15")
    table.finish()
    return hardware


def _refuse_shared_pins(table: TomlTable, hardware: Hardware) -> None:
    """Refuse a pin of the instruments that the UART, a memory or another of them has already."""
    taken = {pin.name: "the UART" for pin in (hardware.tx, hardware.rx)}
    for controller in hardware.controllers:
        taken |= {wire.pin.name: f"'{controller.memory}'" for wire in controller.pins}
    for name, pin in {} if hardware.pins is None else hardware.pins.named().items():
        if pin.name in taken:
            table.refuse(
                f"pins.{name}",
                f"is {pin.name}, which {taken[pin.name]} has",
                "name a pin of a header that nothing else is wired to",
            )
        taken[pin.name] = f"'{name}'"


def _read_pins(table: TomlTable) -> Pins:
    pins = Pins(*(_read_pin(table, name) for name in ("timestamp", "detection", "duty")))
    table.finish()
    return pins


def _read_controllers(table: TomlTable) -> tuple[Controller, ...]:
    if not table.has("controller"):
        return ()
    return tuple(read_controller(entry) for entry in table.tables("controller"))


def _read_name(table: TomlTable, key: str) -> str:
    name = table.text(key)
    if not NAME.fullmatch(name):
        table.refuse(key, f"is '{name}'", "write capitals and digits: it becomes part of a macro")
    return name


def _read_pin(table: TomlTable, key: str) -> Pin:
    text = table.text(key)
    pin = parse_pin(text)
    if pin is None:
        table.refuse(
            key, f"is '{text}', expected a pin", 'write port and number: "PA2", or "GPIO17"'
        )
    return pin
