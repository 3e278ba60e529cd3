# SPDX-License-Identifier: Apache-2.0
"""What `mlperf` reports: windows of inferences, the benchmark's score, and its result files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from mcuforge.errors import CompileError
from mcuforge.report import wake_words
from mcuforge.report.files import refuse_unwritable, write_whole
from mcuforge.report.model import BoardFacts, ModelFacts
from mcuforge.report.wake_words import WakeWords

LEAST_SECONDS = 10.0  # of a window, by the benchmark's rules
INPUTS = 5  # of a performance run
RESULTS, RECORD, TRANSCRIPT = "results.txt", "results.json", "transcript.txt"


@dataclass(frozen=True)
class Window:
    """Inferences of one input, one after the other. `seconds` are the board's own."""

    file: str
    inferences: int
    seconds: float

    @property
    def rate(self) -> float:
        """Inferences in a second of the board."""
        return self.inferences / self.seconds


@dataclass(frozen=True)
class Performance:
    """Windows of the first five inputs, and the median of their rates.

    `clock`: "hardware", or "emulated": then a second is so many instructions, and no time.
    """

    windows: tuple[Window, ...]
    median_rate: float
    clock: Literal["hardware", "emulated"]


@dataclass(frozen=True)
class Accuracy:
    """The benchmark's score of all files sent.

    `metric` is "top-1", a share of the files, or "AUC", the area under the receiver operating
    characteristic; `by_machine` has the area of each machine id in the names of the files. `aim`:
    what the closed division asks for.
    """

    metric: Literal["top-1", "AUC"]
    value: float
    aim: float
    files: int
    of_files: int
    by_machine: Mapping[str, float]


@dataclass(frozen=True)
class EnergyWindow:
    """Inferences of one input between two edges of the timestamp pin.

    `seconds` are the board's own; `microjoules`: of one inference, None where none are measured.
    """

    file: str
    inferences: int
    seconds: float
    microjoules: float | None


@dataclass(frozen=True)
class Energy:
    """Windows of the first five inputs, and the medians of one inference.

    `clock` as in Performance. `millivolts`: what the power board supplied. `note` says that no
    energy is measured where none is, and is empty otherwise.
    """

    windows: tuple[EnergyWindow, ...]
    median_seconds: float
    median_microjoules: float | None
    millivolts: int | None
    clock: Literal["hardware", "emulated"]
    note: str


@dataclass(frozen=True)
class MlperfReport:
    """What `mlperf` found.

    The verdict is that of the score alone; "measured" where none was asked for. `not_by_rules`:
    what the rules ask for and this run does not do. `slowest_answer_s`: seconds of the host, of any
    command but `infer`.
    """

    model: ModelFacts
    board: BoardFacts
    verdict: Literal["pass", "fail", "measured"]
    reasons: tuple[str, ...]
    benchmark: str
    device: str
    performance: Performance | None
    accuracy: Accuracy | None
    energy: Energy | None
    slowest_answer_s: float
    not_by_rules: tuple[str, ...]
    wake_words: WakeWords | None = None


def broken_rules(
    measured: Performance | None, scored: Accuracy | None, energy: Energy | None = None
) -> Iterator[str]:
    """What the benchmark's rules ask for that these do not do."""
    for timed in (measured, energy):
        if timed is None:
            continue
        if timed.clock == "emulated":
            yield "an emulated board has no time" + (" and takes no energy" if energy else "")
        if len(timed.windows) < INPUTS:
            yield f"{len(timed.windows)} inputs were measured, the rules ask for {INPUTS}"
        shortest = min(window.seconds for window in timed.windows)
        if shortest < LEAST_SECONDS:
            yield f"a window took {shortest:.3f} s, the rules ask for {LEAST_SECONDS:g} s"
    if scored is not None and scored.files < scored.of_files:
        yield f"{scored.of_files - scored.files} of {scored.of_files} files were left out"


def lines(report: MlperfReport) -> Iterator[str]:
    """The report in words: what results.txt holds, in the order of the runner's own."""
    measured = report.performance
    if measured is not None:
        second = "s" if measured.clock == "hardware" else "emulated s"
        for number, window in enumerate(measured.windows, 1):
            yield f"Performance results for window {number}"
            yield f"    # Inferences : {window.inferences}"
            yield f"    Runtime: {window.seconds:.6f} {second}"
            yield f"    Throughput: {window.rate:.3f} inf./{second}"
        yield f"Median throughput is {measured.median_rate:.3f} inf./{second}"
        if measured.clock == "emulated":
            yield "An emulated second is a count of instructions, not a time."
    if report.energy is not None:
        yield from _energy_lines(report.energy)
    score = report.accuracy
    if score is not None:
        shown = f"{100 * score.value:.1f} %" if score.metric == "top-1" else f"{score.value:.3f}"
        aim = f"{100 * score.aim:.0f} %" if score.metric == "top-1" else f"{score.aim:.2f}"
        yield f"{score.metric} = {shown} of {score.files} files (the benchmark asks for {aim})"
        for machine, area in score.by_machine.items():
            yield f"    AUC of machine {machine} = {area:.3f}"
    if report.wake_words is not None:
        yield from wake_words.lines(report.wake_words)
    for rule in report.not_by_rules:
        yield f"Not valid for submission: {rule}"
    yield f"The slowest answer took {1000 * report.slowest_answer_s:.0f} ms of the host."


def _energy_lines(energy: Energy) -> Iterator[str]:
    second = "s" if energy.clock == "hardware" else "emulated s"
    for number, window in enumerate(energy.windows, 1):
        yield f"Energy window {number}"
        yield f"    # Inferences : {window.inferences}"
        yield f"    Between two edges: {window.seconds:.6f} {second}"
        if window.microjoules is not None:
            yield f"    Energy: {window.microjoules:.3f} uJ/inf."
    yield f"Median time between two edges is {energy.median_seconds:.6f} {second} per inference"
    if energy.median_microjoules is None:
        yield f"{energy.note[:1].upper()}{energy.note[1:]}: an emulated board takes none."
    else:
        volts = (energy.millivolts or 0) / 1000
        yield f"Median energy cost is {energy.median_microjoules:.3f} uJ/inf. at {volts:g} V"
    if energy.clock == "emulated":
        yield "An emulated second is a count of instructions, not a time."


def print_mlperf(report: MlperfReport, console: Console) -> None:
    """Print the report."""
    board = report.board
    emulated = f" (emulated by {board.stand_in})" if board.emulated else ""
    emulated = f" (exact ELF, emulated: {board.virtual})" if board.virtual else emulated
    console.print(f"{report.model.name} on {board.id}{emulated}: {report.benchmark}", markup=False)
    for line in lines(report):
        console.print(line, markup=False)
    for reason in report.reasons:
        console.print(f"reason:  {reason}", markup=False)
    colour = "red" if report.verdict == "fail" else "green"
    console.print(f"verdict: [{colour}]{report.verdict}[/{colour}]")


def make_folder(folder: Path) -> None:
    """Make the folder of results before anything runs; CompileError when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CompileError(
            f"the folder of results cannot be made: {error.strerror or error}",
            str(folder),
            "name another one with --out",
        ) from error
    refuse_unwritable(folder / RECORD)


def write_results(report: MlperfReport, folder: Path) -> None:
    """Write results.txt and results.json; CompileError when the folder cannot be written."""
    write_whole(folder / RESULTS, "".join(f"{line}\n" for line in lines(report)))
    write_whole(folder / RECORD, json.dumps(asdict(report), indent=2, allow_nan=False) + "\n")


@contextmanager
def transcript(folder: Path | None) -> Iterator[Callable[[str, str], None]]:
    """Take down what is said, and write transcript.txt however the conversation ends.

    Results of an earlier run do not stay beside the transcript of one that ended early. A run in
    which nothing was said changes nothing.
    """
    said: list[str] = []
    try:
        yield lambda side, text: said.append(f"{side} {text}\n")
    finally:
        if folder is not None and said:
            for name in (RESULTS, RECORD):
                (folder / name).unlink(missing_ok=True)
            write_whole(folder / TRANSCRIPT, "".join(said))
