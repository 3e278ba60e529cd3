# SPDX-License-Identifier: Apache-2.0
"""The serial line of virtual chips at its own speed: when bytes arrive, and when they are lost."""

from collections.abc import Callable

import pytest

from mcuforge.boards.virtual.fe310.ports import Uart as Fe310Uart
from mcuforge.boards.virtual.gd32vf103.ports import Usart as Gd32Usart
from mcuforge.boards.virtual.rp2040.ports import Uart as Pl011
from mcuforge.boards.virtual.serial import SerialPeripheral
from mcuforge.boards.virtual.stm32.usart import make_usart
from mcuforge.boards.virtual.stm32f4.facts import CHIPS as STM32F4
from mcuforge.boards.virtual.stm32f7.facts import CHIPS as STM32F7
from mcuforge.boards.virtual.stm32h7.facts import CHIPS as STM32H7

HZ, BAUD = 16_000_000, 100_000
BYTE = HZ * 10 // BAUD  # cycles
Count = Callable[[], int]


def hz() -> int:
    return HZ


def status_usart(count: Count) -> SerialPeripheral:
    uart = make_usart(STM32F4["stm32f446"], "USART2", hz, count, hz)
    uart.values |= {"BRR": HZ // BAUD, "CR1": 1 << 13 | 0xC}
    return uart


def flag_usart(count: Count) -> SerialPeripheral:
    uart = make_usart(STM32F7["stm32f746"], "USART3", hz, count, hz)
    uart.values |= {"BRR": HZ // BAUD, "CR1": 0xD}
    return uart


def fifo_usart(count: Count) -> SerialPeripheral:
    uart = make_usart(STM32H7["stm32h743"], "USART3", hz, count, hz)
    uart.values |= {"BRR": HZ // BAUD, "CR1": 1 << 29 | 0xD}
    return uart


def fe310(count: Count) -> SerialPeripheral:
    uart = Fe310Uart(count, hz)
    uart.values |= {"div": HZ // BAUD - 1, "txctrl": 1, "rxctrl": 1}
    return uart


def gd32(count: Count) -> SerialPeripheral:
    uart = Gd32Usart("USART0", 0x40013800, hz, count, hz)
    uart.values |= {"BAUD": HZ // BAUD, "CTL0": 1 << 13 | 0xC}
    return uart


def pl011(count: Count) -> SerialPeripheral:
    uart = Pl011(hz, count, hz)
    uart.values |= {"UARTIBRD": HZ // 16 // BAUD}
    uart.write(0x2C, 0x70)  # 8 bits, FIFO; takes over the divisor
    uart.values |= {"UARTCR": 0x301}
    return uart


KINDS = {  # the UART, how many bytes it keeps, and where it tells of a lost one: offset, bit
    "SR and DR": (status_usart, 1, (0x00, 1 << 3)),
    "ISR and RDR": (flag_usart, 1, (0x1C, 1 << 3)),
    "FIFO": (fifo_usart, 8, (0x1C, 1 << 3)),
    "FE310": (fe310, 8, None),
    "GD32VF103": (gd32, 1, (0x00, 1 << 3)),
    "PL011": (pl011, 32, (0x3C, 1 << 10)),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_byte_that_is_read_too_late_costs_the_next_one(kind: str) -> None:
    make, keeps, told = KINDS[kind]
    now = [0]
    uart = make(lambda: now[0])
    uart.baud, uart.line_speed = BAUD, True
    uart.host_sends(bytes(keeps + 2))
    for arrived in range(1, keeps + 3):
        due = uart.next_event()
        assert due == arrived * BYTE
        now[0] = due - 1
        uart.let_in()
        assert uart.overruns == max(0, arrived - 1 - keeps), "not before its last bit"
        now[0] = due
        uart.let_in()
        assert uart.overruns == max(0, arrived - keeps)
    assert told is None or uart.read(told[0]) & told[1]


def test_bytes_that_are_read_in_time_are_all_there(kind: str) -> None:
    make, keeps, told = KINDS[kind]
    now = [0]
    uart = make(lambda: now[0])
    uart.baud, uart.line_speed = BAUD, True
    uart.host_sends(bytes(keeps))
    now[0] = keeps * BYTE
    uart.let_in()
    assert uart.overruns == 0
    assert not uart.host_bytes
    assert told is None or not uart.read(told[0]) & told[1]


def test_a_byte_that_comes_while_the_receiver_is_off_is_lost_and_no_overrun(kind: str) -> None:
    make, _, _ = KINDS[kind]
    now = [0]
    uart = make(lambda: now[0])
    uart.baud, uart.line_speed = BAUD, True
    values = dict(uart.values)
    uart.values = dict.fromkeys(values, 0)
    uart.host_sends(bytes(3))
    now[0] = 2 * BYTE
    uart.let_in()
    assert len(uart.host_bytes) == 1
    uart.values = values
    now[0] = 3 * BYTE
    uart.let_in()
    assert (len(uart.host_bytes), uart.overruns) == (0, 0)


def test_the_host_has_a_byte_when_its_last_bit_has_come(kind: str) -> None:
    make, _, _ = KINDS[kind]
    now = [0]
    uart = make(lambda: now[0])
    uart.baud, uart.line_speed = BAUD, True
    uart.send(1)
    uart.send(2)
    for count, sent in ((BYTE - 1, b""), (BYTE, b"\1"), (2 * BYTE - 1, b"\1"), (2 * BYTE, b"\1\2")):
        now[0] = count
        uart.deliver()
        assert uart.sent == sent
    assert uart.next_event() is None
