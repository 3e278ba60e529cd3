# SPDX-License-Identifier: Apache-2.0
"""What the STM32H743 is said to be, against modm-devices."""

from mcuforge.boards.virtual.stm32h7.facts import H743_V, H743_Y
from tests.unit.boards import modm
from tests.unit.boards.modm import Part

PART = Part("nucleo_h743zi", H743_Y, "stm32h7-42_43_50_53", "43", "z", "i")
SCALES = {0: "1260", 1: "1150", 2: "1050", 3: "950"}  # the description's millivolts


def test_memories_lie_where_they_are() -> None:
    found = modm.memories_of(PART)
    assert {b.name: (b.origin, b.bytes) for b in H743_Y.banks} == {
        f"SRAM{n}": found[f"d2_sram{n}"] for n in (1, 2, 3)
    }
    ours = {m.name: (m.origin, m.bytes) for m in H743_Y.memories}
    first, second = found.pop("flash1"), found.pop("flash2")
    assert sum(first) == second[0]
    assert ours.pop("flash") == (first[0], first[1] + second[1])
    banks = [found.pop(f"d2_sram{n}") for n in (1, 2, 3)]
    assert [sum(bank) for bank in banks[:2]] == [origin for origin, _ in banks[1:]]
    assert ours.pop("d2_sram") == (banks[0][0], sum(size for _, size in banks))
    assert ours.pop("axi_sram") == found.pop("d1_sram")
    found.pop("backup")
    assert ours == found


def test_interrupts_have_their_numbers() -> None:
    modm.check_interrupts(PART)


def test_pins_of_uarts_have_their_alternate_functions() -> None:
    modm.check_pins(PART)


def test_wait_states_suffice_at_each_voltage_scale() -> None:
    for number, millivolts in SCALES.items():
        found = dict(modm.wait_states(PART, millivolts))
        assert found == dict(enumerate(H743_Y.scales[number].latencies))


def test_only_revision_v_has_scale_0() -> None:
    assert (H743_Y.fastest_hz, H743_V.fastest_hz) == (400_000_000, 480_000_000)
