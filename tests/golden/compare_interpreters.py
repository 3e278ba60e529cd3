# SPDX-License-Identifier: Apache-2.0
"""Every golden case of TFLite's through the interpreters of this Python, beside reference.py.

reference.py equals tflite-runtime 2.14 on all of them (tests/golden/test_reference.py). Prints the
table of docs/judges.md for the interpreters installed here: run it in an environment per version.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcuforge.compiler import reference
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.tflite.file import parse
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.judges.answers import differing, largest_gap
from mcuforge.compiler.judges.interpreters import Interpreter, installed, load
from mcuforge.compiler.judges.judgeable import judgeable
from mcuforge.compiler.judges.tflite import run_interpreter
from mcuforge.flow.data import load_samples, random_samples
from tests.golden.case import Case
from tests.golden.merge import case_graph, case_modules, cases_of, feeds
from tests.golden.random_scales import random_cases
from tests.models.case_model import case_model

FAILURES = (RuntimeError, ValueError)  # what interpreters raise


@dataclass(frozen=True)
class Outcome:
    """One case in one interpreter; `refusal`: why it does not run."""

    case: Case
    graph: Graph
    elements: int
    unequal: int  # elements that differ
    largest: float  # difference, in steps of the output
    refusal: str = ""


def outcome(interpreter: Interpreter, case: Case, most_feeds: int | None = None) -> Outcome:
    """Run a case's feeds, all or the first few."""
    model, graph = case_model(case), case_graph(case)
    elements = unequal = 0
    largest = 0.0
    try:
        engine = load(interpreter.distribution, model, parse(FileBytes(model)))
        for inputs in feeds(case, graph)[:most_feeds]:
            theirs = engine.run(inputs)
            for a, b in zip(reference.run(graph, inputs), theirs, strict=True):
                b = b.reshape(a.shape)
                elements += a.size
                unequal += int(differing(a, b).sum())
                largest = max(largest, largest_gap(a, b))
    except FAILURES as error:
        return Outcome(case, graph, 0, 0, 0.0, str(error) or type(error).__name__)
    return Outcome(case, graph, elements, unequal, largest)


def tflite_cases() -> Iterator[Case]:
    """Every golden case that a TFLite file can state."""
    for module in case_modules():
        yield from (case for case in cases_of(module) if isinstance(case, Case))


def words(outcomes: Sequence[Outcome]) -> str:
    """A cell of the table: '35 of 4,302, up to 255 steps; 2 of 38 cases refused'."""
    elements, unequal = (sum(getattr(o, n) for o in outcomes) for n in ("elements", "unequal"))
    refused = sum(bool(o.refusal) for o in outcomes)
    parts = []
    if unequal:
        largest = max(o.largest for o in outcomes)
        parts.append(f"{unequal:,} of {elements:,}, up to {largest:g}")
    if refused:
        parts.append(f"{refused} of {len(outcomes)} cases refused")
    return "; ".join(parts) or "0"


def whole_model(interpreter: Interpreter, file: Path, data: Path | None, count: int) -> str:
    """A model's answers to its data, or to random samples: '1 of 3,600, up to 1'."""
    graph = read_model(file)
    samples = random_samples(graph, count) if data is None else load_samples(graph, data, None)
    copy = judgeable(file.read_bytes()).model
    try:
        (theirs, *_) = run_interpreter(interpreter.distribution, copy, samples.inputs)
    except FAILURES as error:
        return f"refused: {error}"
    ours = np.stack(
        [reference.run(graph, samples.sample(i))[0] for i in range(samples.count)]
    ).reshape(theirs.shape)
    gap = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
    largest = f", up to {gap.max()}" if gap.any() else ""
    return f"{np.count_nonzero(gap):,} of {gap.size:,}{largest}"


def main(arguments: list[str] | None = None) -> int:
    """Print the table, the operators in which nobody differs in one row; or one model's row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, help="a .tflite file instead of the cases")
    parser.add_argument("--scales", action="store_true", help="large cases on random scales")
    parser.add_argument("--data", type=Path, help="its samples, instead of random ones")
    parser.add_argument("--samples", type=int, default=400, help="how many random ones")
    chosen = parser.parse_args(arguments)
    interpreters = installed()
    if chosen.model is not None:
        for one in interpreters:
            print(one.name, whole_model(one, chosen.model, chosen.data, chosen.samples), sep=": ")
        return 0
    operators: dict[str, list[Case]] = random_cases() if chosen.scales else {}
    for case in () if chosen.scales else tflite_cases():
        operators.setdefault(case.op, []).append(case)
    print("| operator | cases |", " | ".join(one.name for one in interpreters), "|")
    print("|---|---|" + "---|" * len(interpreters))
    equal: list[str] = []
    equal_cases = 0
    for operator, cases in sorted(operators.items()):
        cells = [words([outcome(one, case) for case in cases]) for one in interpreters]
        if set(cells) == {"0"}:
            equal.append(operator)
            equal_cases += len(cases)
            continue
        print(f"| {operator} | {len(cases)} |", " | ".join(cells), "|", flush=True)
    zeros = " | ".join("0" for _ in interpreters)
    print(f"| the other {len(equal)} | {equal_cases} | {zeros} |")
    print("\nThe others:", ", ".join(equal))
    return 0


if __name__ == "__main__":
    sys.exit(main())
