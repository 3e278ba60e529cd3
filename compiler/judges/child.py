# SPDX-License-Identifier: Apache-2.0
"""Runs a module of ours on arrays in its own process: a crash there becomes an error here.

The parent starts `Child("mcuforge.a.module", words, arrays)` and asks for its `answer`. The module
ends in `serve(compute)`. Both sides exchange arrays as .npz files in a temporary folder.
"""

import os
import signal
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from mcuforge import errors
from mcuforge.compiler.tensors import Array

PATIENCE_SECONDS = 600.0
SLOWEST_MACS_PER_SECOND = 2e7  # of a reference interpreter on a busy machine
Compute = Callable[[Sequence[str], list[Array]], Sequence[ArrayLike]]


class ChildFailed(Exception):
    """Says what a child process did instead of its work, as the end of a sentence."""


class Background(ABC):
    """Works in the background. Leaving the context ends the work and removes its files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """End the work and remove its files."""


class Child(Background):
    """Runs `python -m MODULE WORDS IN.npz OUT.npz` in the background."""

    def __init__(self, module: str, words: Sequence[str], arrays: Sequence[Array]) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="mcuforge-child-")
        self.folder = Path(self._temporary.name)
        source, self._target = self.folder / "in.npz", self.folder / "out.npz"
        np.savez(source, *arrays)
        self.process = subprocess.Popen(
            # -P: a json.py in the user's folder must not replace the module that numpy wants
            [sys.executable, "-P", "-m", module, *words, str(source), str(self._target)],
            # TMPDIR: the child's own temporary files go when the folder goes
            env=os.environ | {"PYTHONPATH": import_path(), "TMPDIR": self._temporary.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def answer(self, timeout_s: float) -> list[Array]:
        """Wait for the arrays that the module computed, in the shapes and dtypes it computed.

        Raises ChildFailed when the process fails or takes longer than `timeout_s`.
        """
        try:
            _, stderr = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"gave no answer in {timeout_s:.0f} s") from None
        if self.process.returncode != 0:
            lines = [line for line in stderr.splitlines() if line.strip()]
            raise ChildFailed(f"failed: {lines[-1][:200] if lines else self._end()}")
        return _arrays(self._target)

    def _end(self) -> str:
        """Say how the process ended that wrote nothing about it: "exit status 1", "SIGABRT"."""
        code = self.process.returncode
        known = {one.value: one.name for one in signal.Signals}
        return known.get(-code, f"exit status {code}")

    def close(self) -> None:
        """End the process, whatever it is doing, and remove its folder."""
        self.process.kill()
        self.process.communicate()
        self._temporary.cleanup()


def serve(compute: Compute) -> None:
    """Do a child's work: read IN.npz, write to OUT.npz what `compute(words, arrays)` returns."""
    *words, source, target = sys.argv[1:]
    np.savez(target, *compute(words, _arrays(Path(source))))


def patience(macs: int, samples: int) -> float:
    """Return the seconds to wait for a reference before it is given up."""
    return PATIENCE_SECONDS + macs * samples / SLOWEST_MACS_PER_SECOND


def import_path() -> str:
    """Put this mcuforge first in PYTHONPATH: it may be a checkout that is not installed."""
    root = str(Path(errors.__file__).resolve().parents[1])
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))


def _arrays(path: Path) -> list[Array]:
    """Read the arrays of an .npz file, in the order in which they were written."""
    with np.load(path) as data:
        return [data[name] for name in data.files]
