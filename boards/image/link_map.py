# SPDX-License-Identifier: Apache-2.0
"""The map file of GNU ld: the bytes that each object put where, and which object uses which.

We read the part "Linker script and memory map" and, written with --cref, the "Cross Reference
Table" (ld manual, options -Map and --cref).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from mcuforge.errors import InternalError

FILL = "*fill*"

_NUMBERS = r"\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)"
_OUTPUT = re.compile(rf"^([^\s*]\S*){_NUMBERS}(?:\s+load address .*)?$")
_INPUT = re.compile(rf"^ (\S+){_NUMBERS} (\S.*)$")
_FILL = re.compile(rf"^ \*fill\*{_NUMBERS}\s*$")
_NAME_ALONE = re.compile(r"^ ?[^\s*]\S*$")


@dataclass(frozen=True)
class Contribution:
    """Bytes of one section of one object, or padding (object FILL), in an output section."""

    output: str
    section: str
    object: str
    address: int
    bytes: int


@dataclass(frozen=True)
class LinkMap:
    """`users` of an object: the objects that refer to a symbol it defines."""

    contributions: tuple[Contribution, ...]
    users: dict[str, frozenset[str]]


def read_map(path: Path) -> LinkMap:
    """Read a map file, which our own build wrote; InternalError when it is not one."""
    text = path.read_text(encoding="utf-8", errors="replace")
    _, found, rest = text.partition("\nLinker script and memory map\n")
    memory, _, _ = rest.partition("\nOUTPUT(")
    _, crossed, references = rest.partition("\nCross Reference Table\n")
    if not found or not crossed:
        raise InternalError(f"{path} is not a map file of GNU ld with --cref")
    return LinkMap(_contributions(memory), _users(references))


def _contributions(memory: str) -> tuple[Contribution, ...]:
    contributions: list[Contribution] = []
    output = ""
    name = ""  # of a section whose numbers are on the next line
    for line in memory.splitlines():
        if name:
            line, name = name + line, ""
        if _NAME_ALONE.match(line):
            name = line
        elif found := _OUTPUT.match(line):
            output = found[1]
        elif found := _FILL.match(line):
            contributions.append(
                Contribution(output, FILL, FILL, int(found[1], 16), int(found[2], 16))
            )
        elif found := _INPUT.match(line):
            numbers = int(found[2], 16), int(found[3], 16)
            contributions.append(Contribution(output, found[1], found[4], *numbers))
    return tuple(_clip([part for part in contributions if part.bytes]))


def _clip(contributions: list[Contribution]) -> Iterator[Contribution]:
    """Cut each contribution where the next begins.

    ld prints a section of strings with its own size also when it found all of them in another
    object's; the next part then has the same address.
    """
    for part, following in zip_longest(contributions, contributions[1:]):
        room = part.bytes
        if following is not None and following.output == part.output:
            room = min(room, following.address - part.address)
        if room > 0:
            yield replace(part, bytes=room)


def _users(references: str) -> dict[str, frozenset[str]]:
    """Read the users of each object: a symbol's first file defines it, the others use it."""
    users: dict[str, set[str]] = {}
    definer = ""
    for line in references.splitlines()[2:]:  # after an empty line and the titles
        if not line.strip():
            continue
        if line[0].isspace():
            users.setdefault(definer, set()).add(line.strip())
        else:
            definer = line.split(None, 1)[-1].strip()
    return {name: frozenset(files) for name, files in users.items()}
