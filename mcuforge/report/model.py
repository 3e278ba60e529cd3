# SPDX-License-Identifier: Apache-2.0
"""What commands report: frozen records whose field names are the JSON keys, in their order.

Every command's record stands here, below everything that fills or prints one. `write_json` puts
`schema` and `mcuforge`, the version, in front of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mcuforge.compiler.judges import EXACT_MARK
from mcuforge.report.gate import GateFacts, PlanGate

if TYPE_CHECKING:
    from mcuforge.boards.catalog.board import Board
    from mcuforge.boards.doctor import ToolStatus
    from mcuforge.compiler.compile import PlanOptions
    from mcuforge.compiler.frontends.common import OperatorSupport, SupportedOperator

JUDGED_SAMPLES = 200  # the peer's agreement is judged on so many of the user's samples, or more
LEAST_AGREEMENT = 0.985  # with a peer that is only near: some samples lie between two classes

# What is built around a model. check: for any model; mlperf: the same, of a model that MLPerf Tiny
# has a benchmark for, with RAM for its inputs; mlperf-energy: that for measurements of energy.
Firmware = Literal["check", "mlperf", "mlperf-energy"]


@dataclass(frozen=True)
class ModelFacts:
    """The user's file."""

    name: str
    sha256: str
    format: str
    ops: int
    macs: int
    parameters: int
    notes: tuple[str, ...] = ()
    signature: str = ""  # which one of a .tflite file's signatures it is
    signatures: tuple[str, ...] = ()  # all of them


@dataclass(frozen=True)
class BoardFacts:
    """The board. `stand_in` names the emulated machine; None on hardware.

    `virtual` names the virtual chip that ran the image for the hardware; None without --exact.
    `ran_as`: "hardware", "exact ELF, emulated", "stand-in, emulated", or "emulated" for a board
    that QEMU models itself.
    """

    id: str
    cpu: str
    isa: str
    emulated: bool
    stand_in: str | None
    virtual: str | None
    ran_as: str

    @property
    def where(self) -> str:
        """What the image ran on: 'stand-in, emulated by qemu-system-arm -M mps2-an386'."""
        machine = self.virtual or self.stand_in
        return self.ran_as if machine is None else f"{self.ran_as} by {machine}"


@dataclass(frozen=True)
class Toolchain:
    """The compiler that built the firmware, with its flags."""

    compiler: str
    version: str
    flags: str
    stack_bound_by: str | None = None  # another compiler, if this one writes no call graph


@dataclass(frozen=True)
class Check:
    """The board's answers compared with the reference's, over all samples."""

    reference: str
    data: str  # the data file's name, or how samples were drawn
    samples: int
    exact_samples: int
    mismatched_elements: int
    max_abs_diff: float
    accuracy: float | None  # of the board, against labels; None without labels or classes
    reference_accuracy: float | None
    top1_agreement: float | None  # board against reference; None for outputs of one element
    poisoned: bool = False  # the board overwrote all dead bytes between steps
    peer: str | None = None  # another runtime, shown beside the reference
    peer_max_abs_diff: float | None = None
    peer_judged: bool = False  # its agreement counts for the verdict
    # Elements in which a peer that computes the same integers (TFLite) differs from the reference.
    # None for a peer that is only near (ONNX): accuracy and agreement are then against the peer.
    peer_mismatched_elements: int | None = None
    peer_operators: tuple[str, ...] = ()  # operators that differ here for a known cause
    peer_unexplained: tuple[str, ...] = ()  # operators that differ here for no known cause
    peer_note: str = ""  # why no operators are named although the peer differs
    data_sha256: str = ""  # of the samples that ran, as they were given, and of their labels

    @property
    def peer_is_near(self) -> bool:
        """True where the peer computes in float what mcuforge computes in integers."""
        return self.peer is not None and self.peer_mismatched_elements is None

    @property
    def exact_reference(self) -> str:
        """The name of what the board's answers must equal, without the peer."""
        return self.reference.partition(EXACT_MARK)[0]


@dataclass(frozen=True)
class Ram:
    """RAM in bytes. total = arena + static + stack; the test firmware's own is not part of it."""

    arena: int  # every activation, scratch and line buffer
    static: int  # .data and .bss of model and runtime
    stack: int  # worst case of the inference call tree, from the compiler's call graph
    stack_painted: int | None  # high-water mark measured on the board, interrupts included
    total: int
    budget: int
    test_firmware: int
    stack_assumed: int = 0  # part of `stack`: for calls into the user's source of streamed rows


@dataclass(frozen=True)
class FlashRegion:
    """One flash: `weights` of its `bytes` hold weights. A greater `speed` is faster."""

    name: str
    weights: int
    bytes: int
    speed: int


@dataclass(frozen=True)
class Flash:
    """Flash in bytes. total = weights + code; the test firmware's own code is not part of it.

    budget: size of the image's flash and of every other flash in use.
    """

    weights: int
    code: int
    total: int
    budget: int
    test_firmware: int
    regions: tuple[FlashRegion, ...]  # the image's first


@dataclass(frozen=True)
class RegionUse:
    """One memory of the plan: arenas use `peak` of its `bytes`. A greater `speed` is faster."""

    name: str
    peak: int
    bytes: int
    speed: int


@dataclass(frozen=True)
class PlanFacts:
    """The memory plan. `optimal` only when proved. `asked` gives what the user asked for."""

    peak: int
    lower_bound: int
    optimal: bool
    solver: str
    effort: float  # the limit of the search, in units that it counts itself; no clock stops it
    effort_reached: bool  # it stopped there; more effort might find a better plan
    seconds: float
    regions: tuple[RegionUse, ...]
    deciding_layer: str
    optimize: str  # the goal: "balanced", "ram" or "speed"
    input: str  # "resident" or "streamed"
    resident_peak: int | None  # the peak if the input were resident; None where it is


def asked(options: PlanOptions) -> dict[str, str]:
    """What the user asked of a plan, for the keyword arguments of PlanFacts."""
    return {"optimize": options.goal, "input": "streamed" if options.streamed else "resident"}


@dataclass(frozen=True)
class Run:
    """The cost of one inference. Emulated boards count instructions, hardware cycles and time.

    clock_hz, wait_states, caches: what the chip's registers said afterwards; None where the
    firmware cannot tell.

    boot_instructions, boot_milliseconds: from reset to the firmware's first byte on a virtual chip,
    in virtual time, where an instruction takes one cycle. The transfer of one sample too, if bytes
    take their time on the line (--line-speed): both directions, without the inference.
    """

    instructions: int | None
    instructions_per_mac: float | None
    cycles: int | None
    microseconds: float | None
    cycles_per_mac: float | None = None
    clock_hz: int | None = None
    wait_states: int | None = None  # of the flash; a serial one has none
    caches: str | None = None  # "instruction, data"; "none" if all are off
    boot_instructions: int | None = None
    boot_milliseconds: float | None = None
    transfer_baud: int | None = None
    transfer_bytes: int | None = None
    transfer_milliseconds: float | None = None


def per_mac(cost: int | None, macs: int) -> float | None:
    """A cost divided by MACs, to four places; None where one of the two is missing."""
    return None if cost is None or not macs else round(cost / macs, 4)


@dataclass(frozen=True)
class LayerFacts:
    """One layer: its cost, and the bytes of arena alive while it runs.

    cycles, microseconds: of hardware; an emulator counts instructions instead.
    """

    index: int
    name: str
    op: str
    macs: int
    instructions: int | None
    ram_live: int
    instructions_per_mac: float | None = None
    shape: tuple[int, ...] = ()  # of its output
    cycles: int | None = None
    cycles_per_mac: float | None = None
    microseconds: float | None = None

    @property
    def cost(self) -> float | None:
        """What was measured: instructions, cycles or microseconds, as for all layers of a run."""
        if self.instructions is not None:
            return self.instructions
        return self.microseconds if self.cycles is None else self.cycles


@dataclass(frozen=True)
class OperatorFacts:
    """All layers of one operator together; `share`: of the cost of all layers."""

    op: str
    layers: int
    macs: int
    instructions: int | None
    instructions_per_mac: float | None
    share: float
    cycles: int | None = None
    cycles_per_mac: float | None = None
    microseconds: float | None = None


@dataclass(frozen=True)
class Report:
    """What `deploy` found."""

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
    gate: GateFacts = field(default_factory=GateFacts)


@dataclass(frozen=True)
class CheckReport:
    """What `check` found."""

    model: ModelFacts
    board: BoardFacts
    verdict: Literal["pass", "fail"]
    reasons: tuple[str, ...]
    check: Check


@dataclass(frozen=True)
class EstimateError:
    """How far published cycles were from such estimates, in whole percent rounded outwards."""

    below_percent: int
    above_percent: int


@dataclass(frozen=True)
class LayerCycles:
    """One layer's part of a cycle estimate; the parts add up to the whole."""

    index: int
    cycles: int
    cycles_per_mac: float | None


@dataclass(frozen=True)
class CycleEstimate:
    """Estimated cycles of one inference on a core that never waits for memory."""

    cycles: int
    cycles_per_mac: float | None
    cycles_per_instruction: float
    core: str
    clock_hz: int | None  # None for a board that exists only in the emulator
    milliseconds: float | None
    error: EstimateError
    layers: tuple[LayerCycles, ...]


@dataclass(frozen=True)
class BenchReport:
    """What `bench` counted."""

    model: ModelFacts
    board: BoardFacts
    toolchain: Toolchain
    run: Run
    layers: tuple[LayerFacts, ...]
    operators: tuple[OperatorFacts, ...]  # most expensive first
    estimated_cycles: CycleEstimate | None = None  # only with --cycles; never measured


@dataclass(frozen=True)
class BufferFacts:
    """One buffer of a plan: alive during steps [begin, end), at `offset` of `region`'s arena."""

    name: str
    bytes: int
    begin: int
    end: int
    region: str
    offset: int


@dataclass(frozen=True)
class PlanReport:
    """What `plan` found."""

    model: ModelFacts
    board: BoardFacts
    plan: PlanFacts
    buffers: tuple[BufferFacts, ...]
    layers: tuple[LayerFacts, ...]
    gate: PlanGate = field(default_factory=PlanGate)


@dataclass(frozen=True)
class OutsideWeights:
    """Constants that do not lie in the image's flash: `bytes` of them in the flash `name`."""

    name: str
    bytes: int


@dataclass(frozen=True)
class CompileReport:
    """What `compile` wrote."""

    model: ModelFacts
    board: BoardFacts
    plan: PlanFacts
    layers: tuple[LayerFacts, ...]
    folder: str
    files: tuple[str, ...]  # in the folder, by name
    kernels: tuple[str, ...]  # those that the model calls
    weights: int  # bytes of constants
    outside_weights: tuple[OutsideWeights, ...]
    verdict: Literal["pass", "fail"]
    reasons: tuple[str, ...]
    gate: PlanGate = field(default_factory=PlanGate)


@dataclass(frozen=True)
class FileFacts:
    """A model file that `quantize` read or wrote; `bytes` counts its data files too."""

    name: str
    sha256: str
    bytes: int
    data_files: tuple[str, ...] = ()  # beside it, with a part of its weights


@dataclass(frozen=True)
class Calibration:
    """The samples that set the ranges of activations, and how activations and weights scale."""

    data: str
    samples: int
    asymmetric: bool
    per_channel: bool
    looks_random: bool = False  # neighbouring values of its images have nothing in common


@dataclass(frozen=True)
class Answers:
    """Float compared with int8 over all samples, both run by onnxruntime.

    None for what takes labels or classes, where there are none. relative_error: the root of the
    mean square by which the first output differs, as a share of how much float answers differ from
    sample to sample; None where they do not.
    """

    samples: int
    float_accuracy: float | None
    int8_accuracy: float | None
    accuracy_drop: float | None
    top1_agreement: float | None
    relative_error: float | None = None


@dataclass(frozen=True)
class QuantizeReport:
    """What `quantize` wrote and found.

    `verdict`: whether mcuforge reads the file, and int8 answers as float does.
    """

    model: FileFacts
    output: FileFacts
    calibration: Calibration
    answers: Answers
    verdict: Literal["pass", "fail"]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class OperatorTable:
    """What `ops` lists: every supported operator by name, and the kernels.

    kernels: by kernel, the instruction sets that have a version of their own.
    """

    operators: Mapping[str, SupportedOperator]  # of TFLite
    onnx: Mapping[str, SupportedOperator]
    kernels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ModelOperators:
    """What `ops MODEL` found: every operator of the file, in the file's order, and what to do."""

    operators: tuple[OperatorSupport, ...]
    next_steps: str  # one line: what to change about the refused ones, in order
    signature: str = ""  # as in ModelFacts
    signatures: tuple[str, ...] = ()


@dataclass(frozen=True)
class BoardList:
    """What `boards` lists."""

    boards: tuple[Board, ...]


@dataclass(frozen=True)
class EmulatedBoard:
    """What `emulate` keeps running: the board, the model in its firmware, the port to open.

    Firmware for energy measurements has virtual instruments around it: `port` is then that of the
    interface board, `power_port` that of the power board, and `energy` says what its samples are.
    """

    board: str
    model: str
    port: str
    baud: int
    power_port: str | None = None
    energy: str | None = None


@dataclass(frozen=True)
class InterpreterFacts:
    """An installed TFLite interpreter, and the operators it computes unlike 2.14."""

    name: str
    differs_in: tuple[str, ...]


@dataclass(frozen=True)
class DoctorReport:
    """What `doctor` found on this machine."""

    tools: tuple[ToolStatus, ...]
    reference: str | None
    interpreters: tuple[InterpreterFacts, ...]
    peer: str | None
