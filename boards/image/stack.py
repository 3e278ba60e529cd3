# SPDX-License-Identifier: Apache-2.0
"""The worst-case stack of a call tree, proved by the compiler's call graph and the linked image.

Frames and calls of everything compiled from source come from GCC's call-graph files. Callees
without one (memcpy, division, soft float) are read from the disassembly of the image. A callee that
neither describes is charged ASSUMED_BYTES and named in the result.

Counted: everything below the stack pointer at the entry's first instruction. Not counted: the
frames of its callers and of interrupt handlers.
"""

from dataclasses import dataclass
from functools import cached_property
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
    size, path = search.below(entry, ())
    return StackBound(size, path, tuple(sorted(search.unknown)))


class _Search:
    """A search for the longest path through both graphs; it visits every node once.

    A node is known by its key: the title of a function that the compiler has described, the address
    of a routine, or the words for a callee that neither graph describes.
    """

    def __init__(self, functions: dict[str, Function], elf: Path, objdump: Path) -> None:
        self._functions = functions
        self._elf = elf
        self._objdump = objdump
        self._known: dict[str | int, tuple[int, tuple[str, ...]]] = {}
        self.unknown: set[str] = set()

    @cached_property
    def _image(self) -> Image:
        """The disassembly, made only if a callee is not in the call graph."""
        return read_image(self._elf, self._objdump)

    def below(self, key: str | int, above: tuple[str | int, ...]) -> tuple[int, tuple[str, ...]]:
        """Find bytes and path below a node that is reached through `above`."""
        if key not in self._known:
            name, frame_bytes, callees = self._described(key)
            if key in above:
                raise InternalError(f"'{name}' calls itself: {' > '.join(map(str, above))}")
            deepest: tuple[int, tuple[str, ...]] = (0, ())
            for callee in callees:
                deepest = max(deepest, self.below(callee, (*above, key)), key=lambda b: b[0])
            self._known[key] = frame_bytes + deepest[0], (name, *deepest[1])
        return self._known[key]

    def _described(self, key: str | int) -> tuple[str, int, list[str | int]]:
        """Return a node's name, its frame and its callees."""
        if isinstance(key, int):
            return self._routine(key)
        function = self._functions.get(key)
        if function is None:
            self.unknown.add(key)
            return key, ASSUMED_BYTES, []
        if function.dynamic:
            raise InternalError(f"'{function.name}' has a stack frame of variable size")
        return (
            function.name,
            function.frame_bytes,
            [self._callee(function, c) for c in function.callees],
        )

    def _callee(self, caller: Function, title: str) -> str | int:
        if title == INDIRECT:
            return f"a call through a pointer in {caller.name}"
        return title if title in self._functions else self._image.addresses.get(title, title)

    def _routine(self, address: int) -> tuple[str, int, list[str | int]]:
        """Describe a routine with all that it jumps to: hand-written ones jump into each other."""
        group = [self._image.routines[member] for member in _jump_group(self._image, address)]
        callees: list[str | int] = []
        for routine in group:
            if routine.opaque:
                callees.append(f"{routine.name} ({'; '.join(routine.opaque)})")
            for target in sorted(routine.calls):
                name = self._image.routines[target].name
                callees.append(name if name in self._functions else target)
        return group[0].name, sum(routine.frame_bytes for routine in group), callees


def _jump_group(image: Image, address: int) -> tuple[int, ...]:
    """Collect `address` and every routine it jumps to, whose frames add up."""
    group = [address]
    for member in group:
        group += sorted(image.routines[member].jumps.difference(group))
    return tuple(group)
