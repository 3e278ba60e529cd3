# SPDX-License-Identifier: Apache-2.0
"""What the STM32L4R5 is said to be, against modm-devices."""

from mcuforge.boards.virtual.stm32l4.facts import L4R5
from tests.unit.boards import modm
from tests.unit.boards.modm import Part

PART = Part("nucleo_l4r5zi", L4R5, "stm32l4-r5_r7_r9", "r5", "z", "i")
RANGES = {1: "1200", 2: "1000"}  # VOS -> the description's millivolts


def test_memories_lie_where_they_are() -> None:
    found = modm.memories_of(PART)
    flash, sram = L4R5.memories
    assert found.pop("flash") == (flash.origin, flash.bytes)
    (second,) = L4R5.aliases
    assert found.pop("ccm") == (second.origin, second.bytes)  # SRAM2, on the code bus
    (first, size), (third, rest) = found.pop("sram1"), found.pop("sram3")
    assert first + size + second.bytes == third  # SRAM2 lies between them a second time
    assert (sram.origin, sram.bytes) == (first, third + rest - first)
    assert not found


def test_interrupts_have_their_numbers() -> None:
    modm.check_interrupts(PART)


def test_pins_of_uarts_have_their_alternate_functions() -> None:
    modm.check_pins(PART)


def test_wait_states_suffice_in_each_voltage_range() -> None:
    for number, millivolts in RANGES.items():
        found = dict(modm.wait_states(PART, millivolts))
        if number == 1:
            assert found.pop(4) == 120_000_000  # RM0432 has 100 MHz, and 5 wait states up to 120
        assert found
        assert all(L4R5.ranges[number].latencies[n] == most for n, most in found.items())
