# SPDX-License-Identifier: Apache-2.0
"""Keeps the answers of a long check in a file, so that it can go on after the board was away."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError
from mcuforge.report.files import refuse_unwritable, write_whole

EVERY_SAMPLES = 50

Shapes = Sequence[tuple[tuple[int, ...], "np.dtype[Any]"]]


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

    def load(self, digest: str, shapes: Shapes, samples: int) -> Progress | None:
        """Read what is done; None without a file.

        shapes: of one sample in each output, with its dtype. samples: of the whole check.
        CompileError if the file is of another check, damaged, or no checkpoint.
        """
        if not self.path.exists():
            return None
        try:
            found, seal, progress = _read(self.path.read_bytes())
        except Exception as error:  # numpy and zipfile raise a dozen kinds for bytes of chance
            raise self._unreadable(str(error) or type(error).__name__) from error
        if seal != _seal(found, progress):
            raise self._unreadable("its SHA-256 differs")
        if found != digest:
            raise CompileError(
                "the checkpoint is of another check: model, data, board, firmware or flags differ",
                str(self.path),
                "delete the file, or name another one with --checkpoint",
            )
        wanted = [((progress.done, *shape), dtype) for shape, dtype in shapes]
        held = [(array.shape, array.dtype) for array in progress.outputs]
        if not 0 <= progress.done <= samples or held != wanted:
            raise self._unreadable("number, shapes or types of its answers differ")
        return progress

    def save(self, digest: str, progress: Progress) -> None:
        """Write what is done, whole or not at all."""
        numbers = np.array([progress.done, progress.ticks, progress.stack_bytes], np.int64)
        arrays = {f"output{i}": array for i, array in enumerate(progress.outputs)}
        words = {"digest": np.array(digest), "seal": np.array(_seal(digest, progress))}
        file = io.BytesIO()
        np.savez_compressed(file, numbers=numbers, **words, **arrays)
        write_whole(self.path, file.getvalue())

    def remove(self) -> None:
        """Delete the file: the check is done."""
        self.path.unlink(missing_ok=True)

    def _unreadable(self, why: str) -> CompileError:
        return CompileError(
            f"the checkpoint cannot be read ({' '.join(why.split())})",
            str(self.path),
            "delete the file, or name another one with --checkpoint",
        )


def _read(content: bytes) -> tuple[str, str, Progress]:
    """Read digest, seal and answers; what it raises is of any kind."""
    with np.load(io.BytesIO(content), allow_pickle=False) as held:
        count = sum(name.startswith("output") for name in held.files)
        outputs = tuple(held[f"output{i}"] for i in range(count))
        done, ticks, stack_bytes = (int(n) for n in held["numbers"])
        progress = Progress(done, outputs, ticks, stack_bytes)
        return str(held["digest"]), str(held["seal"]), progress


def _seal(digest: str, progress: Progress) -> str:
    """The SHA-256 of all that a checkpoint holds."""
    words = (digest, *map(str, (progress.done, progress.ticks, progress.stack_bytes)))
    return check_digest(progress.outputs, words)


def check_digest(arrays: Sequence[Array], words: Iterable[str]) -> str:
    """A digest of arrays and of words: of samples, for one, and of what runs them."""
    sha = hashlib.sha256("\n".join(words).encode())
    for array in arrays:
        sha.update(f"{array.dtype}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()
