# SPDX-License-Identifier: Apache-2.0
"""Remembers what the fast planner found: a search states equal problems several times."""

from __future__ import annotations

from mcuforge.memplan import greedy
from mcuforge.memplan.place import Placer
from mcuforge.memplan.problem import Plan, Problem


class Remembered:
    """Places each problem once for each number of iterations; a plan depends on nothing else."""

    def __init__(self) -> None:
        self._plans: dict[tuple[Problem, int | None], Plan] = {}
        self._placer: Placer | None = None  # of the last problem: more iterations may follow

    def place(
        self, problem: Problem, *, iterations: int | None = None, bound: int | None = None
    ) -> Plan:
        """Find a good plan, as `greedy.place` does; see there."""
        key = (problem, iterations)
        if key not in self._plans:
            if self._placer is None or self._placer.problem is not problem:
                self._placer = Placer(problem)
            self._plans[key] = greedy.place(
                problem, iterations=iterations, bound=bound, placer=self._placer
            )
        return self._plans[key]
