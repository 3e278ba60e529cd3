# SPDX-License-Identifier: Apache-2.0
"""The exact planner: CP-SAT of OR-tools searches until it has a proof or runs out of time."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil, gcd, isfinite
from time import perf_counter
from typing import TYPE_CHECKING

from mcuforge.errors import InternalError
from mcuforge.memplan.bound import lower_bound
from mcuforge.memplan.conflicts import find_conflicts
from mcuforge.memplan.problem import Placement, Plan, Problem

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, CpSolver, IntVar

TOLERANCE = 1e-6  # CP-SAT gives whole numbers as floats


def improve(problem: Problem, start: Plan, *, effort: float) -> Plan:
    """Return the best plan found with `effort`, which is `start` when no better one was found.

    Effort is CP-SAT's deterministic time: it counts its own steps, 0.03 to 0.3 units per second on
    a laptop. No clock stops the search, which has one worker and a fixed seed, so every machine
    finds the same plan under any load.

    `optimal` is set when CP-SAT proved that no plan is better; with one region the lower bound is
    raised to what it proved. The parts of the cost (see `Problem.cost`) are minimized one after the
    other, each with the earlier ones held at their proved minimum. Each search asks for strictly
    less than the best plan so far: when there is no such plan, that is the proof.
    """
    started = perf_counter()
    model = _Model(problem, start.lower_bound)
    best = start
    for part in model.parts:
        if problem.cost(best.peaks)[part] <= model.least[part]:
            continue
        if effort <= 0:
            break
        answer = model.search(best, part, effort)
        effort -= answer.effort
        if answer.placements is not None:
            peaks = problem.peaks(answer.placements)
            best = replace(best, placements=answer.placements, peaks=peaks, solver="exact")
        if len(problem.regions) == 1:
            # Either no plan is below the answer's bound, or no plan is better than the best one.
            proved = best.peak if answer.final else min(answer.bound, best.peak)
            best = replace(best, lower_bound=max(best.lower_bound, proved))
        if not answer.final:
            break
    else:
        best = replace(best, optimal=True)
    return replace(best, seconds=start.seconds + perf_counter() - started)


@dataclass(frozen=True)
class _Answer:
    """Better placements, if any; `final` when this part is proved to be minimal.

    Every plan better than the one at hand has at least `bound` bytes in this part.
    """

    placements: Mapping[str, Placement] | None
    final: bool
    bound: int
    effort: float


class _Model:
    """The constraints of a problem, in units that divide all its sizes.

    The search may use multiples of the unit only. For fixed regions, and once it is fixed which
    buffer lies below which, offsets are bounded from below only by each other plus sizes or
    spans, rounded up to alignments. Raising all offsets from 0 until every constraint holds
    reaches the least solution, which has the least peaks; every step keeps multiples of the unit.
    """

    def __init__(self, problem: Problem, bound: int) -> None:
        # slow to import, and most problems need no exact search
        from ortools.sat.python import cp_model

        self._problem = problem
        self._unit = _unit(problem)
        self._model: CpModel = cp_model.CpModel()
        several = len(problem.regions) > 1
        # With one region the overflow follows from the peak, so the peak alone is minimized.
        self.parts = range(len(problem.regions) + 1) if several else range(1, 2)
        regions = problem.fastest_first
        forced = [lower_bound(problem, (r.name,)) for r in regions] if several else [bound]
        self.least = (0, *reversed(forced))  # of each part of the cost, in bytes
        # Stacking everything in one region is always allowed, so no plan needs more than this.
        self._top = sum(b.bytes + b.alignment for b in problem.buffers) // self._unit
        self._offsets = [self._offset_of(i) for i in range(len(problem.buffers))]
        self._homes = [self._homes_of(i) for i in range(len(problem.buffers))]
        self._keep_apart()
        peaks = [self._peak_of(r, least) for r, least in enumerate(forced)]
        self._model.add(sum(peaks) >= -(-bound // self._unit))
        overs = []
        for region, peak in zip(regions, peaks, strict=True):
            over = self._model.new_int_var(0, self._top, f"{region.name} overflow")
            self._model.add(over >= peak - region.bytes // self._unit)
            overs.append(over)
        total = self._model.new_int_var(0, self._top * len(overs), "overflow")
        self._model.add(total == sum(overs))
        self._cost = [total, *reversed(peaks)]

    def search(self, best: Plan, part: int, effort: float) -> _Answer:
        """Minimize one part of the cost below that of `best`, starting from its places."""
        from ortools.sat.python import cp_model

        model = self._model.clone()
        known = self._problem.cost(best.peaks)
        for earlier in self.parts:
            if earlier < part:
                model.add(self._cost[earlier] <= known[earlier] // self._unit)
        model.add(self._cost[part] <= -(-known[part] // self._unit) - 1)
        model.minimize(self._cost[part])
        names = [region.name for region in self._problem.fastest_first]
        for i, buffer in enumerate(self._problem.buffers):
            placement = best.placements[buffer.name]
            model.add_hint(self._offsets[i], placement.offset // self._unit)
            for r, home in self._homes[i].items():
                model.add_hint(home, placement.region == names[r])
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 0
        solver.parameters.max_deterministic_time = effort
        solver.parameters.catch_sigint_signal = False  # see _solve
        status = _solve(solver, model)
        if status == "MODEL_INVALID":
            raise InternalError(f"CP-SAT refuses the model: {model.validate()}")
        found = status in ("OPTIMAL", "FEASIBLE")
        bound = solver.best_objective_bound
        return _Answer(
            placements=self._placements(solver) if found else None,
            final=status in ("OPTIMAL", "INFEASIBLE"),
            bound=ceil(bound - TOLERANCE) * self._unit if isfinite(bound) else 0,
            effort=solver.response_proto.deterministic_time,
        )

    def _offset_of(self, i: int) -> IntVar:
        """Make the variable for a buffer's offset, in units."""
        buffer = self._problem.buffers[i]
        offset = self._model.new_int_var(0, self._top, f"{buffer.name} offset")
        step = buffer.alignment // gcd(buffer.alignment, self._unit)
        if step > 1:
            rows = self._model.new_int_var(0, self._top // step, f"{buffer.name} row")
            self._model.add(offset == rows * step)
        return offset

    def _homes_of(self, i: int) -> dict[int, IntVar]:
        """For each region that a buffer may lie in, by index: a variable that says if it does."""
        buffer = self._problem.buffers[i]
        homes = {
            r: self._model.new_bool_var(f"{buffer.name} in {region.name}")
            for r, region in enumerate(self._problem.fastest_first)
            if buffer.allows(region.name)
        }
        self._model.add_exactly_one(list(homes.values()))
        return homes

    def _peak_of(self, r: int, least: int) -> IntVar:
        """Make the variable for a region's peak, in units."""
        region = self._problem.fastest_first[r]
        peak = self._model.new_int_var(-(-least // self._unit), self._top, f"{region.name} peak")
        for i, buffer in enumerate(self._problem.buffers):
            if r in self._homes[i]:
                end = self._offsets[i] + buffer.bytes // self._unit
                self._model.add(end <= peak).only_enforce_if(self._homes[i][r])
        return peak

    def _keep_apart(self) -> None:
        """Keep buffers apart: as rectangles of time and address, by cases where they may share."""
        conflicts = find_conflicts(self._problem)
        # buffers without a rectangle: one of each pair that may share bytes
        single: set[int] = set()
        for conflict in conflicts:
            if conflict.span and not single & {conflict.first, conflict.second}:
                single.add(conflict.second)
        for r in range(len(self._problem.regions)):
            self._keep_rectangles_apart(
                r, [i for i, homes in enumerate(self._homes) if r in homes and i not in single]
            )
        for conflict in conflicts:
            if single & {conflict.first, conflict.second}:
                self._keep_pair_apart(conflict.first, conflict.second, conflict.span)

    def _keep_rectangles_apart(self, r: int, members: list[int]) -> None:
        times, addresses = [], []
        for i in members:
            buffer, home = self._problem.buffers[i], self._homes[i][r]
            lifetime = buffer.end - buffer.begin
            size = buffer.bytes // self._unit
            times.append(
                self._model.new_optional_fixed_size_interval_var(
                    buffer.begin, lifetime, home, f"{buffer.name} alive in {r}"
                )
            )
            addresses.append(
                self._model.new_optional_fixed_size_interval_var(
                    self._offsets[i], size, home, f"{buffer.name} bytes in {r}"
                )
            )
        self._model.add_no_overlap_2d(times, addresses)

    def _keep_pair_apart(self, i: int, j: int, span: tuple[int, int] | None) -> None:
        model, unit = self._model, self._unit
        common = self._homes[i].keys() & self._homes[j].keys()
        if not common:
            return
        names = f"{self._problem.buffers[i].name}, {self._problem.buffers[j].name}"
        below = model.new_bool_var(f"{names}: first below")
        above = model.new_bool_var(f"{names}: first above")
        difference = self._offsets[j] - self._offsets[i]
        model.add(difference >= self._problem.buffers[i].bytes // unit).only_enforce_if(below)
        model.add(-difference >= self._problem.buffers[j].bytes // unit).only_enforce_if(above)
        cases = [below, above]
        if span is not None:
            share = model.new_bool_var(f"{names}: share")
            model.add(difference >= span[0] // unit).only_enforce_if(share)
            model.add(difference <= span[1] // unit).only_enforce_if(share)
            cases.append(share)
        if len(self._problem.regions) > 1:
            elsewhere = model.new_bool_var(f"{names}: different regions")
            for r in sorted(common):
                clause = [~self._homes[i][r], ~self._homes[j][r], ~elsewhere]
                model.add_bool_or(clause)
            cases.append(elsewhere)
        model.add_bool_or(cases)

    def _placements(self, solver: CpSolver) -> dict[str, Placement]:
        """Translate the solver's answer to names and bytes."""
        names = [region.name for region in self._problem.fastest_first]
        return {
            buffer.name: Placement(
                next(names[r] for r, home in self._homes[i].items() if solver.boolean_value(home)),
                solver.value(self._offsets[i]) * self._unit,
            )
            for i, buffer in enumerate(self._problem.buffers)
        }


def _solve(solver: CpSolver, model: CpModel) -> str:
    """Solve a model; returns the name of the status.

    A signal that raises, such as Ctrl-C, stops the search and is raised here. OR-tools' own answer
    to Ctrl-C would pass off a search that was cut short as a whole one, and would leave Ctrl-C to
    kill the program from then on, without an end of its contexts. Python runs no handler of a
    signal while its main thread is in the solver: another one solves.
    """
    with ThreadPoolExecutor(1) as pool:
        solving = pool.submit(solver.solve, model)
        try:
            return solver.status_name(solving.result())
        except BaseException:
            solver.stop_search()
            raise


def _unit(problem: Problem) -> int:
    """The largest unit such that some best plan has only multiples of it (see `_Model`)."""
    unit = gcd(*(buffer.bytes for buffer in problem.buffers))
    unit = gcd(unit, *(side for pair in problem.overlaps for side in (pair.low, pair.high)))
    if len(problem.regions) > 1:  # capacities matter: buffers that do not fit go elsewhere
        unit = gcd(unit, *(region.bytes for region in problem.regions))
    while True:
        # An alignment that divides the unit holds by itself; any other must be counted in units.
        finer = gcd(unit, *(b.alignment for b in problem.buffers if unit % b.alignment))
        if finer == unit:
            return unit
        unit = finer
