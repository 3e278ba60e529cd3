# SPDX-License-Identifier: Apache-2.0
"""One model of the zoo: read, run on this machine, compared, and run on an emulated board.

    python -m scripts.zoo_model MODEL --samples N [--board ID] [--mebibytes M]

`scripts.zoo` starts one such process per model. It prints a line of JSON for each step as soon as
the step is done, so that a process that is killed leaves what it found out before.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from mcuforge.commands.deploy import Request, deploy
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.judges.answers import differing
from mcuforge.compiler.judges.choose import judge
from mcuforge.compiler.tensors import Array, DType
from mcuforge.compiler.user_ports import port_of, to_file, to_graph
from mcuforge.errors import UserError
from mcuforge.flow.data import Samples, random_samples, read_npz, samples_of
from mcuforge.flow.host import answers_on_host, compile_for_host
from mcuforge.flow.verdict import judged, peer_reasons


@dataclass(frozen=True)
class Refused:
    """The three lines of a refusal, and the step that ended with it."""

    step: str  # "read", "host" or "board"
    what: str
    where: str
    hint: str


@dataclass(frozen=True)
class Read:
    """What the front end made of the file."""

    format: str
    operators: int
    macs: int
    parameters: int


@dataclass(frozen=True)
class Host:
    """The C on this machine, compared with the judge and with the answers beside the file."""

    reference: str
    samples: int
    exact: int  # samples whose every output element is right
    peer: str | None
    peer_steps: float | None  # the largest difference; None without a peer
    unexplained: tuple[str, ...]
    beside: Beside | None  # None: no answers lie beside the file


@dataclass(frozen=True)
class Beside:
    """The answers beside the file compared with the C's: NAME_onnx.npz, NAME_tflite.npz."""

    elements: int
    differing: int  # elements that are not equal
    steps: float  # the largest difference, in steps of the output's scale
    problem: str = ""  # why they could not be compared


@dataclass(frozen=True)
class Board:
    """The report of a deploy to the board."""

    verdict: str
    exact: bool  # every output element is right; the verdict asks more, for example that it fits
    reasons: tuple[str, ...]
    ran_as: str
    ram: int
    flash: int
    instructions: int | None


Step = Refused | Read | Host | Board


def answers_beside(model: Path) -> Path:
    """Where the answers to a model file lie, if there are any: NAME_onnx.npz, NAME_tflite.npz."""
    return model.with_name(f"{model.stem}_{model.suffix.removeprefix('.')}.npz")


def examine(model: Path, samples: int, board: str | None) -> Iterator[Step]:
    """Yield what each step finds out; the last one is a Refused where a step refuses the model.

    samples: how many random ones to run on each side.
    """
    step = "read"
    try:
        graph = read_model(model)
        yield Read(graph.format, len(graph.nodes), graph.macs, graph.parameters)
        step = "host"
        yield on_host(graph, model, samples)
        if board is None:
            return
        step = "board"
        report = deploy(Request(model, board, emulate=True, samples=samples))
        yield Board(
            report.verdict,
            not report.check.mismatched_elements and not report.check.peer_unexplained,
            report.reasons,
            report.board.ran_as,
            report.ram.total,
            report.flash.total,
            report.run.instructions,
        )
    except UserError as error:
        yield Refused(step, error.what, error.where, error.hint)


def on_host(graph: Graph, model: Path, samples: int) -> Host:
    """Run the model's C on this machine over random samples and the one beside the file."""
    compiled = compile_for_host(graph)
    drawn = random_samples(graph, samples)
    beside = answers_beside(model)
    stored = read_npz(beside) if beside.is_file() else None
    problem, count = "", 0
    if stored is not None:
        try:
            first = stored_samples(graph, stored, beside)
            count = first.count
            joined = zip(first.inputs, drawn.inputs, strict=True)
            drawn = replace(drawn, inputs=tuple(np.concatenate(pair) for pair in joined))
        except UserError as error:
            problem = error.what
    got = answers_on_host(compiled.model, drawn)
    with judge(graph, model, drawn.inputs) as oracle:
        check, _ = judged(oracle, got, drawn)
    compared = None
    if stored is not None:
        compared = Beside(0, 0, 0.0, problem)
        if not problem:
            compared = compare_stored(graph, [y[:count] for y in got], stored)
    return Host(
        check.exact_reference,
        check.samples,
        check.exact_samples,
        check.peer,
        check.peer_max_abs_diff,
        tuple(peer_reasons(check)),
        compared,
    )


def stored_samples(graph: Graph, stored: dict[str, Array], where: Path) -> Samples:
    """Make samples of the arrays `in_*`, by the input's name or its number: one, or a batch.

    Raises CompileError for arrays that do not fit the model's inputs.
    """
    named = {}
    for i, tensor in enumerate(graph.inputs):
        x = stored.get(f"in_{tensor.name}", stored.get(f"in_{i}"))
        if x is not None:
            whole = x.shape == port_of(graph, tensor).shape
            named[f"x{i}"] = x[np.newaxis] if whole else x
    return samples_of(graph, named, str(where), where.name, noun="the file of answers")


def compare_stored(graph: Graph, got: list[Array], stored: dict[str, Array]) -> Beside:
    """Compare the C's outputs with the arrays `out_*`: TFLite's as they are, ONNX's in steps.

    got: one array (samples, elements) per model output.
    """
    elements = unequal = 0
    steps = 0.0
    outputs = sum(name.startswith("out_") for name in stored)
    if outputs != len(graph.outputs):
        problem = f"it has {outputs} outputs, the model has {len(graph.outputs)}"
        return Beside(0, 0, 0.0, problem)
    for i, tensor in enumerate(graph.outputs):
        port, want = port_of(graph, tensor), stored[f"out_{i}"]
        if want.size != got[i].size:
            return Beside(0, 0, 0.0, f"output {i} has {want.size} elements, not {got[i].size}")
        mine = got[i].reshape(len(got[i]), *tensor.shape)
        theirs = want.reshape(len(mine), *port.shape)
        if tensor.dtype is DType.FLOAT32:
            step = max(float(np.abs(want.astype(np.float64)).max(initial=0)) / 127, 1e-12)
            real = to_file(mine, port, tensor)
            gaps = np.abs(real.astype(np.float64) - theirs.astype(np.float64))
            steps, equal = max(steps, float(gaps.max(initial=0)) / step), ~differing(real, theirs)
        else:
            gap = np.abs(mine.astype(np.int64) - to_graph(theirs, port, tensor).astype(np.int64))
            steps = max(steps, float(gap.max(initial=0)))
            equal = ~differing(to_file(mine, port, tensor), theirs)
        elements += want.size
        unequal += int((~equal).sum())
    return Beside(elements, unequal, steps)


def main(arguments: list[str] | None = None) -> int:
    """Print one line of JSON per step: {"kind": "Host", ...}."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--board")
    parser.add_argument("--mebibytes", type=int)
    chosen = parser.parse_args(arguments)
    if chosen.mebibytes:
        most = chosen.mebibytes << 20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for step in examine(chosen.model, chosen.samples, chosen.board):
        print(json.dumps({"kind": type(step).__name__, **asdict(step)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
