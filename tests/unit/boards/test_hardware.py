# SPDX-License-Identifier: Apache-2.0
"""Pins and identity in the table [hardware] of a board's file."""

import pytest

from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.catalog.hardware import read_hardware
from mcuforge.boards.catalog.pin import Pin
from mcuforge.boards.catalog.toml_table import TomlTable
from mcuforge.errors import BoardError

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
