# SPDX-License-Identifier: Apache-2.0
"""What tests of whole searches leave out."""

from __future__ import annotations

from importlib import import_module

import pytest

from mcuforge.nas.feasible import ExactCosts
from mcuforge.nas.genes import Genome

LIBRARIES = (
    "pymoo.util.nds.non_dominated_sorting",
    "pymoo.operators.survival.rank_and_crowding.metrics",
    "sklearn.linear_model",
)


@pytest.fixture(scope="module")
def libraries() -> None:
    """Import what evolution does: seconds that would count as the first test's."""
    for name in LIBRARIES:
        import_module(name)


@pytest.fixture
def costs_without_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact costs are estimates; test_feasible.py has those of plans."""

    def costs(exact: ExactCosts, genome: Genome) -> tuple[int, int, float] | None:
        cost = exact.coster.cost(genome, exact=False)
        return (cost.ram, cost.flash, cost.instructions) if cost.fits else None

    monkeypatch.setattr(ExactCosts, "__call__", costs)
