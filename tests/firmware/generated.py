# SPDX-License-Identifier: Apache-2.0
"""Generated models as firmware of this machine: the real check program around the real C."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcuforge.boards.link.client import Link
from mcuforge.compiler.codegen.check import check_model
from mcuforge.compiler.codegen.poison import poison
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.schedule.trace import memory_trace
from mcuforge.memplan.poison import DeadRange, dead_bytes
from mcuforge.runtime_c.sources import firmware_dir, headers_dir
from tests.firmware.toy_board import toy_on_pty
from tests.golden.host import SANITIZERS, WARNINGS, kernel_objects

HASH = hashlib.sha256(b"a model made by hand").digest()


def link_model(
    folder: Path,
    firmware: tuple[Path, ...],
    compiled: Compiled,
    *,
    db: bool = True,
    dead: tuple[tuple[DeadRange, ...], ...] | None = None,
) -> Path:
    """The program of a model; `dead` instead of what its own trace says is dead."""
    model = compiled.model
    if dead is None:
        places = compiled.plan.placements
        dead = dead_bytes(compiled.problem, places, memory_trace(compiled.schedule, places))
    files = dict(model.files)
    files["check_model.c"] = check_model(model, HASH, "build", db=db, poison=True)
    files["poison.c"] = poison(model, dead)
    for name, text in files.items():
        (folder / name).write_text(text)
    sources = [folder / name for name in files if name.endswith(".c")]
    kernels = kernel_objects(model.kernels, "portable")
    includes = [f"-I{path}" for path in (folder, headers_dir(), firmware_dir())]
    program = folder / "host-board"
    command = ["gcc", *WARNINGS, *SANITIZERS, *includes, *map(str, (*sources, *kernels, *firmware))]
    subprocess.run([*command, "-lpthread", "-o", str(program)], check=True)
    return program


@contextmanager
def open_model(program: Path) -> Iterator[Link]:
    """A session with a model's program."""
    with toy_on_pty(program) as (_, port), Link.open(port) as link:
        link.hello(HASH)
        yield link
