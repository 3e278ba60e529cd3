# SPDX-License-Identifier: Apache-2.0
"""Declares the flags of a gate: what a run may take, and what it must not be worse than."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from mcuforge.commands.numbers import bytes_of, count_of, tolerance_of

if TYPE_CHECKING:
    from mcuforge.flow.gate import Limits, PlanLimits


@dataclass(frozen=True)
class LimitFlags:
    """The flags with which a deploy fails its verdict: one field, one flag."""

    max_ram: Annotated[
        int | None,
        Option(
            metavar="BYTES",
            parser=bytes_of,
            help="Fail if the model takes more RAM in all (arena, static and stack): 64K. K is "
            "1,024 bytes, M 1,024 K.",
        ),
    ] = None
    max_flash: Annotated[
        int | None,
        Option(
            metavar="BYTES",
            parser=bytes_of,
            help="Fail if the model takes more flash (weights and code): 256K.",
        ),
    ] = None
    max_instructions: Annotated[
        float | None,
        Option(
            metavar="N",
            parser=count_of,
            help="Fail if an inference takes more instructions: 5M. k is 1,000, M a million.",
        ),
    ] = None
    min_accuracy: Annotated[
        float | None,
        Option(
            min=0.0,
            max=1.0,
            metavar="SHARE",
            help="Fail if the board names a smaller share of the labels of --data: 0.9.",
        ),
    ] = None
    baseline: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="Show what changed since this report (of --json), and fail if a figure got worse "
            "by more than --tolerance.",
        ),
    ] = None
    tolerance: Annotated[
        list[str] | None,
        Option(
            metavar="FIGURE=VALUE",
            help="ram=2%, flash=2%, instructions=2%, time=5%, accuracy=0.005 unless given; once "
            "per figure.",
        ),
    ] = None

    def record(self) -> Limits:
        """The limits as the gate takes them; wrong usage where a tolerance is of nothing."""
        from mcuforge.flow.gate import Limits

        if self.tolerance and self.baseline is None:
            raise typer.BadParameter("--tolerance is from a baseline: add --baseline FILE")
        if self.min_accuracy is not None and isnan(self.min_accuracy):  # in no range, out of none
            raise typer.BadParameter("--min-accuracy is nan, expected a number from 0 to 1")
        return Limits(
            max_ram=self.max_ram,
            max_flash=self.max_flash,
            max_instructions=self.max_instructions,
            min_accuracy=self.min_accuracy,
            baseline=self.baseline,
            tolerance=tolerance_of(self.tolerance or ()),
        )


@dataclass(frozen=True)
class PlanLimitFlags:
    """The flags with which a command fails that plans and builds nothing: one field, one flag."""

    max_arena: Annotated[
        int | None,
        Option(
            metavar="BYTES",
            parser=bytes_of,
            help="Fail if the arena takes more: 64K. K is 1,024 bytes, M 1,024 K.",
        ),
    ] = None
    max_weights: Annotated[
        int | None,
        Option(metavar="BYTES", parser=bytes_of, help="Fail if the constants take more: 256K."),
    ] = None
    max_instructions: Annotated[
        float | None,
        Option(
            metavar="N",
            parser=count_of,
            help="Fail if the estimated instructions of an inference are more: 5M. k is 1,000, M a "
            "million.",
        ),
    ] = None

    def record(self) -> PlanLimits:
        """The limits as the gate takes them."""
        from mcuforge.flow.gate import PlanLimits

        return PlanLimits(self.max_arena, self.max_weights, self.max_instructions)
