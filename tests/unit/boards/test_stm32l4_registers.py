# SPDX-License-Identifier: Apache-2.0
"""The virtual STM32L4R5's registers against ST's description of a relative, which comes with pyOCD.

The relative is the STM32L4x5, an L4 without the plus. What RM0432 has instead is listed with its
reset value and bits.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcuforge.boards.virtual.bus import Peripheral
from mcuforge.boards.virtual.stm32.ports import Gpio, Timer
from mcuforge.boards.virtual.stm32.usart import make_usart
from mcuforge.boards.virtual.stm32l4.clocks import Clocks
from mcuforge.boards.virtual.stm32l4.facts import L4R5
from mcuforge.boards.virtual.stm32l4.power import Flash, Power
from tests.unit.boards.svd import Svd, compare

EVERY = 0xFFFFFFFF
PORTS = 8  # of the relative

BETTER = {
    ("RCC", "ICSCR"): (0x40000000, 0x7FFFFFFF),  # HSITRIM has seven bits
    ("RCC", "CFGR"): (0, 0x7F00BFFF),  # MCOSEL has four
    ("RCC", "PLLCFGR"): (0x1000, 0xFF737FF3),  # PLLM has four, PLLPDIV is new
    ("RCC", "AHB1ENR"): (0x100, 0x00031107),
    ("RCC", "AHB2ENR"): (0, 0x005471FF),
    ("RCC", "AHB3ENR"): (0, 0x00000301),
    ("RCC", "APB1ENR1"): (0, 0xF3FECC3F),
    ("RCC", "APB1ENR2"): (0, 0x00000023),
    ("RCC", "APB2ENR"): (0, 0x01677881),
    ("PWR", "CR1"): (0x200, 0x4717),  # RRSTP
    ("PWR", "CR3"): (0x8000, 0x951F),  # DSIPDEN
    ("PWR", "CR5"): (0x100, 0x100),  # R1MODE
    ("FLASH", "ACR"): (0x600, 0x7F0F),  # LATENCY has four bits
    ("TIM5", "CR1"): (0, 0xBFF),  # UIFREMAP
    ("TIM5", "DIER"): (0, 0x5F5F),  # no COM event
    ("TIM5", "ARR"): (EVERY, EVERY),  # a counter of 32 bits starts at its end
    ("GPIOA", "OSPEEDR"): (0x0C000000, EVERY),
    ("GPIOB", "OSPEEDR"): (0, EVERY),
    ("LPUART1", "CR1"): (0, 0xF3FF7FFF),  # the FIFO
    ("LPUART1", "CR2"): (0, 0xFF0FB010),  # no CLKEN
    ("LPUART1", "CR3"): (0, 0xFEF0F7C9),
    ("LPUART1", "RQR"): (0, 0x1E),
    ("LPUART1", "ISR"): (0xC0, 0x0DFF06FF),
    ("LPUART1", "PRESC"): (0, 0xF),
}
# the pins are analog after a reset, as on the later chips of the L4 family
MODES = {"GPIOA": 0xABFFFFFF, "GPIOB": 0xFFFFFEBF}
for _port in range(PORTS):
    _name = f"GPIO{chr(ord('A') + _port)}"
    BETTER[_name, "MODER"] = (MODES.get(_name, EVERY), EVERY)
    BETTER[_name, "BRR"] = (0, 0xFFFF)
# the FIFO, the prescaler and synchronous slaves
for _name in ("USART1", "USART2", "USART3"):
    BETTER |= {
        (_name, "CR1"): (0, EVERY),
        (_name, "CR2"): (0, 0xFFFFFF79),
        (_name, "CR3"): (0, 0xFFFEFFFF),
        (_name, "ISR"): (0xC0, 0x0FFFFFFF),
        (_name, "ICR"): (0, 0x00123BFF),
        (_name, "PRESC"): (0, 0xF),
    }


def modelled() -> Iterator[Peripheral]:
    """The peripherals of the virtual chip but DBGMCU, by themselves."""

    def zero() -> int:
        return 0

    power, flash = Power(L4R5, zero), Flash(L4R5)
    yield from (power, flash, Clocks(L4R5, power, flash, None, zero))
    yield Timer(L4R5, zero, lambda: (1, 1))
    yield from (Gpio(L4R5, port) for port in range(PORTS))
    yield from (make_usart(L4R5, name, zero, zero, zero) for name in L4R5.uarts)


def test_registers_are_where_and_as_they_are_described() -> None:
    assert compare(Svd.of_pyocd("STM32L4x5.svd"), modelled(), BETTER) > 150
