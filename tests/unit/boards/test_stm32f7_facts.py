# SPDX-License-Identifier: Apache-2.0
"""What the STM32F7 is said to be, against modm-devices."""

import pytest

from mcuforge.boards.virtual.stm32f7.facts import F746
from tests.unit.boards import modm
from tests.unit.boards.modm import Part

PARTS = (
    Part("disco_f746ng", F746, "stm32f7-45_46_50_56", "46", "n", "g"),
    Part("nucleo_f746zg", F746, "stm32f7-45_46_50_56", "46", "z", "g"),
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
    found = dict(modm.wait_states(part))
    assert found.pop(6) == 216_000_000  # RM0385, 3.3.2, has 210 MHz, and 7 wait states up to 216
    assert found
    for states, most in found.items():
        assert most == (states + 1) * F746.wait_state_hz
    assert F746.latency_mask >= 7


@parts
def test_pins_of_memories_have_their_alternate_functions(part: Part) -> None:
    names = {"quadspi": "QUADSPI", "fmc": "FMC"}
    wired: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for pin in part.device.iter("gpio"):
        where = f"P{pin.get('port', '').upper()}{pin.get('pin')}"
        for signal in pin.iter("signal"):
            user = names.get(signal.get("driver", ""))
            if user is not None:
                name = signal.get("name", "").removeprefix("bk1_").upper()
                wired.setdefault((user, where), []).append((name, int(signal.get("af", ""))))
    known = part.facts.memory_pins
    outside = {key for key in known if key not in wired}  # pins of the larger package
    assert part.board != "disco_f746ng" or not outside
    for key in known.keys() - outside:
        assert known[key] in wired[key]
