# SPDX-License-Identifier: Apache-2.0
"""What `mcuforge search` reports: frozen records whose field names are the JSON keys.

Accuracies are shares, RAM and flash bytes, instructions those of one inference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mcuforge.report.model import BoardFacts, Report

Verdict = Literal["pass", "fail"]


@dataclass(frozen=True)
class SpaceFacts:
    """The space: how many architectures it has, and the digest of its file."""

    name: str
    title: str
    digest: str
    architectures: int
    choices: int


@dataclass(frozen=True)
class DataFacts:
    """The data set; `shape` is (rows, columns, channels) or (samples, channels).

    `held_out_shared`: those of the held-out samples that shared weights are evaluated on.
    """

    origin: str
    digest: str
    kind: Literal["images", "series"]
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    train: int
    held_out: int
    held_out_shared: int
    test: int


@dataclass(frozen=True)
class Limits:
    """What a network may take, the check firmware apart."""

    ram: int
    flash: int
    instructions: float | None


@dataclass(frozen=True)
class Formula:
    """What another rule than the compiler's says of the architectures asked about here."""

    name: str  # "layer peak", "MCUFormer"
    asked: int  # architectures, drawn evenly; nothing but RAM is looked at
    fit: int
    refused_needlessly: int  # of those that fit, by the formula
    admitted: int  # by the formula
    admitted_wrongly: int  # of these, that do not fit


@dataclass(frozen=True)
class Refused:
    """An architecture that does not fit, drawn evenly, and the limits that it passes."""

    genome: str
    limits: tuple[str, ...]
    ram: int  # at least so much, or a little more: see `compiler.estimate`
    flash: int
    instructions: float


@dataclass(frozen=True)
class Feasibility:
    """Architectures asked about before anything was evaluated, and what refused them."""

    asked: int
    refused: int
    by_limit: Mapping[str, int]  # one may pass several limits
    by_tier: Mapping[str, int]  # of the estimate that decided
    examples: tuple[Refused, ...]
    formulas: tuple[Formula, ...]


@dataclass(frozen=True)
class Training:
    """A training of PyTorch's: images or series seen, and the time it took."""

    samples: int
    core_seconds: float
    device: str
    recipe: Mapping[str, object]


@dataclass(frozen=True)
class KindTrial:
    """Shared weights of one kind of block after a short training; the best kind is searched."""

    kind: str
    samples: int
    networks: int  # that were evaluated, from few to many instructions
    mean: float  # of their accuracies on the held-out samples


@dataclass(frozen=True)
class Point:
    """An architecture that was evaluated with shared weights on the held-out samples."""

    genome: str
    method: str  # the first that proposed it
    seed: int
    accuracy: float
    ram: int
    flash: int
    instructions: float


@dataclass(frozen=True)
class MethodResult:
    """One method over all seeds: its most accurate architecture, and the hypervolume it covers.

    p values are those of a paired one-sided test that `evolution` is better; None for itself and
    where there are too few seeds.
    """

    name: str
    evaluations: float  # mean over seeds
    seeds: int
    best_mean: float
    best_deviation: float
    hypervolume_mean: float
    hypervolume_deviation: float
    p_best: float | None
    p_hypervolume: float | None


@dataclass(frozen=True)
class RankCheck:
    """Accuracies with shared weights beside those of the same networks trained alone, shortly."""

    genomes: tuple[str, ...]
    shared: tuple[float, ...]
    alone: tuple[float, ...]
    tau: float | None  # Kendall's; None where all accuracies are equal


@dataclass(frozen=True)
class Costs:
    """RAM, flash and instructions of one network."""

    ram: int
    flash: int
    instructions: float | None


@dataclass(frozen=True)
class Finalist:
    """A network trained to the end, quantized and deployed.

    `name` is "evolution", or a baseline's. Accuracies are of the test samples: float, the int8
    file's in onnxruntime, and the board's on `board_samples` of them. `held_out_*`: of the held-out
    samples, which decisions are made by.
    """

    name: str
    genome: str
    choices: Mapping[str, object]
    macs: int
    parameters: int
    file: str  # the int8 model, in the search's folder
    held_out_float: float
    held_out_int8: float
    quantization_aware: bool  # since quantizing alone lost more than 1 %
    test_float: float
    test_int8: float
    host_samples: int  # that the generated C answered on this machine
    host_accuracy: float
    board_samples: int
    board_accuracy: float | None
    estimated: Costs
    deployed: Costs
    training: Training


@dataclass(frozen=True)
class SearchReport:
    """A whole search. `command` runs it again."""

    command: str
    seed: int
    budget: str
    board: BoardFacts
    space: SpaceFacts
    data: DataFacts
    limits: Limits
    feasibility: Feasibility
    kinds: tuple[KindTrial, ...]  # empty where there is nothing to choose; the best one first
    supernet: Training
    supernet_weights: int
    methods: tuple[MethodResult, ...]
    points: tuple[Point, ...]
    ranks: RankCheck | None
    finalists: tuple[Finalist, ...]  # the winner first
    winner: Report  # of its deployment
    stages: Mapping[str, float]  # core seconds of each, those of resumed parts included
    versions: Mapping[str, str]  # of what the result depends on
    verdict: Verdict
    reasons: tuple[str, ...]
