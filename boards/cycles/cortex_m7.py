# SPDX-License-Identifier: Apache-2.0
"""Cortex-M7 timings: two instructions per cycle, in order.

Arm documents no timing table of this core. The pipes, latencies and rules of pairing here are those
of LLVM's scheduling model (llvm/lib/Target/ARM/ARMScheduleM7.td), simplified; docs/cycles.md
compares the two. Caches and tightly coupled memories always hit; data addresses are not looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mcuforge.boards.cycles.instruction import Instruction, Kind

MISPREDICT = 6  # ARMScheduleM7.td: "Mispredict cost for forward branches is 6"
DIVIDE = 7
FLOAT_LATENCY = 3
FLOAT_DIVIDE = 16
TABLE_BRANCH = 2
BRANCH_LATENCY = 2
# how many of a pipe there are
PIPES = {"alu": 2, "load": 2, "store": 1, "shift": 1, "mac": 1, "branch": 1, "simd": 1, "float": 1}
_EX1 = 1  # operands needed one cycle before those of plain arithmetic: addresses, shifted operands
_LATE = -1  # operands needed one cycle later: the sum of a multiply-accumulate, stored values
_LATE_SIMD = ("ssat", "usat", "qadd", "qsub", "qdadd", "qdsub", "usad", "usada")
_EARLY_SIMD = ("rev", "rbit", "ssat", "usat", "sbfx", "ubfx", "qdadd", "qdsub")
_SLOW_LOADS = ("ldrb", "ldrh", "ldrsb", "ldrsh")
_SHIFTING_SIMD = ("rev", "rbit", "ssat", "usat", "sbfx", "ubfx", "bf", "pkh", "sxta", "uxta")


@dataclass
class _Pipeline:
    """The state of issue: the cycle, what was issued in it, and when registers are there."""

    cycle: int = 0
    issued: int = 0
    closed: bool = False  # no other instruction may join this cycle
    used: dict[str, int] = field(default_factory=dict)
    ready: dict[str, int] = field(default_factory=dict)

    def wait(self, cycle: int) -> None:
        """Go on to `cycle` (a later one)."""
        self.cycle, self.issued, self.closed = cycle, 0, False
        self.used.clear()

    def issue(self, this: Instruction) -> None:
        """Issue in the first cycle in which the operands, a slot and the pipes are free."""
        alone = _alone(this)
        first = this.kind is Kind.SIMD  # it can only be the first of a pair
        pipes = _pipes(this)
        awaited = [self.ready[r] + _early(this, r) for r in this.reads if r in self.ready]
        earliest = max(awaited, default=0)
        if earliest > self.cycle:
            self.wait(earliest)
        busy = any(self.used.get(pipe, 0) >= PIPES[pipe] for pipe in pipes)
        if self.issued and (self.closed or self.issued == 2 or busy or alone or first):
            self.wait(self.cycle + 1)
        for pipe in pipes:
            self.used[pipe] = self.used.get(pipe, 0) + 1
        self.issued += 1
        self.closed = self.closed or alone
        for register in this.writes:
            self.ready[register] = self.cycle + _latency(this, register)
        stall = _occupies(this) - 1
        if stall:
            self.wait(self.cycle + stall)
            self.issued, self.closed = 1, True


def cycles(before: Sequence[Instruction], block: Sequence[Instruction], taken: bool) -> int:
    """Price from the last issue in `before` to the last issue in `block`. See `Core`."""
    pipeline = _Pipeline()
    for instruction in before:
        pipeline.issue(instruction)
    start = pipeline.cycle
    if before and taken:
        pipeline.closed = True  # the instruction at the target is fetched for the next cycle
    for instruction in block:
        pipeline.issue(instruction)
    return pipeline.cycle - start + (0 if before else 1)


def _alone(this: Instruction) -> bool:
    many = this.kind in (Kind.LOAD_MANY, Kind.STORE_MANY)
    return many or this.kind is Kind.DIVIDE or this.name in ("tbb", "tbh")


def _pipes(this: Instruction) -> tuple[str, ...]:
    match this.kind:
        case Kind.ALU:
            return ("alu", "shift") if this.shifted else ("alu",)
        case Kind.SHIFT:
            return ("alu", "shift")
        case Kind.SIMD:
            shifts = this.name.startswith(_SHIFTING_SIMD)
            return ("alu", "simd", "shift") if shifts else ("alu", "simd")
        case Kind.MULTIPLY:
            return ("mac",)
        case Kind.LOAD | Kind.LOAD_MANY:
            return ("load",)
        case Kind.STORE | Kind.STORE_MANY:
            return ("store",)
        case Kind.BRANCH:
            return ("branch",)
        case Kind.FLOAT:
            return ("float",)
        case Kind.DIVIDE:
            return ("alu",)
        case Kind.IT | Kind.NOP:
            return ()


def _occupies(this: Instruction) -> int:
    """Count the cycles until an instruction can issue behind one that issues alone."""
    if this.kind is Kind.DIVIDE:
        return DIVIDE
    if this.kind in (Kind.LOAD_MANY, Kind.STORE_MANY):
        return (this.transfers + 1) // 2  # both kinds of memory give 64 bits a cycle
    return TABLE_BRANCH if this.name in ("tbb", "tbh") else 1


def _latency(this: Instruction, register: str) -> int:
    """Count the cycles from issue until plain arithmetic can use the result."""
    if register in this.moved:
        return 0  # there before the data of a load
    match this.kind:
        case Kind.MULTIPLY:
            return 2
        case Kind.LOAD:
            return 2 if this.name in _SLOW_LOADS else 1
        case Kind.LOAD_MANY:
            return _occupies(this)
        case Kind.SIMD:
            return 2 if this.name.startswith(_LATE_SIMD) else 1
        case Kind.FLOAT:
            return FLOAT_DIVIDE if this.name in ("vdiv", "vsqrt") else FLOAT_LATENCY
        case Kind.BRANCH:
            return BRANCH_LATENCY
        case _:
            return 1


def _early(this: Instruction, register: str) -> int:
    """Count the cycles by which `this` needs a register before plain arithmetic would."""
    if register in this.address_reads:
        return _EX1
    if this.kind in (Kind.STORE, Kind.STORE_MANY) or register == this.accumulator:
        return _LATE
    early_simd = this.kind is Kind.SIMD and this.name.startswith(_EARLY_SIMD)
    return _EX1 if register == this.shifted or early_simd else 0
