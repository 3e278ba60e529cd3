# SPDX-License-Identifier: Apache-2.0
"""Which C files a project needs: the folders are the registry, there is no list to keep."""

import re
from collections.abc import Iterable
from pathlib import Path

from mcuforge.errors import InternalError

ROOT = Path(__file__).resolve().parent
PORTABLE = "portable"
CANARY_BYTES = 16  # on each side of an arena of the check firmware; keeps the arena aligned
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)


def headers_dir() -> Path:
    """The folder a C compiler gets as -I.

    Its `mcuforge/` holds one header per kernel and what generated code includes beside them.
    Kernels include the private headers of `src/` by relative paths.
    """
    return ROOT / "include"


def kernels_dir() -> Path:
    """The folder that holds one folder of kernels per ISA, and `common/` with shared headers."""
    return ROOT / "src"


def isas() -> tuple[str, ...]:
    """The ISAs that have kernels of their own: the folders with C files."""
    return tuple(sorted({path.parent.name for path in kernels_dir().glob("*/*.c")}))


def firmware_dir() -> Path:
    """The folder of the serial check program."""
    return ROOT / "firmware"


def kernel_names(isa: str = PORTABLE) -> tuple[str, ...]:
    """Every kernel there is for `isa`: the portable ones, and those with weights packed for it."""
    found = (path.stem for name in (PORTABLE, isa) for path in (kernels_dir() / name).glob("*.c"))
    return tuple(sorted(set(found)))


def kernel_source(kernel: str, isa: str) -> Path:
    """The file of `kernel` for `isa`: src/<isa>/<kernel>.c where it exists, else the portable one.

    InternalError when there is neither: the compiler calls only kernels that exist.
    """
    for folder in (isa, PORTABLE):
        path = kernels_dir() / folder / f"{kernel}.c"
        if path.is_file():
            return path
    raise InternalError(f"no kernel '{kernel}' for {isa}: {', '.join(kernel_names(isa))}")


def firmware_sources() -> tuple[Path, ...]:
    """The C files of the serial check program, the same on every board."""
    return tuple(sorted(firmware_dir().glob("*.c")))


def firmware_headers() -> tuple[Path, ...]:
    """The headers the check program shares with the generated model and with a board."""
    return tuple(sorted(firmware_dir().glob("*.h")))


def audio_sources() -> tuple[Path, ...]:
    """The C files of features of audio, which a generated audio.c calls."""
    return tuple(sorted((ROOT / "audio").glob("*.c")))


def included_files(sources: Iterable[Path], texts: Iterable[str] = ()) -> tuple[Path, ...]:
    """The headers of the runtime that `sources` and the C `texts` include, directly or not.

    A quoted include is looked for beside the file that has it, then in headers_dir(); what is in
    neither (`"model.h"` of the generated code) is the caller's own.
    """
    found: set[Path] = set()
    pending = [(path.read_text(encoding="utf-8"), path.parent) for path in sources]
    pending += [(text, headers_dir()) for text in texts]
    while pending:
        text, folder = pending.pop()
        for name in _INCLUDE.findall(text):
            for candidate in (folder / name, headers_dir() / name):
                path = candidate.resolve()
                if path.is_file():
                    if path not in found:
                        found.add(path)
                        pending.append((path.read_text(encoding="utf-8"), path.parent))
                    break
    return tuple(sorted(found))
