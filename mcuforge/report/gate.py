# SPDX-License-Identifier: Apache-2.0
"""What a gate found: the user's limits, and what has changed since an earlier report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LimitFacts:
    """One limit. `found` is None where the figure is not known, which never passes.

    figure: "ram", "flash", "instructions" or "accuracy"; of a plan "arena", "weights" or
    "estimated_instructions". Accuracy must reach `allowed`, all others must not exceed it.
    """

    figure: str
    found: float | None
    allowed: float
    passed: bool


@dataclass(frozen=True)
class ChangeFacts:
    """One figure beside that of the baseline; None where a run has no such figure.

    change: a share of `before`, of accuracy the difference; positive where there is more now. None
    from 0 to more: nothing is a share of 0. allowed: how far it may get worse, in the unit of
    `change`. A figure that got worse within that is "worse", beyond it a "regression". "new": there
    was none.
    """

    figure: str
    before: float | None
    now: float | None
    change: float | None
    allowed: float
    judgement: Literal["same", "better", "new", "worse", "regression"]


@dataclass(frozen=True)
class GateFacts:
    """What was asked of a deploy, and what it came to; empty where nothing was asked."""

    limits: tuple[LimitFacts, ...] = ()
    baseline: str | None = None  # name of the earlier report's file
    same_model: bool | None = None  # whether its model file was the same to the byte
    compiler: str | None = None  # what built its firmware, with its version
    changes: tuple[ChangeFacts, ...] = ()


@dataclass(frozen=True)
class PlanGate:
    """What was asked of a plan."""

    limits: tuple[LimitFacts, ...] = ()
