# SPDX-License-Identifier: Apache-2.0
"""What the STM32F4 is said to be, against modm-devices."""

import pytest

from mcuforge.boards.virtual.stm32.facts import Facts
from mcuforge.boards.virtual.stm32f4.facts import F407, F429, F446
from tests.unit.boards import modm
from tests.unit.boards.modm import Part

PARTS = (
    Part("nucleo_f446re", F446, "stm32f4-46", "46", "r", "e"),
    Part("disco_f407vg", F407, "stm32f4-05_07_15_17", "07", "v", "g"),
    Part("disco_f429zi", F429, "stm32f4-27_29_37_39", "29", "z", "i"),
)
parts = pytest.mark.parametrize("part", PARTS, ids=lambda part: part.board)


@parts
def test_memories_lie_where_they_are(part: Part) -> None:
    modm.check_memories(part)


@parts
def test_interrupts_have_their_numbers(part: Part) -> None:
    modm.check_interrupts(part)


@parts
def test_pins_of_usarts_have_their_alternate_functions(part: Part) -> None:
    modm.check_pins(part)


@parts
def test_wait_states_suffice_at_the_boards_voltage(part: Part) -> None:
    assert isinstance(part.facts, Facts)
    modm.check_wait_states(part, part.facts)
