# SPDX-License-Identifier: Apache-2.0
"""Keeps the answers of a long check in a file, so that it can go on after the board was away."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError
from mcuforge.report.files import refuse_unwritable, write_whole

EVERY_SAMPLES = 50
_FAULTS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class Progress:
    """The first `done` samples of a check.

    outputs: one array (done, elements) per output. ticks: of the first sample. stack_bytes: the
    deepest stack of the last one, 0 if the board cannot tell.
    """

    done: int
    outputs: tuple[Array, ...]
    ticks: int
    stack_bytes: int


class Checkpoint:
    """The file of one check, which is told by a digest of all that its answers depend on."""

    def __init__(self, path: Path) -> None:
        """CompileError if the file can be written nowhere."""
        refuse_unwritable(path)
        self.path = path

    def load(self, digest: str) -> Progress | None:
        """Read what is done; None without a file. CompileError if it is of another check."""
        if not self.path.exists():
            return None
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as held:
                found = str(held["digest"])
                count = sum(name.startswith("output") for name in held.files)
                outputs = tuple(held[f"output{i}"] for i in range(count))
                done, ticks, stack_bytes = (int(n) for n in held["numbers"])
        except _FAULTS as error:
            raise CompileError(
                f"the checkpoint cannot be read ({error})",
                str(self.path),
                "delete the file, or name another one with --checkpoint",
            ) from error
        if found != digest:
            raise CompileError(
                "the checkpoint is of another check: model, data, board, firmware or flags differ",
                str(self.path),
                "delete the file, or name another one with --checkpoint",
            )
        return Progress(done, outputs, ticks, stack_bytes)

    def save(self, digest: str, progress: Progress) -> None:
        """Write what is done, whole or not at all."""
        numbers = [progress.done, progress.ticks, progress.stack_bytes]
        arrays = {f"output{i}": array for i, array in enumerate(progress.outputs)}
        file = io.BytesIO()
        np.savez_compressed(file, digest=np.array(digest), numbers=np.array(numbers), **arrays)
        write_whole(self.path, file.getvalue())

    def remove(self) -> None:
        """Delete the file: the check is done."""
        self.path.unlink(missing_ok=True)


def check_digest(inputs: Sequence[Array], words: Iterable[str]) -> str:
    """A digest of samples and of the words that say what runs them."""
    sha = hashlib.sha256("\n".join(words).encode())
    for array in inputs:
        sha.update(f"{array.dtype}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()
