# SPDX-License-Identifier: Apache-2.0
"""Least squares without negative elements, which prices and sizes of code are fitted by."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.least_squares import not_negative


@pytest.mark.parametrize("seed", range(50))
def test_no_other_solution_is_nearer(seed: int) -> None:
    """At the minimum no slope leads down: 0 where x is free, up where x is held at 0."""
    rng = np.random.default_rng(seed)
    samples, columns = rng.integers(4, 60), rng.integers(1, 18)
    rows = rng.random((samples, columns)) * 10.0 ** rng.uniform(-3, 4, columns)
    aim = rng.standard_normal(samples) if seed % 2 else np.ones(samples, np.float64)
    found = not_negative(rows, aim)
    assert found.min() >= 0
    slope = rows.T @ (rows @ found - aim) / np.linalg.norm(rows, axis=0)
    assert slope.min() > -1e-6
    assert np.abs(slope[found > 0]).max(initial=0.0) < 1e-6


def test_columns_of_zeros_and_equal_columns_are_no_trouble() -> None:
    rows = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [3.0, 6.0, 0.0]])
    aim = np.array([3.0, 6.0, 9.0])
    found = not_negative(rows, aim)
    assert rows @ found == pytest.approx(aim)
    assert found[2] == 0


def test_what_would_be_negative_is_nothing() -> None:
    rows = np.array([[1.0, 0.0], [1.0, 1.0]])
    assert not_negative(rows, np.array([2.0, 1.0])) == pytest.approx([1.5, 0.0])
