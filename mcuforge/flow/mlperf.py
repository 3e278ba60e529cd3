# SPDX-License-Identifier: Apache-2.0
"""Runs an MLPerf Tiny benchmark as its official runner does: by text commands, on any board.

The rules: the same firmware in both modes; performance is the median over five inputs, each run for
ten seconds or more; accuracy is the share of files whose largest result is the label's (top-1), and
for anomaly detection the area under the receiver operating characteristic of each file's mean
squared error. Source: mlcommons/tiny, benchmark/runner, and the rules of the closed division.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mcuforge.boards.link.text import TextLink
from mcuforge.compiler.codegen.check import BENCHMARKS, Benchmark, benchmark_of, db_bytes
from mcuforge.compiler.codegen.model import GeneratedModel
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.stimuli import Stimulus
from mcuforge.report.mlperf import INPUTS, Accuracy, Performance, Window
from mcuforge.report.progress import Stages

Values = NDArray[np.float64]

WARMUPS = 10
FASTER = 1.02  # a window is asked for that is so much longer: inferences differ a little
TRIES = 4  # of a window that turned out too short
MOST_INFERENCES = 1_000_000_000  # that the firmware takes
AIMS: Mapping[str, float] = {"kws01": 0.90, "ic01": 0.85, "vww01": 0.80, "ad01": 0.85}


@dataclass(frozen=True)
class Task:
    """A model's benchmark: its id, and the bytes of an input as they are sent."""

    id: str
    wire_bytes: int

    @property
    def metric(self) -> Literal["top-1", "AUC"]:
        """The score of its accuracy mode."""
        return "AUC" if self.id == "ad01" else "top-1"

    @classmethod
    def of(cls, model: GeneratedModel, name: str) -> Task:
        """The benchmark of a model; CompileError where MLPerf Tiny has none of its sizes.

        name: the user's file, for the error.
        """
        found = benchmark_of(model)
        if found not in BENCHMARKS:
            raise CompileError(
                f"MLPerf Tiny has no benchmark with {found.input_bytes} bytes of input and "
                f"{found.output_elements} results",
                name,
                f"its models: {', '.join(_sizes(b) for b in BENCHMARKS)}",
            )
        return cls(found.id, db_bytes(model))


def _sizes(benchmark: Benchmark) -> str:
    return f"{benchmark.id} ({benchmark.input_bytes} to {benchmark.output_elements})"


def greet(link: TextLink, task: Task) -> str:
    """Ask the board who it is; returns its name.

    Raises BoardError when its firmware has another model, or no RAM for an input of the runner.
    """
    name = identify(link, task)
    if any("exceeds maximum" in line for line in link.command(f"db load {task.wire_bytes}")):
        raise no_room(task.wire_bytes, name)
    return name


def identify(link: TextLink, task: Task) -> str:
    """Ask the board who it is; returns its name. BoardError when its firmware has another model."""
    name, model = link.name(), link.profile()
    if model != task.id:
        raise BoardError(
            f"the firmware on the board runs '{model}', the model is one of '{task.id}'",
            name,
            "deploy this model first",
        )
    return name


def no_room(wire_bytes: int, where: str) -> BoardError:
    """Make the error for a board that cannot hold an input of the runner."""
    return BoardError(
        f"the board has no RAM for {wire_bytes:,} bytes beside the model: the benchmark sends a "
        "whole input before it is run",
        where,
        "choose a board with more RAM; `mcuforge deploy` checks the model without that copy",
    )


def measure(
    link: TextLink, stimuli: Sequence[Stimulus], seconds: float, stages: Stages, *, emulated: bool
) -> Performance:
    """Run a window of at least `seconds` of the board for each of the first five inputs."""
    windows = []
    with stages.counted("performance windows", min(INPUTS, len(stimuli))) as counter:
        for stimulus in stimuli[:INPUTS]:
            link.load(stimulus.windows[0])
            windows.append(_window(link, stimulus.name, seconds))
            counter.advance()
    clock: Literal["hardware", "emulated"] = "emulated" if emulated else "hardware"
    return Performance(tuple(windows), median(window.rate for window in windows), clock)


def _window(link: TextLink, name: str, seconds: float) -> Window:
    """Run one input for `seconds`: a first inference tells how many are needed."""
    window = _timed(link, name, 1, 0)
    for _ in range(TRIES):
        if window.seconds >= seconds:
            break
        count = min(ceil(FASTER * seconds * window.rate), MOST_INFERENCES)
        window = _timed(link, name, max(count, 1), WARMUPS)
    return window


def _timed(link: TextLink, name: str, count: int, warmups: int) -> Window:
    return Window(name, count, max(link.infer(count, warmups).microseconds, 1) / 1e6)


def score(
    link: TextLink, task: Task, stimuli: Sequence[Stimulus], of_files: int, stages: Stages
) -> Accuracy:
    """Send every window of every stimulus once, and score the results."""
    results: list[Values] = []
    with stages.counted("accuracy", len(stimuli)) as counter:
        for stimulus in stimuli:
            answers = []
            for window in stimulus.windows:
                link.load(window)
                answers.append(link.infer(1, 0).results)
            results.append(np.mean(np.array(answers, np.float64), axis=0))
            counter.advance()
    labels = np.array([stimulus.label for stimulus in stimuli], np.int64)
    machines: dict[str, float] = {}
    if task.metric == "AUC":
        scores = np.array([result[0] for result in results])
        value = area(scores, labels, "the files sent")
        names = [machine_of(stimulus.name) for stimulus in stimuli]
        for machine in sorted({name for name in names if name}):
            own = np.array([name == machine for name in names])
            if len(set(labels[own] != 0)) > 1:  # others have no area
                machines[machine] = area(scores[own], labels[own], f"machine {machine}")
    else:
        largest = np.array([np.argmax(result) for result in results])
        value = float(np.mean(largest == labels))
    return Accuracy(task.metric, value, AIMS[task.id], len(stimuli), of_files, machines)


def refuse_one_class(labels: Sequence[int] | NDArray[np.int64], of: str) -> None:
    """Raise CompileError where all labels are normal, or none is: there is no area then."""
    if len({bool(label) for label in labels}) < 2:
        raise CompileError(
            f"all {len(labels)} labels are equal: there is no area under a curve",
            of,
            "send files of both classes (more of them, with --samples)",
        )


def area(scores: Values, labels: NDArray[np.int64], of: str) -> float:
    """The area under the receiver operating characteristic: how often an anomaly scores higher.

    scores: float64 (n,); labels: (n,), 0 for normal. Equal scores count half (Mann and Whitney,
    1947). CompileError when all labels are equal.
    """
    refuse_one_class(labels, of)
    high, low = scores[labels != 0], scores[labels == 0]
    order = np.sort(low)
    below = np.searchsorted(order, high, "left")
    equal = np.searchsorted(order, high, "right") - below
    return float((below + equal / 2).sum() / (len(high) * len(low)))


def machine_of(name: str) -> str:
    """The machine in a file's name: "id_01" of "anomaly_id_01_00000003.bin"; "" if it has none."""
    parts = name.split("_")
    at = parts.index("id") if "id" in parts[:-1] else -1
    return f"id_{parts[at + 1]}" if at >= 0 else ""
