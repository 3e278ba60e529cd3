# SPDX-License-Identifier: Apache-2.0
"""Pins and identity in the table [hardware] of a board's file."""

import pytest

from mcuforge.boards.catalog.board import Board, all_boards, load_board
from mcuforge.boards.catalog.hardware import read_hardware
from mcuforge.boards.catalog.pin import Pin
from mcuforge.boards.catalog.toml_table import TomlTable
from mcuforge.errors import BoardError

# what a board's own circuits have, by the manuals that the board's file names: debug port, clocks,
# LEDs and buttons, codecs, sensors, displays, flash and radio
DEBUG = ("PA13", "PA14", "PB3", "PH0", "PH1", "PC14", "PC15")
TAKEN = {
    "nucleo_f446re": ("PA5", "PC13"),
    "nucleo_f746zg": ("PB0", "PB7", "PB14", "PC13", "PA8", "PA9", "PA10", "PA11", "PA12"),
    "nucleo_h743zi": ("PB0", "PB7", "PB14", "PC13", "PA8", "PA9", "PA10", "PA11", "PA12"),
    "nucleo_l4r5zi": ("PB7", "PB14", "PC7", "PC13", "PA8", "PA9", "PA10", "PA11", "PA12"),
    "disco_f746ng": ("PI1", "PI11", "PA9", "PB7", "PA11", "PA12"),
    "disco_f407vg": (
        *("PA0", "PA4", "PA5", "PA6", "PA7", "PA9", "PA10", "PA11", "PA12", "PB6", "PB9", "PB10"),
        *("PC0", "PC3", "PC7", "PC10", "PC12", "PD4", "PD5", "PD12", "PD13", "PD14", "PD15"),
        *("PE0", "PE1", "PE3"),
    ),
    "disco_f429zi": (
        *("PA0", "PA1", "PA2", "PA3", "PA4", "PA6", "PA7", "PA8", "PA11", "PA12", "PA15"),
        *("PB0", "PB1", "PB5", "PB6", "PB8", "PB9", "PB10", "PB11", "PB12", "PB13", "PB14"),
        *("PB15", "PC0", "PC1", "PC2", "PC4", "PC5", "PC6", "PC7", "PC9", "PC10", "PD0", "PD1"),
        *("PD3", "PD6", "PD8", "PD9", "PD10", "PD11", "PD12", "PD13", "PD14", "PD15", "PE0"),
        *("PE1", "PE7", "PE8", "PE9", "PE10", "PE11", "PE12", "PE13", "PE14", "PE15", "PF0"),
        *("PF1", "PF2", "PF3", "PF4", "PF5", "PF7", "PF8", "PF9", "PF10", "PF11", "PF12"),
        *("PF13", "PF14", "PF15", "PG0", "PG1", "PG4", "PG5", "PG6", "PG7", "PG8", "PG10"),
        *("PG11", "PG12", "PG13", "PG14", "PG15"),
    ),
    "pico": ("GPIO23", "GPIO24", "GPIO25", "GPIO29"),
    "sipeed-longan-nano": (
        *("PA1", "PA2", "PA5", "PA7", "PA8", "PA11", "PA12", "PA15", "PB0", "PB1", "PB2", "PB4"),
        *("PB12", "PB13", "PB14", "PB15", "PC13"),
    ),
    "hifive1": (
        *("GPIO2", "GPIO3", "GPIO4", "GPIO5", "GPIO9", "GPIO10", "GPIO18", "GPIO19", "GPIO21"),
        *("GPIO22", "GPIO23"),
    ),
}
TABLE = {
    "chip": "CHIP",
    "oscillator": "16 MHz",
    "uart": "UART0",
    "tx": "GPIO17",
    "rx": "PB10",
    "alternate": 0,
}


def test_a_pin_has_a_port_with_a_letter_or_only_a_number() -> None:
    hardware = read_hardware(TomlTable("x.toml", TABLE))
    assert hardware.tx == Pin("GPIO17", 0, 17)
    assert hardware.rx == Pin("PB10", 1, 10)


@pytest.mark.parametrize("pin", ["GPIO32", "PA16", "P17", "17", "PZ1", "GPIO"])
def test_what_is_no_pin_is_refused_with_both_spellings(pin: str) -> None:
    with pytest.raises(BoardError, match=f"is '{pin}', expected a pin") as refused:
        read_hardware(TomlTable("x.toml", TABLE | {"tx": pin}))
    assert "GPIO17" in refused.value.hint


def test_a_chip_without_a_register_that_tells_its_number_has_none_in_its_file() -> None:
    revb, nano = (load_board(board).hardware for board in ("hifive1-revb", "sipeed-longan-nano"))
    assert revb is not None
    assert nano is not None
    assert (revb.chip_id, nano.chip_id) == (0, 0x410)


def test_an_oscillator_inside_the_chip_is_told_from_one_on_the_board() -> None:
    ours = {board: load_board(board).hardware for board in ("nucleo_l4r5zi", "nucleo_h743zi")}
    for board, internal in (("nucleo_l4r5zi", True), ("nucleo_h743zi", False)):
        hardware = ours[board]
        assert hardware is not None
        assert hardware.internal == internal
        assert f"#define BOARD_OSCILLATOR_INTERNAL {int(internal)}\n" in hardware.defines()


PINS = {"timestamp": "GPIO1", "detection": "GPIO2", "duty": "GPIO3"}


def test_the_pins_of_instruments_have_names() -> None:
    hardware = read_hardware(TomlTable("x.toml", TABLE | {"pins": dict(PINS)}))
    assert hardware.pins is not None
    assert [pin.number for pin in hardware.pins.named().values()] == [1, 2, 3]
    assert "#define BOARD_PIN_TIMESTAMP_NUMBER 1u\n" in hardware.defines()
    assert read_hardware(TomlTable("x.toml", TABLE)).pins is None


@pytest.mark.parametrize(
    ("pins", "words"),
    [
        ({"duty": "GPIO17"}, "is GPIO17, which the UART has"),
        ({"duty": "GPIO2"}, "is GPIO2, which 'detection' has"),
        ({"duty": "D7"}, "expected a pin"),
        ({"busy": "GPIO4"}, "is not a key"),
    ],
)
def test_a_pin_that_something_else_has_is_refused(pins: dict[str, str], words: str) -> None:
    with pytest.raises(BoardError, match=words):
        read_hardware(TomlTable("x.toml", TABLE | {"pins": PINS | pins}))


@pytest.mark.parametrize(
    "board", [board for board in all_boards() if board.hardware], ids=lambda board: board.id
)
def test_every_board_has_free_pins_for_instruments(board: Board) -> None:
    assert board.hardware is not None
    assert board.hardware.pins is not None
    names = {pin.name for pin in board.hardware.pins.named().values()}
    assert not names & {*DEBUG, *TAKEN[board.id.replace("hifive1-revb", "hifive1")]}
