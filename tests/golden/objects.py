# SPDX-License-Identifier: Apache-2.0
"""Object files of the runtime's C, each compiled once in a run of pytest for all its processes.

Kernels and firmware are the same in hundreds of test programs. What a test writes itself (a model,
a main) it compiles itself.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

VARIABLE = "MCUFORGE_TEST_OBJECTS"  # the folder; workers of xdist inherit it


def share_folder() -> TemporaryDirectory[str] | None:
    """A folder for this run's objects, in the process that starts the run; None in its workers."""
    if VARIABLE in os.environ:
        return None
    folder = TemporaryDirectory(prefix="mcuforge-objects-")
    os.environ[VARIABLE] = folder.name
    return folder


def drop_folder(folder: TemporaryDirectory[str] | None) -> None:
    """The end of what `share_folder` began."""
    if folder is not None:
        del os.environ[VARIABLE]
        folder.cleanup()


def objects(sources: Iterable[Path], command: Sequence[str]) -> list[str]:
    """The object of each source: `command` with -c, made when it is first asked for.

    `command` is the compiler and its flags, of which no include path may belong to the test.
    CalledProcessError, with gcc's words on stderr, when one does not compile.
    """
    return [str(_object(source, command)) for source in sources]


def _object(source: Path, command: Sequence[str]) -> Path:
    key = hashlib.sha256(repr((str(source.resolve()), tuple(command))).encode()).hexdigest()
    made = Path(os.environ[VARIABLE]) / f"{source.stem}-{key[:20]}.o"
    if not made.exists():
        partial = made.with_name(f"{made.name}.{os.getpid()}")  # two processes may make it at once
        subprocess.run([*command, "-c", str(source), "-o", str(partial)], check=True)
        partial.replace(made)
    return made
