# SPDX-License-Identifier: Apache-2.0
"""The fast planner: places buffers in several orders, then improves the best solution."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import accumulate
from math import ceil
from time import perf_counter

from mcuforge.memplan.bound import proves_optimal
from mcuforge.memplan.ejection import Ejector
from mcuforge.memplan.place import Placer, Solution
from mcuforge.memplan.problem import Plan, Problem

# buffers inserted by the improvement: 5 ms for 60 buffers; most problems need fewer
ITERATIONS = 1000
ITERATIONS_PER_BUFFER = 30
SEEDS = 4  # plans of a shorter problem; not each of them repeats
ATTEMPT = 100  # the part of them for one limit at first; more for large problems
ATTEMPT_PER_BUFFER = 3
FULL_STEP_EVERY = 4  # rounds; a bound is mostly reached soon or not at all
SMALLEST_STEP = 1 / 8  # of the way from the best peak so far to the bound; then a single byte
# Measured: with more buffers, finer steps pay off, each from the best solution or, in every other
# round, from the first one; and each round should learn again which buffers are hard to place.
CROWD = 100
SMALLEST_STEP_IN_CROWD = 1 / 32


def place(
    problem: Problem,
    *,
    iterations: int | None = None,
    seed: int = 0,
    bound: int | None = None,
    placer: Placer | None = None,
) -> Plan:
    """Find a good plan in milliseconds; equal problem, iterations and seed give an equal plan.

    `bound`: `lower_bound(problem)`, if it is known. `placer`: of the problem, from before, which
    remembers what it found out. `iterations`: the number of buffers put in to improve the first
    plan (None: ITERATIONS, fewer for few buffers). Stops when the bound proves the plan optimal,
    or after so many iterations.
    """
    started = perf_counter()
    placer = placer or Placer(problem)
    least = placer.bound if bound is None else bound
    if iterations is None:
        iterations = min(ITERATIONS, ITERATIONS_PER_BUFFER * len(problem.buffers))

    def optimal(solution: Solution) -> bool:
        return proves_optimal(problem, placer.peaks(solution), least, placer.forced)

    first = _of_equal_blocks(placer, iterations, seed)
    for best in _solutions(placer, first, least, iterations, seed):
        if optimal(best):
            break
    return Plan(
        placements=placer.placements(best),
        peaks=placer.peaks(best),
        solver="greedy",
        optimal=optimal(best),
        lower_bound=least,
        seconds=perf_counter() - started,
    )


def _of_equal_blocks(placer: Placer, iterations: int, seed: int) -> Solution | None:
    """Plan a shorter problem and repeat its plan; None where blocks do not repeat."""
    problem = placer.problem
    if placer.shorter is None:
        return None
    short, short_placer = placer.shorter
    share = len(short.problem.buffers) / len(problem.buffers)
    index = {region.name: r for r, region in enumerate(placer.regions)}
    for attempt in range(SEEDS):
        plan = place(
            short.problem,
            iterations=ceil(iterations * share),
            seed=seed + attempt,
            placer=short_placer,
        )
        found = short.repeated(plan.placements)
        if found is not None:
            places = [found[buffer.name] for buffer in problem.buffers]
            offsets, homes = [p.offset for p in places], [index[p.region] for p in places]
            return placer.solution(offsets, homes)
        if not plan.optimal:
            break  # another seed would hardly find a better plan of the shorter problem
    return None


def _solutions(
    placer: Placer, best: Solution | None, bound: int, iterations: int, seed: int
) -> Iterator[Solution]:
    """Yield ever better solutions: the first one, if any, then those of orders, then improved."""
    if best is not None:
        yield best
    for order in _orders(placer):
        for tightest in (False, True):
            solution = placer.place(order, tightest=tightest, below=best.cost if best else None)
            if solution is not None:
                best = solution
                yield best
    assert best is not None
    yield from _improve(placer, best, bound, iterations, seed)


def _orders(placer: Placer) -> Iterator[list[int]]:
    """Yield orders worth trying, the most promising first."""
    buffers = placer.problem.buffers
    steps = sorted({buffer.begin for buffer in buffers})
    spans = [(bisect_left(steps, b.begin), bisect_left(steps, b.end)) for b in buffers]
    growth = [0] * (len(steps) + 1)
    for (begin, end), buffer in zip(spans, buffers, strict=True):
        growth[begin] += buffer.bytes
        growth[end] -= buffer.bytes
    live = list(accumulate(growth))  # bytes alive in each of the steps
    crowd = [max(live[begin:end]) for begin, end in spans]

    def order(key: Callable[[int], tuple[int, ...]]) -> list[int]:
        return sorted(range(len(buffers)), key=key)

    size = [buffer.bytes for buffer in buffers]
    life = [buffer.end - buffer.begin for buffer in buffers]
    by_crowd_and_life = order(lambda i: (-crowd[i], -life[i], -size[i]))
    by_crowd_and_area = order(lambda i: (-crowd[i], -life[i] * size[i]))
    by_size = order(lambda i: (-size[i], buffers[i].begin))
    yield rise(placer, by_crowd_and_life)
    yield by_size
    yield rise(placer, by_crowd_and_area)
    yield rise(placer, order(lambda i: (-buffers[i].end, -size[i])))
    yield rise(placer, order(lambda i: (-life[i], -size[i])))
    yield by_crowd_and_area
    yield order(lambda i: (-crowd[i], -size[i]))
    yield order(lambda i: (-life[i] * size[i], buffers[i].begin))
    yield order(lambda i: (buffers[i].begin, -size[i]))


def rise(placer: Placer, preference: Sequence[int]) -> list[int]:
    """Order buffers so that memory fills from the bottom up: next is the one that can lie lowest.

    `preference` decides ties. Each buffer rests on those below it, like a brick, which leaves fewer
    holes than a fixed order. The result is only an order, so all regions may count as one here.
    """
    rank = [0] * len(placer.sizes)
    for position, i in enumerate(preference):
        rank[i] = position
    floors = [0] * len(placer.sizes)
    placed = [False] * len(placer.sizes)
    heap = [(0, rank[i], i) for i in preference]
    heapify(heap)
    order: list[int] = []
    while heap:
        floor, _, i = heappop(heap)
        if placed[i] or floor != floors[i]:
            continue  # an outdated entry: since then the buffer rose or was placed
        placed[i] = True
        order.append(i)
        for j, low, high in placer.neighbours[i]:
            if placed[j]:
                continue
            # The span is of offset(i) - offset(j): j may lie from floor - high on.
            rests = floor + placer.sizes[i] if low > high else max(0, floor - high)
            rests = min(rests, floor + placer.sizes[i])
            rests = -(-rests // placer.alignments[j]) * placer.alignments[j]
            if rests > floors[j]:
                floors[j] = rests
                heappush(heap, (rests, rank[j], j))
    return order


def _improve(
    placer: Placer, best: Solution, bound: int, iterations: int, seed: int
) -> Iterator[Solution]:
    """Yield better and better solutions: one region after the other is squeezed below its peak."""
    ejector = Ejector(placer, seed)
    least = _least(placer, bound)
    attempt = max(ATTEMPT, min(ATTEMPT_PER_BUFFER * len(placer.sizes), iterations // 8))
    crowded = len(placer.sizes) > CROWD
    smallest = SMALLEST_STEP_IN_CROWD if crowded else SMALLEST_STEP
    first = best
    step, rounds = 1.0, 0
    while ejector.tries < iterations:
        limits = _limits(placer, best, least, step, rounds)
        if limits is None:
            return
        tries = min(attempt, iterations - ejector.tries)
        start = first if crowded and rounds % 2 else best
        squeezed = ejector.squeeze(start, limits, tries, onward=not crowded)
        if squeezed is not None and squeezed.cost < best.cost:
            order = sorted(range(len(placer.sizes)), key=squeezed.offsets.__getitem__)
            best = placer.place(order, below=squeezed.cost) or squeezed  # let all buffers sink
            yield best
            step = min(1.0, max(2 * step, smallest))
        elif step:
            step = step / 2 if step > smallest else 0.0
        else:
            rounds += 1
            step = 1.0 if rounds % FULL_STEP_EVERY == 0 else 2 * smallest
            attempt *= 2
            if crowded:
                ejector.forget()


def _least(placer: Placer, bound: int) -> tuple[int, ...]:
    """The least cost of any solution, part by part."""
    capacities = placer.capacities
    if len(capacities) == 1:
        return (max(0, bound - capacities[0]), bound)
    forced = [placer.forced(region.name) for region in placer.regions]
    homeless = (
        min(size - capacities[r] for r in allowed)
        for size, allowed in zip(placer.sizes, placer.allowed, strict=True)
    )
    tied = (least - capacity for least, capacity in zip(forced, capacities, strict=True))
    return (max(0, bound - sum(capacities), *homeless, *tied), *reversed(forced))


def _limits(
    placer: Placer, best: Solution, least: tuple[int, ...], step: float, rounds: int
) -> list[int] | None:
    """The peak that a better solution may have in each region; None when there is no better one.

    `step` is the share by which to lower the current cost towards its bound, at least one byte. The
    parts of the cost take turns, in order. If a plan overflows, the regions that may hold the bytes
    too many take turns as well.
    """
    capacities, peaks = placer.capacities, best.peaks
    parts = [part for part, cost in enumerate(best.cost) if cost > least[part]]
    if not parts:
        return None
    part = parts[rounds % len(parts)]
    cost = best.cost[part] - max(1, int((best.cost[part] - least[part]) * step))
    if part == 0:
        limits = list(capacities)
        limits[rounds // len(parts) % len(limits)] += cost
        return limits
    limits = [max(peak, capacity) for peak, capacity in zip(peaks, capacities, strict=True)]
    target = len(peaks) - part
    limits[target:] = [cost, *peaks[target + 1 :]]
    return limits
