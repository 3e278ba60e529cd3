# SPDX-License-Identifier: Apache-2.0
"""The report of a deploy: frozen records whose field names are the JSON keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ModelFacts:
    """The user's file."""

    name: str
    sha256: str
    format: str
    ops: int
    macs: int
    parameters: int


@dataclass(frozen=True)
class BoardFacts:
    """Where it ran. `stand_in` names the emulated machine, None on hardware."""

    id: str
    cpu: str
    isa: str
    emulated: bool
    stand_in: str | None


@dataclass(frozen=True)
class Toolchain:
    """What built it."""

    compiler: str
    version: str
    flags: str


@dataclass(frozen=True)
class Check:
    """The board's answers beside the reference's, over all samples."""

    reference: str
    data: str  # the data file's name, or how samples were drawn
    samples: int
    exact_samples: int
    mismatched_elements: int
    max_abs_diff: float
    accuracy: float | None  # of the board's answers against labels; None without either
    reference_accuracy: float | None
    top1_agreement: float | None  # board against reference; None for outputs of one element
    poisoned: bool = False  # all that is dead was overwritten between steps
    peer: str | None = None  # another runtime, shown beside the reference
    peer_max_abs_diff: float | None = None
    peer_judged: bool = False  # its agreement counts for the verdict
    # of a peer that computes the same integers (TFLite); None for one that is only near (ONNX),
    # with which accuracy and agreement are then measured
    peer_mismatched_elements: int | None = None  # the reference's elements that differ from its
    peer_operators: tuple[str, ...] = ()  # known to be computed otherwise, and here they were
    peer_unexplained: tuple[str, ...] = ()  # computed otherwise for no known cause
    peer_note: str = ""  # why nothing is said of its operators, where it differs


@dataclass(frozen=True)
class Ram:
    """Bytes. total = arena + static + stack; the test firmware's own buffers stand apart."""

    arena: int  # every activation, scratch and line buffer
    static: int  # .data and .bss of model and runtime
    stack: int  # worst case of the inference call tree, from the compiler's call graph
    stack_painted: int | None  # high-water mark measured on the board, interrupts included
    total: int
    budget: int
    test_firmware: int
    stack_assumed: int = 0  # of `stack`, for calls nobody can follow: a streamed input's source


@dataclass(frozen=True)
class FlashRegion:
    """One flash with weights: so many of them in its `bytes`; a greater `speed` is faster."""

    name: str
    weights: int
    bytes: int
    speed: int


@dataclass(frozen=True)
class Flash:
    """Bytes. total = weights + code; the test firmware's own code stands apart.

    budget: of the image's flash and of what else is in use.
    """

    weights: int
    code: int
    total: int
    budget: int
    test_firmware: int
    regions: tuple[FlashRegion, ...]  # the image's first


@dataclass(frozen=True)
class RegionUse:
    """One memory of the plan: `peak` of its `bytes` for arenas; a greater `speed` is faster."""

    name: str
    peak: int
    bytes: int
    speed: int


@dataclass(frozen=True)
class PlanFacts:
    """The memory plan. `optimal` only when proved."""

    peak: int
    lower_bound: int
    optimal: bool
    solver: str
    seconds: float
    regions: tuple[RegionUse, ...]
    deciding_layer: str
    optimize: str  # the goal: "balanced", "ram" or "speed"
    input: str  # "resident" or "streamed"
    resident_peak: int | None  # the peak with the input resident, where it is streamed


@dataclass(frozen=True)
class Run:
    """One inference. Emulated boards count instructions, never time."""

    instructions: int | None
    instructions_per_mac: float | None
    cycles: int | None
    microseconds: float | None


@dataclass(frozen=True)
class LayerFacts:
    """One layer: its cost and the arena bytes alive while it runs."""

    index: int
    name: str
    op: str
    macs: int
    instructions: int | None
    ram_live: int
    instructions_per_mac: float | None = None
    shape: tuple[int, ...] = ()  # of its output


@dataclass(frozen=True)
class OperatorFacts:
    """All layers of one operator together; `share` of the instructions of all layers."""

    op: str
    layers: int
    macs: int
    instructions: int
    instructions_per_mac: float | None
    share: float


@dataclass(frozen=True)
class Report:
    """Everything `deploy` found."""

    mcuforge: str
    model: ModelFacts
    board: BoardFacts
    toolchain: Toolchain
    verdict: Literal["pass", "fail"]
    reasons: tuple[str, ...]
    check: Check
    ram: Ram
    flash: Flash
    plan: PlanFacts
    run: Run
    layers: tuple[LayerFacts, ...]
