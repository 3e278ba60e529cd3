# SPDX-License-Identifier: Apache-2.0
"""Problems for the planner's tests, and deliberately stupid answers to judge its own by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement, product
from random import Random

from mcuforge.memplan.problem import Buffer, Overlap, Placement, Plan, Problem, Region
from mcuforge.memplan.replay import Event, Read, Step, Trace, Write

RAM = Region("ram", 1 << 20)


def problem_of(*buffers: tuple[int, int, int], region: Region = RAM) -> Problem:
    """One region, buffers b0, b1, ... given as (bytes, begin, end)."""
    named = tuple(Buffer(f"b{i}", *facts) for i, facts in enumerate(buffers))
    return Problem(named, (region,))


def every_problem(buffers: int, sizes: Sequence[int], steps: int) -> Iterator[Problem]:
    """All problems of so many buffers with these sizes and lifetimes within so many steps."""
    lifetimes = [(begin, end) for begin in range(steps) for end in range(begin + 1, steps + 1)]
    kinds = [(size, *lifetime) for size, lifetime in product(sizes, lifetimes)]
    for choice in combinations_with_replacement(kinds, buffers):
        yield problem_of(*choice)


def network(layers: int, seed: int) -> Problem:
    """The shape of a network: each tensor is read by the next step, some also by a later one."""
    random = Random(seed)
    buffers = []
    for i in range(layers):
        reach = 2 if random.random() < 0.7 else random.randint(3, 7)
        size = random.choice((16, 24, 32, 48, 64, 100)) * random.choice((16, 64, 144, 256))
        buffers.append(Buffer(f"t{i}", size, i, i + reach, alignment=16))
    return Problem(tuple(buffers), (RAM,))


def crowd(buffers: int, seed: int, steps: int = 40) -> Problem:
    """Buffers of random sizes and lifetimes: harder than networks are."""
    random = Random(seed)
    begins = [random.randrange(steps) for _ in range(buffers)]
    return problem_of(*((random.randint(1, 100), b, b + random.randint(1, 15)) for b in begins))


def anything(seed: int) -> Problem:
    """A tiny problem of everything there is: regions, alignments, overlaps in both directions."""
    random = Random(seed)
    count = random.choice((1, 1, 2, 2, 3))
    regions = tuple(
        Region(f"r{i}", random.randint(2, 8), random.randint(0, 2)) for i in range(count)
    )
    names = [region.name for region in regions]
    buffers, overlaps = [], []
    for i in range(random.randint(1, 4)):
        begin, end = sorted(random.sample(range(5), 2))
        allowed = random.sample(names, random.randint(1, count)) if random.random() < 0.3 else ()
        alignment = random.choice((1, 1, 1, 2, 3, 4))
        buffers.append(Buffer(f"b{i}", random.randint(1, 5), begin, end, alignment, tuple(allowed)))
        for j in range(i):
            if random.random() < 0.3:
                low = random.randint(-6, 6)
                first, second = random.sample((f"b{i}", f"b{j}"), 2)
                overlaps.append(Overlap(first, second, low, low + random.randint(0, 5)))
    return Problem(tuple(buffers), regions, tuple(overlaps))


def together(first: Buffer, second: Buffer) -> bool:
    """Is there a step at which both are alive?"""
    return first.begin < second.end and second.begin < first.end


def may_lie(problem: Problem, first: Buffer, second: Buffer, at: int, other: int) -> bool:
    """May the two lie at these offsets of one region? Straight from the definitions."""
    if not together(first, second):
        return True
    if at + first.bytes <= other or other + second.bytes <= at:
        return True
    for overlap in problem.overlaps:
        if (overlap.first, overlap.second) == (first.name, second.name):
            return overlap.low <= other - at <= overlap.high
        if (overlap.first, overlap.second) == (second.name, first.name):
            return overlap.low <= at - other <= overlap.high
    return False


def faults(problem: Problem, plan: Plan) -> list[str]:
    """What is wrong with a plan, the O(n^2) way; empty when nothing is."""
    found = []
    names = {region.name for region in problem.regions}
    peaks = dict.fromkeys(names, 0)
    for i, buffer in enumerate(problem.buffers):
        place = plan.placements[buffer.name]
        if place.region not in (buffer.regions or names):
            found.append(f"{buffer.name} in {place.region}")
        if place.offset < 0 or place.offset % buffer.alignment:
            found.append(f"{buffer.name} at {place.offset}")
        peaks[place.region] = max(peaks[place.region], place.offset + buffer.bytes)
        for other in problem.buffers[:i]:
            there = plan.placements[other.name]
            if place.region == there.region and not may_lie(
                problem, buffer, other, place.offset, there.offset
            ):
                found.append(f"{buffer.name} and {other.name}")
    if peaks != dict(plan.peaks):
        found.append(f"peaks {plan.peaks}, expected {peaks}")
    if plan.lower_bound > plan.peak:
        found.append(f"bound {plan.lower_bound} above peak {plan.peak}")
    return found


def least_peak(problem: Problem, buffers: Sequence[Buffer]) -> int:
    """The optimum for these buffers in one region, by trying every offset."""

    def fits(count: int, offsets: tuple[int, ...], peak: int) -> bool:
        if count == len(buffers):
            return True
        buffer = buffers[count]
        return any(
            all(may_lie(problem, buffer, buffers[j], offset, offsets[j]) for j in range(count))
            and fits(count + 1, (*offsets, offset), peak)
            for offset in range(0, peak - buffer.bytes + 1, buffer.alignment)
        )

    peak = max((buffer.bytes for buffer in buffers), default=0)
    while not fits(0, (), peak):
        peak += 1
    return peak


def least_cost(problem: Problem) -> tuple[int, ...]:
    """The best cost over every choice of regions, each region by `least_peak`."""
    names = [region.name for region in problem.regions]
    costs = []
    for homes in product(*(buffer.regions or names for buffer in problem.buffers)):
        inside = {
            name: [b for b, home in zip(problem.buffers, homes, strict=True) if home == name]
            for name in names
        }
        peaks = {name: least_peak(problem, buffers) for name, buffers in inside.items()}
        costs.append(problem.cost(peaks))
    return min(costs)


def stacked(problem: Problem) -> Plan:
    """The worst plan: everything on top of each other in the region each buffer names first."""
    peaks = {region.name: 0 for region in problem.regions}
    placements = {}
    for buffer in problem.buffers:
        home = (buffer.regions or tuple(peaks))[0]
        offset = -(-peaks[home] // buffer.alignment) * buffer.alignment
        placements[buffer.name] = Placement(home, offset)
        peaks[home] = offset + buffer.bytes
    return Plan(placements, peaks, "greedy", optimal=False, lower_bound=0, seconds=0.0)


def whole_trace(problem: Problem) -> Trace:
    """Every buffer written when it comes alive and read at every step it lives, writes first."""
    last = max(buffer.end for buffer in problem.buffers)
    steps = []
    for step in range(last):
        events: list[Event] = [
            Write(b.name, 0, b.bytes) for b in problem.buffers if b.begin == step
        ]
        events += [Read(b.name, 0, b.bytes) for b in problem.buffers if b.begin <= step < b.end]
        steps.append(Step(f"s{step}", tuple(events)))
    leave = tuple(Read(b.name, 0, b.bytes) for b in problem.buffers if b.end == last)
    return Trace((), tuple(steps), leave)


def row_chain(rows: int, widths: Sequence[int], region: Region = RAM) -> tuple[Problem, Trace]:
    """A chain of row operators: row i of each tensor is read just before row i of the next.

    The output may lie where no row written reaches a row still to be read: with input rows of p
    bytes and output rows of q, row i ends at d + (i+1)q and row i+1 of the input starts at (i+1)p,
    so d <= (i+1)(p-q) for every i but the last.
    """
    buffers = tuple(
        Buffer(f"t{i}", rows * width, max(0, i - 1), i + 1) for i, width in enumerate(widths)
    )
    overlaps = []
    steps = []
    for i in range(len(widths) - 1):
        p, q = widths[i], widths[i + 1]
        high = min((k * (p - q) for k in range(1, rows)), default=rows * p)
        overlaps.append(Overlap(f"t{i}", f"t{i + 1}", -rows * q, max(high, -rows * q)))
        events: list[Event] = []
        for row in range(rows):
            events.append(Read(f"t{i}", row * p, row * p + p))
            events.append(Write(f"t{i + 1}", row * q, row * q + q))
        steps.append(Step(f"op{i}", tuple(events)))
    trace = Trace(
        arrive=(Write("t0", 0, buffers[0].bytes),),
        steps=tuple(steps),
        leave=(Read(buffers[-1].name, 0, buffers[-1].bytes),),
    )
    return Problem(buffers, (region,), tuple(overlaps)), trace


def moved(placements: Mapping[str, Placement], name: str, offset: int) -> dict[str, Placement]:
    """The placements with one buffer elsewhere in its region."""
    return {**placements, name: Placement(placements[name].region, offset)}


def ring_run(
    rows: int, row_bytes: int, kernel: int, ring: int
) -> tuple[Problem, dict[str, Placement], Trace]:
    """A layer writes rows into a ring, the next reads `kernel` of them for each byte of "out".

    Row y of "mid" stands at row y % ring of its buffer. The sums in "out" are a value of their own.
    """
    problem = Problem(
        (
            Buffer("in", rows * row_bytes, 0, 2 * rows),
            Buffer("mid", ring * row_bytes, 0, 2 * rows),
            Buffer("out", rows, 0, 2 * rows),
        ),
        (RAM,),
    )
    places = {
        "in": Placement("ram", 0),
        "mid": Placement("ram", rows * row_bytes),
        "out": Placement("ram", rows * row_bytes + ring * row_bytes),
    }

    def row(kind: type[Read] | type[Write], y: int) -> Event:
        return kind("mid", y * row_bytes, (y + 1) * row_bytes, y % ring * row_bytes)

    steps = []
    for y in range(rows):
        piece = Read("in", y * row_bytes, (y + 1) * row_bytes)
        steps.append(Step(f"first row {y}", (piece, row(Write, y))))
        if y + 1 >= kernel:
            span = [row(Read, k) for k in range(y + 1 - kernel, y + 1)]
            out = Write("out", y, y + 1, value="sums")
            steps.append(Step(f"second row {y}", (*span, out)))
    last = Read("out", kernel - 1, rows, value="sums")
    return problem, places, Trace((Write("in", 0, rows * row_bytes),), tuple(steps), (last,))


def conv_chain(layers: int, seed: int) -> Problem:
    """A chain in which each output must start some bytes below its dying input, or above it."""
    random = Random(seed)
    sizes = [100 * random.randint(60, 160) for _ in range(layers + 1)]
    buffers = tuple(Buffer(f"t{i}", size, max(0, i - 1), i + 1) for i, size in enumerate(sizes))
    distances = [random.choice((-3200, -1600, -640, -320, 200)) for _ in range(layers)]
    overlaps = tuple(
        Overlap(f"t{i}", f"t{i + 1}", -sizes[i + 1], max(distance, -sizes[i + 1]))
        for i, distance in enumerate(distances)
    )
    return Problem(buffers, (RAM,), overlaps)


def least_chain_peak(problem: Problem) -> int:
    """The optimum of a `conv_chain`: which offsets can each buffer have under a given peak?

    They are the offsets up to the highest of its input plus the distance, and those from the end of
    its input at its lowest on.
    """

    def fits(peak: int) -> bool:
        lowest, highest = 0, peak - problem.buffers[0].bytes
        for i, overlap in enumerate(problem.overlaps):
            top = peak - problem.buffers[i + 1].bytes
            below = (0, min(highest + overlap.high, top))
            above = (lowest + problem.buffers[i].bytes, top)
            ranges = [r for r in (below, above) if r[0] <= r[1]]
            if not ranges:
                return False
            lowest, highest = min(r[0] for r in ranges), max(r[1] for r in ranges)
        return True

    peak = max(buffer.bytes for buffer in problem.buffers)
    while not fits(peak):
        peak += 20  # divides every size and distance
    return peak
