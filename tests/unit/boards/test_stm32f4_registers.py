# SPDX-License-Identifier: Apache-2.0
"""The virtual STM32F429's registers against ST's register description, which comes with pyOCD.

Every difference is a known gap of that file, and is listed with the manual's word for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

from mcuforge.boards.virtual.bus import Peripheral
from mcuforge.boards.virtual.stm32.clocks import Clocks, Flash, Power
from mcuforge.boards.virtual.stm32.ports import Debug, Gpio, Timer
from mcuforge.boards.virtual.stm32.usart import StatusUsart
from mcuforge.boards.virtual.stm32f4.facts import F429

Description = tuple[int, int]  # reset value, bits that have a name

# RM0090's word where the description has none, or another; (reset, bits)
BETTER = {
    ("PWR", "CR"): (0xC000, 0x000FEFFF),  # 5.4.1: ADCDC1 is bit 13
    ("FLASH", "ACR"): (0, 0x1F0F),  # 3.9.2: LATENCY has four bits
    ("RCC", "CR"): (0x8083, 0x3F0FFFFB),  # 7.3.1: PLLSAION, PLLSAIRDY; HSICAL after a reset
    ("TIM5", "ARR"): (0xFFFFFFFF, 0xFFFFFFFF),  # 18.4.12: a counter of 32 bits starts at its end
    ("GPIOA", "OSPEEDR"): (0x0C000000, 0xFFFFFFFF),  # 8.4.3: the debug pins are fast
}
BETTER |= {(name, "SR"): (0xC0, 0x3FF) for name in F429.uarts}  # 30.6.1, without what is reserved


@cache
def described() -> dict[str, tuple[int, dict[int, Description]]]:
    """Origin and registers of every peripheral."""
    spec = find_spec("pyocd")
    assert spec is not None, "pip install pyocd: it is in the extra dev"
    assert spec.origin is not None
    with ZipFile(Path(spec.origin).parent / "debug" / "svd" / "svd_data.zip") as files:
        root = ElementTree.fromstring(files.read("STM32F429x.svd"))
    by_name = {p.findtext("name", ""): p for p in root.iter("peripheral")}
    found = {}
    for name, peripheral in by_name.items():
        base = by_name.get(peripheral.get("derivedFrom", ""), peripheral)
        registers = {number(r, "addressOffset"): bits_of(r) for r in base.iter("register")}
        found[name] = number(peripheral, "baseAddress"), registers
    return found


def number(element: ElementTree.Element, name: str) -> int:
    text = element.findtext(name, "0")
    return int(text, 16 if text.lower().startswith("0x") else 10)


def bits_of(register: ElementTree.Element) -> Description:
    bits = 0
    for field in register.iter("field"):
        bits |= ((1 << number(field, "bitWidth")) - 1) << number(field, "bitOffset")
    return number(register, "resetValue"), bits


def modelled() -> Iterator[Peripheral]:
    """The peripherals of the virtual chip but DBGMCU, by themselves."""

    def zero() -> int:
        return 0

    power, flash = Power(F429, zero), Flash(F429)
    yield from (power, flash, Timer(F429, zero, lambda: (1, 1)))
    yield Clocks(F429, power, flash, (8_000_000, False), zero, lambda: None)
    yield from (Gpio(F429, port) for port in range(F429.gpio_ports))
    for name in F429.uarts:
        yield StatusUsart(F429, name, zero, zero, zero)


def test_registers_are_where_and_as_they_are_described() -> None:
    seen = 0
    for peripheral in modelled():
        origin, registers = described()[peripheral.name]
        assert peripheral.origin == origin
        for offset, register in peripheral.registers.items():
            where = (peripheral.name, register.name)
            wanted = BETTER.get(where, registers[offset])
            bits = register.writable | register.read_only
            assert (register.reset, bits) == wanted, f"{where}: {bits ^ wanted[1]:#010x} differ"
            seen += 1
    assert seen > 150


def test_every_better_word_is_another_one() -> None:
    by_name = {p.name: p for p in modelled()}
    for (name, register), word in BETTER.items():
        offset = next(o for o, r in by_name[name].registers.items() if r.name == register)
        assert described()[name][1][offset] != word


def test_the_chip_tells_its_id_where_it_is_described() -> None:
    debug = Debug(F429)
    assert described()["DBG"][0] == debug.origin
    assert 0x0 in described()["DBG"][1]
    assert debug.values["IDCODE"] & 0xFFF == 0x419  # RM0090, 38.6.1; the description is older
