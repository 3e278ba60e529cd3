# SPDX-License-Identifier: Apache-2.0
"""Measure the error of the cost model on whole networks that no price was fitted to.

    python -m scripts.cost_error [BOARD ...] [--layers]

draws networks of five families from a fixed seed, compiles each with random weights, counts the
instructions of one inference on an emulated board of every ISA, and compares them with the sum that
the cost model foretells. It writes the rows to bench/cost_error.json and the table of
docs/kernels.md. `--layers` prints the error by kernel too. An interrupted run goes on: see
count_instructions.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from mcuforge.boards.catalog.board import load_board
from mcuforge.compiler.compile import PlanOptions
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.compiler.schedule.schedule import Layer
from mcuforge.flow.session import compile_session
from mcuforge.nas.networks import Network, VitNet
from mcuforge.nas.sampling import FAMILIES
from mcuforge.report.files import write_whole
from scripts.count_instructions import count_layers, session_of

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "bench" / "cost_error.json"
DOCUMENT = ROOT / "docs" / "kernels.md"
BEGIN = "<!-- cost error (`python -m scripts.cost_error` writes this) -->\n"
END = "<!-- end of cost error -->\n"
BOARDS = ("qemu-mps2-an500", "qemu-riscv32", "qemu-mps3-an547", "qemu-mps2-m0plus")
HELD_OUT = 2027  # the seed of the networks that are measured; prices are fitted to other seeds
EACH = 4  # networks of a family
MOST_MACS = 12_000_000  # so that an emulated inference takes less than a few seconds
MEDIAN, WORST = 0.02, 0.05  # largest errors that are promised, of a board's networks
RANKS = (0.4, 0.6)  # of every second transformer's linear layers, as shares of the width


@dataclass(frozen=True)
class Row:
    """One network on one board: the instructions of an inference, counted and foretold."""

    board: str
    isa: str
    family: str
    number: int
    network: str
    macs: int
    counted: int
    foretold: int

    @property
    def error(self) -> float:
        """Relative; positive where the cost model foretells too many."""
        return self.foretold / self.counted - 1


def drawn(seed: int, each: int = EACH) -> Iterator[tuple[str, int, Network]]:
    """Yield family, number and network: `each` of every family, none of more than MOST_MACS.

    Every second transformer has linear layers of low rank.
    """
    for family, sample in FAMILIES.items():
        random = Random(f"{seed} {family}")
        for number in range(each):
            network = sample(random)
            while macs_of(network.graph()) > MOST_MACS:
                network = sample(random)
            if isinstance(network, VitNet) and number % 2:
                rank = round(random.choice(RANKS) * network.blocks.width)
                network = replace(network, blocks=replace(network.blocks, rank=rank))
            yield family, number, network


def held_out(family: str, number: int) -> Network:
    """One of the networks that are measured."""
    found = {(f, n): network for f, n, network in drawn(HELD_OUT)}
    return found[family, number]


def macs_of(graph: Graph) -> int:
    """Multiplications and additions of one inference."""
    return sum(node.op.macs(node.inputs, node.output) for node in graph.nodes)


def rows_of(board: str, by_kernel: dict[str, list[tuple[float, int]]]) -> Iterator[Row]:
    """Measure every held-out network on a board; adds each layer to its kernel's errors."""
    isa = load_board(board).isa
    for family, number, network in drawn(HELD_OUT):
        graph = network.graph(seed=number)
        session = session_of(graph, board)
        compiled = compile_session(session, PlanOptions())
        whole, layers = count_layers(session, compiled)
        costs = schedule_costs(compiled.schedule, isa)
        for layer, cost, counted in zip(compiled.schedule.layers, costs, layers, strict=True):
            by_kernel.setdefault(kernel_of(layer), []).append((cost, counted))
        yield Row(
            *(board, isa, family, number, str(network), macs_of(graph)),
            *(whole, round(sum(costs))),
        )


def kernel_of(layer: Layer) -> str:
    """The kernel that a layer calls, or the kind of its operator."""
    return layer.kernel or layer.node.op.kind


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The lines of the documents' table: per ISA the median and the worst, then per family."""
    yield f"| ISA | median | worst | {' | '.join(FAMILIES)} |"
    yield "|" + "---|" * (3 + len(FAMILIES))
    for isa in dict.fromkeys(row.isa for row in rows):
        mine = [row for row in rows if row.isa == isa]
        cells = [isa, *spread(mine)]
        cells += [", ".join(spread([r for r in mine if r.family == name])) for name in FAMILIES]
        yield f"| {' | '.join(cells)} |"


def spread(rows: Sequence[Row]) -> tuple[str, str]:
    """Median of the errors' sizes, and the largest error with its sign."""
    median = float(np.median([abs(row.error) for row in rows]))
    worst = max((row.error for row in rows), key=abs)
    return f"{median:.1%}", f"{worst:+.1%}"


def read_rows() -> list[Row]:
    """The committed rows."""
    if not FILE.exists():
        return []
    return [Row(**row) for row in json.loads(FILE.read_text(encoding="utf-8"))["rows"]]


def rows_text(rows: Iterable[Row]) -> str:
    """The text of the file: one line per network and board."""
    lines = ",\n  ".join(json.dumps(asdict(row)) for row in rows)
    about = "emulated instructions of one inference; written by `python -m scripts.cost_error`"
    return f'{{\n"about": {json.dumps(about)},\n"seed": {HELD_OUT},\n"rows": [\n  {lines}\n]\n}}\n'


def with_table(text: str, rows: Sequence[Row]) -> str:
    """The text of the document with its table made anew; ValueError without its marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} has no table between {BEGIN.strip()} and {END.strip()}")
    lines = "".join(f"{line}\n" for line in table(rows))
    return f"{head}{begin}\n{lines}\n{end}{tail}"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("boards", nargs="*", metavar="BOARD", default=list(BOARDS))
    parser.add_argument("--layers", action="store_true", help="print the error by kernel")
    wanted = parser.parse_args(arguments)
    rows: list[Row] = []
    for board in wanted.boards:
        by_kernel: dict[str, list[tuple[float, int]]] = {}
        for row in rows_of(board, by_kernel):
            rows.append(row)
            name = f"{row.family} {row.number}"
            print(f"{board}, {name}: {row.counted:,} instructions, {row.error:+.1%}", flush=True)
        if wanted.layers:
            total = sum(counted for found in by_kernel.values() for _, counted in found)
            for kernel, found in sorted(by_kernel.items()):
                cost, counted = sum(c for c, _ in found), sum(n for _, n in found)
                share = counted / total
                print(f"    {kernel}: {share:.1%} of all, {cost / max(counted, 1) - 1:+.1%}")
    rows += [row for row in read_rows() if row.board in set(BOARDS) - set(wanted.boards)]
    rows.sort(key=lambda row: (BOARDS.index(row.board), list(FAMILIES).index(row.family)))
    print("\n".join(table(rows)))
    write_whole(FILE, rows_text(rows))
    write_whole(DOCUMENT, with_table(DOCUMENT.read_text(encoding="utf-8"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
