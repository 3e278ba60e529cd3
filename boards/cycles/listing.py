# SPDX-License-Identifier: Apache-2.0
"""The instructions of an image by address, from objdump."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from mcuforge.boards.cycles.instruction import Instruction, decode
from mcuforge.boards.image.disassembly import disassemble
from mcuforge.errors import InternalError

_CODE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(\S+)(?:\t(.*))?$")


@dataclass(frozen=True, eq=False)
class Listing:
    """Instructions in the order of their addresses."""

    instructions: tuple[Instruction, ...]
    addresses: tuple[int, ...]

    def between(self, first: int, last: int) -> tuple[Instruction, ...]:
        """Return those from `first` to `last`; InternalError when none begins at one of them."""
        begin, end = bisect_left(self.addresses, first), bisect_left(self.addresses, last)
        if last < first or self.addresses[begin : begin + 1] != (first,):
            raise InternalError(f"no instruction of the image begins at {first:#x}")
        if self.addresses[end : end + 1] != (last,):
            raise InternalError(f"no instruction of the image begins at {last:#x}")
        return self.instructions[begin : end + 1]


def read_listing(elf: Path, objdump: Path) -> Listing:
    """Disassemble the code of a Thumb image."""
    return parse_listing(disassemble(elf, objdump))


def parse_listing(text: str) -> Listing:
    """Parse objdump's text for read_listing; data between instructions is left out."""
    found = []
    for line in text.splitlines():
        code = _CODE.match(line)
        if code and not code[3].startswith("."):
            size = len(code[2].replace(" ", "")) // 2
            found.append(decode(int(code[1], 16), size, code[3], code[4] or ""))
    found.sort(key=lambda instruction: instruction.address)
    return Listing(tuple(found), tuple(instruction.address for instruction in found))
