# SPDX-License-Identifier: Apache-2.0
"""Fit the prices of kernels to counted instructions, and report the error of the cost model.

    python -m scripts.calibrate_cost fit [BOARD [KERNEL ...]] [--networks | --layers]
                                                     writes the prices.toml of the board's
                                                     instruction set, prints the error on the models
    python -m scripts.calibrate_cost check [BOARD]   error and ratios on networks not fitted to

`fit` runs single layers in sizes drawn from a fixed seed, whole and row by row, with packed weights
and without, and whole networks of the families of nas/sampling.py, drawn from another seed than
those that cost_error.py holds out. It solves for prices that are not negative by least squares of
the relative error. All layers of networks, each by its share of the instructions, weigh as much as
all single ones. A kernel without a price is planned with that of add_s8 while it is measured. Lines
marked "by hand" stay, and so does the price of what no sample does. `check` runs real networks
under every goal; those of ../shared are left out where they are not there. Both count on an
emulated board, exact to the instruction but on MPS2 and MPS3 (40 and 31 at a time).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcuforge.boards.catalog.board import load_board
from mcuforge.compiler.builders.tflite_writer import ModelSpec
from mcuforge.compiler.calls import Call
from mcuforge.compiler.compile import PlanOptions
from mcuforge.compiler.graph import Node
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.instruction_set import price_file, prices
from mcuforge.compiler.schedule.cost import layer_tasks, layer_work, schedule_costs
from mcuforge.compiler.schedule.schedule import Layer, Schedule
from mcuforge.compiler.schedule.search import GOALS
from mcuforge.compiler.work import NONE, Counts
from mcuforge.flow.session import Session, compile_session
from mcuforge.runtime_c.sources import PORTABLE, kernel_names
from scripts.calibration_models import calibration_models
from scripts.cost_error import drawn
from scripts.count_instructions import count_alone, count_goal, count_layers, session_of
from scripts.least_squares import Vector, not_negative
from scripts.make_mobilenet_v2 import mobilenet_v2

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "models" / "mlperf_tiny"
NETWORKS = ("kws_ref_model", "vww_96_int8", "pretrainedResnet_quant", "str_ww_ref_model")
BOARD = "qemu-riscv32"
ROWS_PER_TASK = (0, 1, 3)  # 0: whole
UNPRICED = {"fill_s8"}  # a part of pad_s8
FEWEST = 50  # instructions below which a layer says nothing
FEWEST_TICKS = 20  # the same where a tick is many instructions
LONGEST = 900  # products of a packed filter that prices are fitted to
FITTED, EACH = 1, 3  # the seed of networks that prices are fitted to, how many of a family


@dataclass(frozen=True, eq=False)
class Sample:
    """One layer: what its kernel did and the instructions counted."""

    kernel: str
    work: Vector  # a Counts
    instructions: int
    of_network: bool  # and not alone


def samples(
    schedule: Schedule, counts: Sequence[int], session: Session, *, of_network: bool
) -> Iterator[Sample]:
    """Every layer of a schedule whose count says something."""
    board = session.board
    ticks = FEWEST_TICKS * 1_000_000_000 / board.tick_hz
    fewest = max(FEWEST, ticks)
    for (layer, rows, tasks), counted in zip(layer_tasks(schedule), counts, strict=True):
        work = layer_work(layer.node, layer.execution, rows, board.isa, layer.kernel)
        width = layer.node.output.elements // layer.node.output.shape[-1] // max(rows, 1)
        share = max((task.end for task in tasks), default=0) / max(rows, 1)
        done = share * np.array(work.fixed) + len(tasks) * np.array(work.per_task)
        for task in tasks:
            done = done + np.array(work.left_over((task.end - task.begin) * width))
        timed = len(tasks) if of_network else 1  # a network is counted task by task
        if work.kernel and counted >= fewest * timed and not too_long(layer):
            yield Sample(work.kernel, done, counted, of_network)


def too_long(layer: Layer) -> bool:
    """Whether filters are so long that random ones cannot share words on armv7em (its blocks.py).

    Trained ones can: their weights are smaller.
    """
    node = layer.node
    products = node.op.macs(node.inputs, node.output) // max(node.output.elements, 1)
    return layer.kernel.endswith("packed_s8") and products > LONGEST


def fitted(found: Sequence[Sample]) -> Vector:
    """The prices of one kernel, none negative, of least weighted relative error squared."""
    weights = weights_of(found)
    rows = np.array([s.work / s.instructions for s in found]) * weights[:, None]
    prices = not_negative(rows, weights)
    return np.array([float(f"{price:.3g}") for price in prices])


def completed(price: Vector, found: Sequence[Sample], known: Sequence[float]) -> Vector:
    """The fitted prices of one kernel, and the `known` ones of what no sample does."""
    met = np.any([s.work != 0 for s in found], axis=0)
    return np.where(met, price, np.array(known))


def weights_of(found: Sequence[Sample]) -> Vector:
    """1 for a single layer; those of networks weigh as much in sum, each by its instructions."""
    of_network = np.array([s.of_network for s in found])
    alone = int((~of_network).sum()) or len(found)
    sizes = np.where(of_network, [float(s.instructions) for s in found], 0.0)
    return np.where(of_network, np.sqrt(sizes * alone / (sizes.sum() or 1.0)), 1.0)


def price_line(kernel: str, price: Sequence[float]) -> str:
    """A kernel's line of prices.toml."""
    named = zip(Counts._fields, price, strict=True)
    fields = ", ".join(f"{name} = {value:g}" for name, value in named if value >= 0.01)
    return f"{kernel} = {{ {fields} }}"


def write_prices(isa: str, found: Mapping[str, Sequence[float]]) -> None:
    """Enter prices in an instruction set's file; what somebody set by hand stays."""
    path = price_file(isa)
    head, _, listed = path.read_text(encoding="utf-8").rpartition("\n\n")
    lines = {line.partition(" ")[0]: line for line in listed.splitlines()}
    by_hand = {kernel for kernel, line in lines.items() if "# by hand" in line}
    for kernel, price in found.items():
        if kernel not in by_hand:
            lines[kernel] = price_line(kernel, price)
    ordered = "".join(f"{lines[kernel]}\n" for kernel in sorted(lines))
    path.write_text(f"{head}\n\n{ordered}", encoding="utf-8")
    prices.cache_clear()


def spread(errors: Sequence[float]) -> str:
    """Median, 90th percentile and maximum of relative errors."""
    sizes = np.abs(errors)
    return (
        f"median {np.median(sizes):.1%}, 90th percentile {np.quantile(sizes, 0.9):.1%}, "
        f"max {sizes.max():.1%} of {len(sizes)}"
    )


def fit(board: str, only: Sequence[str], *, networks: bool = False, layers: bool = False) -> None:
    """Measure, fit, write, print: the kernels `only`, or all of them.

    `networks`, `layers`: fit to networks, or to single layers, alone.

    SystemExit where no model calls one of those, or a kernel without a price.
    """
    isa = load_board(board).isa
    unpriced = set(kernel_names(isa)) - set(prices(isa)) - UNPRICED
    before = price_file(isa).read_text(encoding="utf-8")
    write_prices(isa, dict.fromkeys(unpriced, prices(isa)["add_s8"]))
    try:
        found = measured(board, only, networks=networks, layers=layers)
    finally:
        price_file(isa).write_text(before, encoding="utf-8")
        prices.cache_clear()
    missing = set(only or unpriced) - set(found)
    if missing:
        names = ", ".join(sorted(missing))
        raise SystemExit(f"no layer of scripts/calibration_models.py calls {names}: add one")
    known = prices(isa)
    fits = {
        kernel: completed(fitted(of_kernel), of_kernel, known.get(kernel, NONE))
        for kernel, of_kernel in found.items()
    }
    write_prices(isa, {kernel: price.tolist() for kernel, price in fits.items()})
    report(found, fits)


def measured(
    board: str, only: Sequence[str], *, networks: bool, layers: bool
) -> dict[str, list[Sample]]:
    """The samples of each kernel, from calibration models run whole and by rows, and networks.

    `only`: of these kernels, from the calibration models that call one; of all where it is empty.
    `networks`: from networks alone. `layers`: from calibration models alone, for kernels that no
    network of the families calls.
    """
    found: dict[str, list[Sample]] = {}
    for name, model in () if networks else calibration_models().items():
        session = session_of(model, board)
        if not only or called(session) & set(only):
            for sample in samples_alone(name, session):
                found.setdefault(sample.kernel, []).append(sample)
    for family, number, network in () if layers else drawn(FITTED, EACH):
        session = session_of(network.graph(seed=1000 * FITTED + number), board)
        compiled = compile_session(session, PlanOptions())
        whole, counts = count_layers(session, compiled)
        print(f"{family} {number}: {whole:,}", flush=True)
        for sample in samples(compiled.schedule, counts, session, of_network=True):
            found.setdefault(sample.kernel, []).append(sample)
    return {kernel: of_kernel for kernel, of_kernel in found.items() if not only or kernel in only}


def samples_alone(name: str, session: Session) -> Iterator[Sample]:
    """Every layer of a calibration model, whole and by rows.

    Kernels that have a twin with packed weights are measured on all layers that could call either.
    """
    packed_kernels = find_instruction_set(session.board.isa).packed_kernels
    plain = {kernel.replace("_packed_", "_") for kernel in packed_kernels}
    for packed in (True, False) if called(session) & plain else (True,):
        for rows in ROWS_PER_TASK:
            counted = count_alone(session, rows, packed=packed)
            how = f"{rows or 'all'} rows per task{'' if packed else ', plain weights'}"
            print(f"{name}, {how}: {counted.whole:,}", flush=True)
            for sample in samples(counted.schedule, counted.stages, session, of_network=False):
                if packed != (sample.kernel in plain):
                    yield sample


def called(session: Session) -> set[str]:
    """The kernels of all layers run whole or adding rows up, with packed weights or without."""
    isas = {session.board.isa, PORTABLE}
    return {k for node in session.graph.nodes for isa in isas for k in calls(node, isa)}


def calls(node: Node, isa: str) -> set[str]:
    """The kernels of a node run whole or adding rows up."""
    op, inputs, output = node.op, node.inputs, node.output
    summed: tuple[Call, ...] | None = ()
    if len(node.activations) == 1:
        summed = op.accumulate(inputs, output, isa, node.activations[0].rows)
    return {call.kernel for call in (*op.calls(inputs, output, isa), *(summed or ()))}


def report(found: Mapping[str, list[Sample]], fits: Mapping[str, Vector]) -> None:
    """The error of each kernel and of all, for layers alone and in networks."""
    for of_network, where in ((False, "alone"), (True, "in networks")):
        every = []
        for kernel, of_kernel in sorted(found.items()):
            errors = [
                float(s.work @ fits[kernel]) / s.instructions - 1
                for s in of_kernel
                if s.of_network == of_network
            ]
            every += errors
            if errors:
                print(f"{kernel} {where}: {spread(errors)}")
        if every:
            print(f"all layers {where}: {spread(every)}")


def networks() -> Iterator[tuple[str, Path | ModelSpec]]:
    """What the prices were not fitted to."""
    yield "digits_cnn", ROOT / "examples" / "digits" / "digits_cnn.tflite"
    for name in NETWORKS:
        if (SHARED / f"{name}.tflite").exists():
            yield name, SHARED / f"{name}.tflite"
    yield "mobilenet_v2_0.35_96", mobilenet_v2(0.35, 96)


def check(board: str) -> None:
    """A row for each network: counted instructions by goal, the ratios, what was foretold."""
    layers: list[float] = []
    models: list[float] = []
    print("| network | speed | balanced | ram | balanced/speed | foretold | ram/speed | foretold |")
    print("|---|---|---|---|---|---|---|---|")
    for name, model in networks():
        session = session_of(model, board)
        counts = {goal: count_goal(session, PlanOptions(goal=goal)) for goal in GOALS}
        costs = {goal: schedule_costs(c.schedule, c.isa) for goal, c in counts.items()}
        fast = counts["speed"]
        layers += [
            cost / counted - 1
            for stage, cost, counted in zip(
                fast.schedule.stages, costs["speed"], fast.stages, strict=True
            )
            if not stage.is_pipeline and counted >= FEWEST
        ]
        models += [sum(costs[goal]) / counts[goal].whole - 1 for goal in GOALS]
        cells = [f"{counts[goal].whole:,}" for goal in ("speed", "balanced", "ram")]
        for goal in ("balanced", "ram"):
            cells.append(f"{counts[goal].whole / fast.whole:.4f}")
            cells.append(f"{sum(costs[goal]) / sum(costs['speed']):.4f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"layers: {spread(layers)}")
    print(f"whole networks: {spread(models)}")


def main() -> None:
    """Fit or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("fit", "check"))
    parser.add_argument("board", nargs="?", default=BOARD)
    parser.add_argument("kernel", nargs="*", help="fit the prices of these alone")
    parser.add_argument("--networks", action="store_true", help="fit to networks alone")
    parser.add_argument("--layers", action="store_true", help="fit to single layers alone")
    options = parser.parse_args()
    if options.what == "fit":
        fit(options.board, options.kernel, networks=options.networks, layers=options.layers)
    else:
        check(options.board)


if __name__ == "__main__":
    main()
