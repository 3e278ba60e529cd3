# SPDX-License-Identifier: Apache-2.0
"""What a reference answers, and the processes of their own that it is computed in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mcuforge import errors
from mcuforge.compiler.ir import Array

PATIENCE_SECONDS = 600.0
SLOWEST_MACS_PER_SECOND = 2e7  # a reference interpreter on a machine that is busy otherwise


@dataclass(frozen=True)
class Peer:
    """Another runtime's outputs in the graph's own form, shown beside the right answers.

    operators None: it is near in every operator and exact in none (onnxruntime). Otherwise it
    computes the same integers, except in those of the file's `operators` that make its outputs
    differ for a known cause, and in those `unexplained`, which nobody knew to differ. note: why
    there is nothing to say of its operators.
    """

    name: str
    outputs: tuple[Array, ...]  # samples first
    operators: tuple[str, ...] | None = None
    unexplained: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_near(self) -> bool:
        """True for a runtime that computes in floats what we compute in integers."""
        return self.operators is None


@dataclass(frozen=True)
class Answers:
    """The exact reference's outputs: one array per model output, samples first."""

    reference: str
    outputs: tuple[Array, ...]
    peer: Peer | None = None  # None: the exact reference is the other runtime itself


class Judge(Protocol):
    """Computes the right answers in the background; a context that ends it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def answers(self, timeout_s: float | None = None) -> Answers:
        """Wait for them, by default as long as the model's work may take."""
        ...

    def review(self, answers: Answers) -> Answers:
        """The answers again, or better ones: asked where the board's differ from them."""
        ...


def differing(got: Array, want: Array) -> NDArray[np.bool_]:
    """Mark where two arrays of one shape differ: bool of that shape; two NaNs are equal."""
    unequal: NDArray[np.bool_] = (got != want) & ~((got != got) & (want != want))
    return unequal


def largest_gap(got: Array, want: Array) -> float:
    """The largest difference of two elements, 0 where all are equal, inf where one is NaN."""
    unequal = differing(got, want)
    if not unequal.any():
        return 0.0
    gap = np.abs(got[unequal].astype(np.float64) - want[unequal].astype(np.float64))
    return float(np.nan_to_num(gap, nan=np.inf).max())


def patience(macs: int, samples: int) -> float:
    """Seconds after which a reference that has not answered is given up."""
    return PATIENCE_SECONDS + macs * samples / SLOWEST_MACS_PER_SECOND


class ChildFailed(Exception):
    """What a child process did instead of its work, as the end of a sentence."""


class Child:
    """`python -m MODULE ARGUMENTS` in the background: a crash in it becomes an error, not ours."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            # -P: a json.py in the user's folder is not the module that numpy wants
            [sys.executable, "-P", "-m", module, *arguments],
            env=os.environ | {"PYTHONPATH": import_path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def wait(self, timeout_s: float) -> None:
        """Until it has ended well. ChildFailed when it failed, or ran into `timeout_s`."""
        try:
            _, stderr = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"gave no answer in {timeout_s:.0f} s") from None
        if self.process.returncode != 0:
            lines = [line for line in stderr.splitlines() if line.strip()]
            reason = lines[-1][:200] if lines else f"exit status {self.process.returncode}"
            raise ChildFailed(f"failed: {reason}")

    def close(self) -> None:
        """End it, whatever it is at."""
        self.process.kill()
        self.process.communicate()


def import_path() -> str:
    """PYTHONPATH with this mcuforge first: it may be a checkout that is not installed."""
    root = str(Path(errors.__file__).resolve().parents[1])
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
