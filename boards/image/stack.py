# SPDX-License-Identifier: Apache-2.0
"""The worst-case stack of a call tree, proved by the compiler's call graph and the linked image.

Frames and calls of everything compiled from source come from GCC's call-graph files. Callees
without one (memcpy, division, soft float) are read from the disassembly of the image. A callee that
neither describes is charged ASSUMED_BYTES and named in the result.

Counted: everything below the stack pointer at the entry's first instruction. Not counted: the
frames of its callers and of interrupt handlers.
"""

from dataclasses import dataclass
from pathlib import Path

from mcuforge.boards.build.build import Firmware
from mcuforge.boards.build.tools import locate
from mcuforge.boards.image.callgraph import INDIRECT, Function, read_callgraph
from mcuforge.boards.image.disassembly import Image, read_image
from mcuforge.errors import InternalError

# Charged for a call that cannot be followed: four times the deepest library leaf we have met.
ASSUMED_BYTES = 256


@dataclass(frozen=True)
class StackBound:
    """An upper bound of the stack below `path[0]`.

    `path` is the deepest chain of calls; each of `unknown` is assumed to take ASSUMED_BYTES.
    """

    bytes: int
    path: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def assumed_bytes(self) -> int:
        """The assumed part of the deepest chain's bytes."""
        return ASSUMED_BYTES * sum(name in self.unknown for name in self.path)


def stack_bound(firmware: Firmware, entry: str) -> StackBound:
    """Bound the stack of function `entry` ("<name>_run") of `firmware`; errors: see bound_of."""
    board = firmware.board
    objdump = locate(f"{board.toolchain.prefix}objdump", board.id)
    return bound_of(firmware.build_dir, firmware.elf, objdump, entry)


def bound_of(build_dir: Path, elf: Path, objdump: Path, entry: str) -> StackBound:
    """Bound the stack of the function `entry` of the image `elf` built in `build_dir`.

    InternalError when the function does not exist or when it has no bound: recursion, or a
    frame of variable size (alloca, variable-length array). Kernels and generated code have neither.
    """
    functions = read_callgraph(build_dir)
    if entry not in functions:
        raise InternalError(f"no function '{entry}' in the call graph of {build_dir}")
    search = _Search(functions, elf, objdump)
    size, path = search.source(entry, ())
    return StackBound(size, path, tuple(sorted(search.unknown)))


class _Search:
    """A search for the longest path through both graphs; it visits every node once."""

    def __init__(self, functions: dict[str, Function], elf: Path, objdump: Path) -> None:
        self._functions = functions
        self._elf = elf
        self._objdump = objdump
        self._image: Image | None = None
        self._known: dict[str | int, tuple[int, tuple[str, ...]]] = {}
        self.unknown: set[str] = set()

    def source(self, title: str, above: tuple[str | int, ...]) -> tuple[int, tuple[str, ...]]:
        """Find bytes and path below a function that the compiler has described."""
        if title in self._known:
            return self._known[title]
        function = self._functions[title]
        if title in above:
            raise InternalError(f"'{function.name}' calls itself: {' > '.join(map(str, above))}")
        if function.dynamic:
            raise InternalError(f"'{function.name}' has a stack frame of variable size")
        best: tuple[int, tuple[str, ...]] = (0, ())
        for callee in function.callees:
            if callee == INDIRECT:
                below = self._assume(f"a call through a pointer in {function.name}")
            else:
                below = self._callee(callee, (*above, title))
            best = max(best, below, key=lambda b: b[0])
        result = function.frame_bytes + best[0], (function.name, *best[1])
        self._known[title] = result
        return result

    def _callee(self, title: str, above: tuple[str | int, ...]) -> tuple[int, tuple[str, ...]]:
        if title in self._functions:
            return self.source(title, above)
        if self._image is None:
            self._image = read_image(self._elf, self._objdump)
        address = self._image.addresses.get(title)
        if address is None:
            return self._assume(title)
        return self._routine(self._image, address, above)

    def _routine(
        self, image: Image, address: int, above: tuple[str | int, ...]
    ) -> tuple[int, tuple[str, ...]]:
        """Find bytes and path below a routine; hand-written routines jump into each other."""
        if address in self._known:
            return self._known[address]
        group = _jump_group(image, address)
        names = [image.routines[member].name for member in group]
        if address in above:
            raise InternalError(f"'{names[0]}' calls itself")
        best: tuple[int, tuple[str, ...]] = (0, ())
        for member in group:
            routine = image.routines[member]
            if routine.opaque:
                below = self._assume(f"{routine.name} ({'; '.join(routine.opaque)})")
                best = max(best, below, key=lambda b: b[0])
            for target in sorted(routine.calls):
                name = image.routines[target].name
                inner = (*above, address)
                if name in self._functions:
                    below = self.source(name, inner)
                else:
                    below = self._routine(image, target, inner)
                best = max(best, below, key=lambda b: b[0])
        frame = sum(image.routines[member].frame_bytes for member in group)
        result = frame + best[0], (names[0], *best[1])
        self._known[address] = result
        return result

    def _assume(self, what: str) -> tuple[int, tuple[str, ...]]:
        self.unknown.add(what)
        return ASSUMED_BYTES, (what,)


def _jump_group(image: Image, address: int) -> tuple[int, ...]:
    """Collect `address` and every routine it jumps to, whose frames add up."""
    group = [address]
    for member in group:
        group += sorted(image.routines[member].jumps.difference(group))
    return tuple(group)
