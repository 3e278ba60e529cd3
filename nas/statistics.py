# SPDX-License-Identifier: Apache-2.0
"""Compares methods over seeds: hypervolume, best accuracy, and whether a difference is chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """Mean and standard deviation over seeds; the deviation is 0 of one value."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Their mean."""
        return sum(self.values) / len(self.values)

    @property
    def deviation(self) -> float:
        """Their standard deviation, of a sample."""
        if len(self.values) < 2:
            return 0.0
        total = sum((value - self.mean) ** 2 for value in self.values)
        return sqrt(total / (len(self.values) - 1))


def hypervolume(values: NDArray[np.float64]) -> float:
    """The volume that rows of objectives dominate within the unit cube; all are to be small."""
    from pymoo.indicators.hv import HV

    inside = values[(values <= 1).all(axis=1)]
    return float(HV(ref_point=np.ones(values.shape[1]))(inside)) if len(inside) else 0.0


def paired_p(first: Sequence[float], second: Sequence[float]) -> float:
    """The p value of Wilcoxon's signed-rank test that first is not larger than second.

    1.0 where all pairs are equal.
    """
    from scipy.stats import wilcoxon

    if all(a == b for a, b in zip(first, second, strict=True)):
        return 1.0
    return float(wilcoxon(first, second, alternative="greater").pvalue)


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's rank correlation of two orders of the same things; None where all are equal."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(first, second).statistic)
    return tau if isfinite(tau) else None
