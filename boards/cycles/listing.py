# SPDX-License-Identifier: Apache-2.0
"""The instructions of an image by address, from objdump."""

import re
from bisect import bisect_left
from dataclasses import dataclass

from mcuforge.boards.cycles.instruction import Instruction, decode
from mcuforge.errors import InternalError

_CODE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(\S+)(?:\t(.*))?$")


@dataclass(frozen=True, eq=False)
class Listing:
    """Instructions in the order of their addresses."""

    instructions: tuple[Instruction, ...]

    def between(self, first: int, last: int) -> tuple[Instruction, ...]:
        """Return those from `first` to `last`; InternalError when none begins at one of them."""
        begin, end = (bisect_left(self.instructions, at, key=_address) for at in (first, last))
        found = self.instructions[begin : end + 1]
        if not found or found[0].address != first:
            raise InternalError(f"no instruction of the image begins at {first:#x}")
        if found[-1].address != last:
            raise InternalError(f"no instruction of the image begins at {last:#x}")
        return found


def parse_listing(text: str) -> Listing:
    """Parse what objdump prints of a Thumb image; data between instructions is left out."""
    found = []
    for line in text.splitlines():
        code = _CODE.match(line)
        if code and not code[3].startswith("."):
            size = len(code[2].replace(" ", "")) // 2
            found.append(decode(int(code[1], 16), size, code[3], code[4] or ""))
    return Listing(tuple(sorted(found, key=_address)))


def _address(instruction: Instruction) -> int:
    return instruction.address
