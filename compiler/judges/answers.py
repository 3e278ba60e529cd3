# SPDX-License-Identifier: Apache-2.0
"""What a judge answers, and how two answers are compared."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.judges.child import Background
from mcuforge.compiler.tensors import Array


@dataclass(frozen=True)
class Peer:
    """Another runtime's outputs in the graph's own form, shown beside the right answers.

    operators: None for a runtime that is close in every operator and exact in none (onnxruntime).
    Any other runtime computes the same integers, except in the operators of the file listed here:
    they make its outputs differ, and the cause is known.
    unexplained: operators that make its outputs differ without a known cause.
    note: why nothing can be said about its operators.
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
    peer: Peer | None = None  # None: the exact reference is itself the other runtime


class Judge(Background):
    """Computes the right answers in the background."""

    @abstractmethod
    def answers(self) -> Answers:
        """Wait for the answers as long as the model's work may take."""

    def review(self, answers: Answers) -> Answers:
        """Look again at answers that differ from the board's; returns them or better ones."""
        return answers


def differing(got: Array, want: Array) -> NDArray[np.bool_]:
    """Mark where two arrays of one shape differ: bool of that shape; two NaNs are equal."""
    unequal: NDArray[np.bool_] = (got != want) & ~((got != got) & (want != want))
    return unequal


def largest_gap(got: Array, want: Array) -> float:
    """Find the largest difference of two elements: 0 if all are equal, inf if one is NaN."""
    unequal = differing(got, want)
    if not unequal.any():
        return 0.0
    gap = np.abs(got[unequal].astype(np.float64) - want[unequal].astype(np.float64))
    return float(np.nan_to_num(gap, nan=np.inf).max())
