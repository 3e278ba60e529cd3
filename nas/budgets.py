# SPDX-License-Identifier: Apache-2.0
"""How much a search may do: numbers of samples, evaluations and seeds, never seconds.

A search with the same budget, seed and data gives the same result on a quiet and on a busy machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

BudgetName = Literal["quick", "standard", "long"]


@dataclass(frozen=True)
class Budget:
    """The extent of every stage of a search; `samples` are images or series seen in training."""

    train: int | None  # samples of the data's training part that are used; None: all
    drawn: int  # architectures that fit, drawn evenly
    varied: int  # those and others near them: what the shared weights are trained for
    kinds: int  # samples that shared weights of each kind of block see, before one is chosen
    supernet: int  # samples seen by the shared weights
    batch: int  # of all trainings: few samples need many small steps
    seeds: int
    evaluations: int  # of each method and seed
    held: int | None  # held-out samples that shared weights are evaluated on; None: all
    ranked: int  # networks trained alone, beside their accuracy with shared weights
    ranked_samples: int
    tried: int  # of the most accurate: trained alone for a short time, the best to the end
    tried_samples: int
    final_samples: int
    aware_samples: int  # of quantization-aware training
    formulas: int  # architectures that other rules than the compiler's are compared on
    host: int | None  # test samples that the C answers on this machine; None: all
    board: int  # and on the board
    baselines: bool  # whether hand-made networks are trained to the end as well


BUDGETS: Mapping[BudgetName, Budget] = {
    "quick": Budget(
        train=5_000,
        drawn=60,
        varied=200,
        kinds=8_000,
        supernet=40_000,
        batch=32,
        seeds=3,
        evaluations=24,
        held=500,
        ranked=0,
        ranked_samples=0,
        tried=2,
        tried_samples=10_000,
        final_samples=40_000,
        aware_samples=5_000,
        formulas=40,
        host=500,
        board=100,
        baselines=False,
    ),
    "standard": Budget(
        train=None,
        drawn=150,
        varied=1_000,
        kinds=40_000,
        supernet=800_000,
        batch=64,
        seeds=10,
        evaluations=32,
        held=2_000,
        ranked=10,
        ranked_samples=22_500,
        tried=4,
        tried_samples=45_000,
        final_samples=450_000,
        aware_samples=45_000,
        formulas=200,
        host=None,
        board=1_000,
        baselines=True,
    ),
    "long": Budget(
        train=None,
        drawn=1_000,
        varied=4_000,
        kinds=225_000,
        supernet=4_500_000,
        batch=128,
        seeds=10,
        evaluations=288,
        held=None,
        ranked=12,
        ranked_samples=135_000,
        tried=8,
        tried_samples=225_000,
        final_samples=5_400_000,
        aware_samples=180_000,
        formulas=1_000,
        host=None,
        board=1_000,
        baselines=True,
    ),
}
