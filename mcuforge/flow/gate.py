# SPDX-License-Identifier: Apache-2.0
"""Fails a verdict whose figures exceed the user's limits, or are worse than an earlier report's."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.baseline import FIGURES, Baseline, read_baseline
from mcuforge.report.gate import ChangeFacts, GateFacts, LimitFacts, PlanGate
from mcuforge.report.gate_text import ACCURACY, change_reason, limit_reason
from mcuforge.report.model import Report

if TYPE_CHECKING:
    from mcuforge.compiler.compile import Planned
    from mcuforge.flow.data import Samples
    from mcuforge.flow.reach import Way


def figure_of(report: Report, figure: str) -> float | None:
    """The figure of a report that a key of FIGURES names; None where it has none."""
    found: float | None = attrgetter(FIGURES[figure])(report)
    return found


def _refuse_unbounded(record: Tolerance | Limits | PlanLimits) -> None:
    """Raise CompileError for numbers that nothing can be held against: nan, inf, negative ones."""
    for name in (f.name for f in fields(record)):
        value = getattr(record, name)
        if value is None or isinstance(value, Path | Tolerance):
            continue
        share = name == f"min_{ACCURACY}"
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not 0 <= value <= (1 if share else math.inf):
            wanted = "from 0 to 1" if share else "of 0 or more"
            raise CompileError(
                f"{name} is {value!r}, expected a number {wanted}",
                f"mcuforge.{type(record).__name__}",
                f"{name}={0.9 if share else 0.01 if isinstance(record, Tolerance) else 65536}",
            )


@dataclass(frozen=True)
class Tolerance:
    """How far a figure may get worse than in the baseline before the verdict fails.

    A share of the baseline's figure; of accuracy a difference: 0.005 is half a percentage point.
    CompileError for what is not a finite number of 0 or more.
    """

    ram: float = 0.02
    flash: float = 0.02
    instructions: float = 0.02
    time: float = 0.05
    accuracy: float = 0.005

    def __post_init__(self) -> None:
        _refuse_unbounded(self)

    def of(self, figure: str) -> float:
        """The tolerance of a key of FIGURES."""
        return float(getattr(self, figure))


@dataclass(frozen=True)
class Limits:
    """What a deploy may take, in bytes and instructions of one inference; None: no limit.

    baseline: the JSON report of an earlier run, which this one must not be worse than.
    CompileError for limits that are not finite numbers of 0 or more.
    """

    max_ram: int | None = None
    max_flash: int | None = None
    max_instructions: float | None = None
    min_accuracy: float | None = None
    baseline: Path | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)

    def __post_init__(self) -> None:
        _refuse_unbounded(self)

    def refuse_undecidable(self, way: Way, model: Path, data: Path | None) -> None:
        """Raise CompileError or BoardError for a limit of what a run in this way cannot know.

        model, data: as the user gave them.
        """
        if self.min_accuracy is not None and data is None:
            raise CompileError(
                f"--min-accuracy {self.min_accuracy:g} is given, and there are no labels",
                f"model {model.name}, without --data",
                "add --data FILE.npz with labels y, or leave --min-accuracy out",
            )
        if self.max_instructions is not None and way.name == "port":
            raise BoardError(
                "--max-instructions limits what an emulator counts, and --port is given",
                f"board {way.board}",
                "leave it out: hardware measures time, which --baseline compares",
            )


@dataclass(frozen=True)
class PlanLimits:
    """What a plan may take: bytes of arena and of weights, estimated instructions; None: no limit.

    These are the figures that are known before anything is built. CompileError as of Limits.
    """

    max_arena: int | None = None
    max_weights: int | None = None
    max_instructions: float | None = None

    def __post_init__(self) -> None:
        _refuse_unbounded(self)


@dataclass(frozen=True)
class Gate:
    """Limits with the baseline that they name, read."""

    limits: Limits
    baseline: Baseline | None

    @classmethod
    def open(cls, limits: Limits, way: Way, model: Path, data: Path | None) -> Gate:
        """Read the baseline, and refuse before any work what could never be decided.

        model, data: as the user gave them. Raises CompileError or BoardError.
        """
        limits.refuse_undecidable(way, model, data)
        baseline = None if limits.baseline is None else read_baseline(limits.baseline)
        if baseline is not None:
            baseline.refuse_other(model.name, way.board, way.name)
        return cls(limits, baseline)

    def admit(self, samples: Samples) -> None:
        """Raise CompileError for samples other than those of the baseline's accuracy."""
        if self.baseline is not None:
            self.baseline.refuse_other_samples(samples)

    def judged(self, report: Report) -> Report:
        """The report with what the gate found; its verdict fails where one exceeds its limit."""
        limits = tuple(self._limits(report))
        reasons = [limit_reason(limit) for limit in limits if not limit.passed]
        gate = GateFacts(limits)
        if self.baseline is not None:
            name = self.baseline.path.name
            changes = tuple(self._changes(self.baseline, report))
            same = self.baseline.sha256 == report.model.sha256
            gate = GateFacts(limits, name, same, self.baseline.compiler, changes)
            reasons += [change_reason(c, name) for c in changes if c.judgement == "regression"]
        verdict: Literal["pass", "fail"] = "fail" if reasons else report.verdict
        return replace(report, verdict=verdict, reasons=(*report.reasons, *reasons), gate=gate)

    def _limits(self, report: Report) -> list[LimitFacts]:
        asked = (
            ("ram", self.limits.max_ram),
            ("flash", self.limits.max_flash),
            ("instructions", self.limits.max_instructions),
            ("accuracy", self.limits.min_accuracy),
        )
        return [
            limit_facts(figure, figure_of(report, figure), allowed)
            for figure, allowed in asked
            if allowed is not None
        ]

    def _changes(self, baseline: Baseline, report: Report) -> list[ChangeFacts]:
        found = ((name, baseline.figures[name], figure_of(report, name)) for name in FIGURES)
        return [
            change_facts(figure, before, now, self.limits.tolerance.of(figure))
            for figure, before, now in found
            if before is not None or now is not None
        ]


def limit_facts(figure: str, found: float | None, allowed: float) -> LimitFacts:
    """Hold a figure against its limit."""
    if found is None:
        return LimitFacts(figure, None, allowed, False)
    passed = found >= allowed if figure == ACCURACY else found <= allowed
    return LimitFacts(figure, found, allowed, passed)


def change_facts(
    figure: str, before: float | None, now: float | None, allowed: float
) -> ChangeFacts:
    """Hold a figure against the baseline's.

    One that the baseline alone has is a regression, and so is more than 0: no share allows it.
    """
    if before is None or now is None:
        judgement: Literal["new", "regression"] = "regression" if now is None else "new"
        return ChangeFacts(figure, before, now, None, allowed, judgement)
    change = now - before
    if figure != ACCURACY and change:
        if not before:
            return ChangeFacts(figure, before, now, None, allowed, "regression")
        change = change / before
    change = round(change, 9)  # of a float's noise
    worse = -change if figure == ACCURACY else change
    if change == 0:
        return ChangeFacts(figure, before, now, 0.0, allowed, "same")
    if worse < 0:
        return ChangeFacts(figure, before, now, change, allowed, "better")
    kind: Literal["worse", "regression"] = "regression" if worse > allowed else "worse"
    return ChangeFacts(figure, before, now, change, allowed, kind)


def gate_plan(planned: Planned, weights_bytes: int, limits: PlanLimits) -> PlanGate:
    """Hold a plan against its limits; its instructions are the cost model's estimate.

    weights_bytes: of the constants that its C has.
    """
    from mcuforge.compiler.schedule.cost import schedule_costs

    instructions = round(sum(schedule_costs(planned.schedule, planned.isa)))
    asked = (
        ("arena", planned.arena_bytes, limits.max_arena),
        ("weights", weights_bytes, limits.max_weights),
        ("estimated_instructions", instructions, limits.max_instructions),
    )
    return PlanGate(
        tuple(
            limit_facts(figure, found, allowed)
            for figure, found, allowed in asked
            if allowed is not None
        )
    )


def refuse_over_limits(gate: PlanGate, planned: Planned) -> None:
    """Raise CompileError where a plan exceeds a limit: every such figure, found and allowed."""
    over = [limit_reason(limit) for limit in gate.limits if not limit.passed]
    if over:
        raise CompileError(
            f"the plan is over {'its limit' if len(over) == 1 else f'{len(over)} limits'}: "
            f"{'; '.join(over)}",
            planned.deciding_layer(),
            "a smaller model, another --optimize, or a higher limit",
        )
