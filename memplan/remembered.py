# SPDX-License-Identifier: Apache-2.0
"""Remembers what the fast planner found: a search states equal problems several times."""

from __future__ import annotations

from mcuforge.memplan import greedy
from mcuforge.memplan.problem import Plan, Problem


class Remembered:
    """Places each problem once for each number of iterations; a plan depends on nothing else."""

    def __init__(self) -> None:
        self._plans: dict[tuple[Problem, int | None], Plan] = {}

    def place(
        self, problem: Problem, *, iterations: int | None = None, bound: int | None = None
    ) -> Plan:
        """Find a good plan, as `greedy.place` does; see there."""
        key = (problem, iterations)
        if key not in self._plans:
            self._plans[key] = greedy.place(problem, iterations=iterations, bound=bound)
        return self._plans[key]
