# SPDX-License-Identifier: Apache-2.0
"""The fast planner: place the buffers in several orders, then improve the best order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from random import Random
from time import perf_counter

from mcuforge.memplan.bound import lower_bound, proves_optimal
from mcuforge.memplan.packing import Packer, Packing
from mcuforge.memplan.problem import Plan, Problem

ITERATIONS = 30  # packings tried by the improvement: 10 ms for 60 buffers, never reached by most


def place(
    problem: Problem, *, iterations: int = ITERATIONS, seed: int = 0, bound: int | None = None
) -> Plan:
    """A good plan in milliseconds; the same problem, iterations and seed give the same plan.

    `bound` spares computing `lower_bound(problem)` again. It stops as soon as the bound proves the
    plan optimal.
    """
    started = perf_counter()
    least = lower_bound(problem) if bound is None else bound
    packer = Packer(problem)

    def finish(packing: Packing) -> Plan:
        peaks = {region.name: packing.peaks[r] for r, region in enumerate(packer.regions)}
        return Plan(
            placements=packer.placements(packing),
            peaks=peaks,
            solver="greedy",
            optimal=proves_optimal(problem, peaks, least),
            lower_bound=least,
            seconds=perf_counter() - started,
        )

    best, order = None, []
    for candidate in _orders(packer):
        for tightest in (False, True):
            packing = packer.pack(candidate, tightest=tightest)
            if best is None or packing.cost < best.cost:
                best, order = packing, candidate
                plan = finish(packing)
                if plan.optimal:
                    return plan
    assert best is not None
    for packing in _climb(packer, best, order, iterations, Random(seed)):
        plan = finish(packing)
        if plan.optimal:
            break
    return plan


def _orders(packer: Packer) -> Iterator[list[int]]:
    """Orders worth packing, the most promising first."""
    buffers = packer.problem.buffers
    steps = sorted({buffer.begin for buffer in buffers})
    live = {t: sum(b.bytes for b in buffers if b.begin <= t < b.end) for t in steps}
    crowd = [max(live[t] for t in steps if b.begin <= t < b.end) for b in buffers]

    def order(key: Callable[[int], tuple[int, ...]]) -> list[int]:
        return sorted(range(len(buffers)), key=key)

    size = [buffer.bytes for buffer in buffers]
    life = [buffer.end - buffer.begin for buffer in buffers]
    by_crowd_and_life = order(lambda i: (-crowd[i], -life[i], -size[i]))
    by_crowd_and_area = order(lambda i: (-crowd[i], -life[i] * size[i]))
    by_size = order(lambda i: (-size[i], buffers[i].begin))
    yield rise(packer, by_crowd_and_life)
    yield by_size
    yield rise(packer, by_crowd_and_area)
    yield rise(packer, order(lambda i: (-buffers[i].end, -size[i])))
    yield rise(packer, order(lambda i: (-life[i], -size[i])))
    yield by_crowd_and_area
    yield order(lambda i: (-crowd[i], -size[i]))
    yield order(lambda i: (-life[i] * size[i], buffers[i].begin))
    yield order(lambda i: (buffers[i].begin, -size[i]))


def rise(packer: Packer, preference: Sequence[int]) -> list[int]:
    """The order in which memory fills from the bottom up: always the buffer that can lie lowest.

    Ties go to `preference`. Each buffer rests on those below it, as bricks do, which leaves fewer
    holes than a fixed order; it is only an order, so treating every region as one does no harm.
    """
    rank = [0] * len(packer.sizes)
    for position, i in enumerate(preference):
        rank[i] = position
    floors = [0] * len(packer.sizes)
    placed = [False] * len(packer.sizes)
    heap = [(0, rank[i], i) for i in preference]
    heapify(heap)
    order: list[int] = []
    while heap:
        floor, _, i = heappop(heap)
        if placed[i] or floor != floors[i]:
            continue  # an outdated entry: the buffer rose since, or is placed
        placed[i] = True
        order.append(i)
        for j, low, high in packer.neighbours[i]:
            if placed[j]:
                continue
            # The window is of offset(i) - offset(j): j may lie from floor - high on.
            rests = floor + packer.sizes[i] if low > high else max(0, floor - high)
            rests = min(rests, floor + packer.sizes[i])
            rests = -(-rests // packer.alignments[j]) * packer.alignments[j]
            if rests > floors[j]:
                floors[j] = rests
                heappush(heap, (rests, rank[j], j))
    return order


def _climb(
    packer: Packer, best: Packing, order: list[int], iterations: int, random: Random
) -> Iterator[Packing]:
    """Yield ever better packings, moving what holds up the highest buffer within the order.

    Equal packings are accepted too: they lead across plateaus.
    """
    for _ in range(iterations):
        chain = _holding_chain(packer, best, random)
        moved = random.choice(chain)
        near = packer.neighbours[moved]
        if near and random.random() < 0.7:
            other = random.choice(near)[0]
        else:
            other = random.randrange(len(order))
        if moved == other:
            continue
        changed = list(order)
        here, there = changed.index(moved), changed.index(other)
        if random.random() < 0.5:
            changed[here], changed[there] = other, moved
        else:
            del changed[here]
            changed.insert(changed.index(other), moved)
        packing = packer.pack(changed)
        if packing.cost <= best.cost:
            better = packing.cost < best.cost
            best, order = packing, changed
            if better:
                yield packing


def _holding_chain(packer: Packer, packing: Packing, random: Random) -> list[int]:
    """The highest buffer of the region that decides the cost, then what each one rests on."""
    over = [p - c for p, c in zip(packing.peaks, packer.capacities, strict=True)]
    if max(over) > 0:
        region = over.index(max(over))
    else:  # the slowest region in use
        region = max(r for r, peak in enumerate(packing.peaks) if peak)

    def end(i: int) -> int:
        return packing.offsets[i] + packer.sizes[i]

    top = [
        i
        for i, home in enumerate(packing.homes)
        if home == region and end(i) == packing.peaks[region]
    ]
    chain = [random.choice(top)]
    while packing.offsets[chain[-1]] > 0:
        i = chain[-1]
        below = [
            j
            for j, _, _ in packer.neighbours[i]
            if packing.homes[j] == region
            and end(j) <= packing.offsets[i] < end(j) + packer.alignments[i]
        ]
        if not below:  # held by an overlap window
            break
        chain.append(random.choice(below))
    return chain
