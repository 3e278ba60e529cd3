# SPDX-License-Identifier: Apache-2.0
"""Register descriptions (CMSIS-SVD) and the comparison with a virtual chip.

They are data of others, beside the checkout or in pyOCD, and never enter the repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

from mcuforge.boards.virtual.bus import Peripheral
from tests.shared import shared


@dataclass(frozen=True)
class Described:
    """A register: its name, reset value, and the bits that have a name; 0: none has."""

    name: str
    reset: int
    bits: int


class Svd:
    """A description."""

    def __init__(self, root: ElementTree.Element) -> None:
        self._peripherals = {p.findtext("name", ""): p for p in root.iter("peripheral")}

    @classmethod
    def beside(cls, file: str) -> Svd:
        """A file beside the checkout; skips the test where it is not there."""
        return cls(ElementTree.parse(shared(f"data/svd/{file}")).getroot())

    @classmethod
    def of_pyocd(cls, file: str) -> Svd:
        """A file that comes with pyOCD."""
        spec = find_spec("pyocd")
        assert spec is not None, "pip install pyocd: it is in the extra dev"
        assert spec.origin is not None
        with ZipFile(Path(spec.origin).parent / "debug" / "svd" / "svd_data.zip") as files:
            return cls(ElementTree.fromstring(files.read(file)))

    def peripheral(self, name: str) -> tuple[int, dict[int, Described]]:
        """Origin and registers by offset."""
        peripheral = self._peripherals[name]
        base = self._peripherals.get(peripheral.get("derivedFrom", ""), peripheral)
        found = {}
        for register in base.iter("register"):
            offset, step = _number(register, "addressOffset"), _number(register, "dimIncrement")
            for n in range(_number(register, "dim") or 1):
                text = register.findtext("name", "").replace("[%s]", str(n))
                bits = 0
                for field in register.iter("field"):
                    bits |= _bits(field)
                found[offset + n * step] = Described(text, _number(register, "resetValue"), bits)
        return _number(peripheral, "baseAddress"), found


def compare(
    svd: Svd, modelled: Iterable[Peripheral], better: dict[tuple[str, str], tuple[int, int]]
) -> int:
    """Compare origin, name, reset value and bits of every register; returns how many there are.

    `better` has the manual's word by peripheral and register, where the description is wrong.
    """
    seen, used = 0, set()
    for peripheral in modelled:
        origin, registers = svd.peripheral(peripheral.name)
        assert peripheral.origin == origin
        for offset, register in peripheral.registers.items():
            where = (peripheral.name, register.name)
            bits = register.writable | register.read_only
            found = (register.reset, bits)
            said = registers.get(
                offset, Described(register.name, -1, 0)
            )  # -1: has no such register
            assert where in better or register.name.lower() == said.name.lower(), where
            word = (said.reset, said.bits or bits)
            if where in better:
                same = said.name.lower() == register.name.lower() and word == better[where]
                assert not same, f"{where} needs no better word"
                used.add(where)
                word = better[where]
            assert found == word, f"{where}: {register.reset:#x} {bits:#x}, {word}"
            seen += 1
    assert used == set(better)
    return seen


def _bits(field: ElementTree.Element) -> int:
    ends = re.findall(r"\d+", field.findtext("bitRange", ""))
    if ends:
        last, first = (int(end) for end in ends)
    elif field.find("lsb") is not None:
        first, last = _number(field, "lsb"), _number(field, "msb")
    else:
        first = _number(field, "bitOffset")
        last = first + _number(field, "bitWidth") - 1
    return ((1 << (last - first + 1)) - 1) << first


def _number(element: ElementTree.Element, name: str) -> int:
    text = element.findtext(name, "0")
    return int(text, 16 if text.lower().startswith("0x") else 10)
