# SPDX-License-Identifier: Apache-2.0
"""How long candidates of an architecture search take to cost, and how true the costs are.

    python -m scripts.cost_candidates time [--board disco_f746ng] [--count 1000] [--warm-up 200]
    python -m scripts.cost_candidates audit [--count 100] [--builds 20]
    python -m scripts.cost_candidates supernets [--count 200]

`time` costs random networks of each space (nas/sampling.py) as a search does. `audit` plans
networks without weights, compiles the same with weights as `deploy` does, and compares arenas. It
links some, runs them on the emulated board, and compares flash and instructions. `supernets`
counts the architectures of MCUFormer's supernets that have a plan within a number of bytes. All
print tables; times are CPU milliseconds of this process.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from mcuforge.boards.catalog.board import Board, emulated, load_board
from mcuforge.compiler.compile import PlanOptions, plan_graph
from mcuforge.compiler.estimate import Estimator
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.fit import LADDER
from mcuforge.compiler.schedule.segments import segment_key, segments
from mcuforge.compiler.segment_cost import Key
from mcuforge.errors import CompileError
from mcuforge.flow.candidates import target_of
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import Session, compile_session
from mcuforge.garbage import collect_rarely
from mcuforge.nas.sampling import SPACES, SUPERNETS
from scripts.count_instructions import once, run_built

SEED = 13
KILOBYTES = (128, 192, 256, 320, 512)
PLENTY = 1 << 40
ARENAS = 1 << 30


def times(board: Board, space: str, count: int, warm_up: int) -> str:
    """Cost `count` networks after `warm_up` others; a line of a table."""
    estimator = Estimator(target_of(board))
    random = Random(SEED)
    spent, tiers, fit = [], Counter[str](), 0
    for number in range(warm_up + count):
        network = SPACES[space](random)
        begin = time.process_time()
        cost = estimator.cost(network.graph())
        seconds = time.process_time() - begin
        if number >= warm_up:
            spent.append(1000 * seconds)
            tiers[cost.tier] += 1
            fit += cost.fits
    median, high = np.percentile(spent, (50, 95))
    decided = ", ".join(f"{tier} {many}" for tier, many in tiers.most_common())
    return (
        f"| {space} | {board.id} | {median:.1f} | {high:.1f} | {max(spent):.0f} | "
        f"{1000 * count / sum(spent):.0f} | {fit} of {count} | {decided} |"
    )


def audit(board: Board, space: str, count: int, builds: int) -> str:
    """Compare the costs of `count` networks with what `deploy` compiles; a line of a table.

    One estimator decides about all of them, as in a search; another says the exact arenas. The
    first `builds` of those that fit are linked and run: flash and instructions of their exact costs
    are compared with the image's and the emulator's.
    """
    target = target_of(board)
    exact_of = Estimator(replace(target, flash=PLENTY))
    estimator = Estimator(target)
    random = Random(SEED)
    compared, equal, wrong_fits, wrong_refusals = 0, 0, 0, 0
    flash_off: list[float] = []
    instructions_off: list[float] = []
    for number in range(count):
        network = SPACES[space](random)
        decided = estimator.cost(network.graph())
        session = Session(Path(f"{space}.onnx"), b"", network.graph(SEED + number), board)
        compiled = compile_session(session, PlanOptions())
        fits = compiled.fits and compiled.model.weights_bytes <= target.flash
        if fits:
            exact = exact_of.cost(network.graph(), exact=True)
            compared += 1
            equal += exact.arena == compiled.arena_bytes
            if len(flash_off) < builds and compiled.rung is LADDER[0]:
                with TemporaryDirectory() as folder:
                    try:
                        built = build_check(session, compiled, Path(folder) / "project")
                    except CompileError:
                        fits = False
                    else:
                        flash_off.append(exact.flash / built.flash().total - 1)
                        (counted,) = run_built(session, compiled, built, once)
                        instructions_off.append(exact.instructions / counted - 1)
        wrong_fits += decided.fits and not fits
        wrong_refusals += fits and not decided.fits
    return (
        f"| {space} | {board.id} | {equal} of {compared} | {wrong_fits} of {count} | "
        f"{wrong_refusals} of {count} | {len(flash_off)} | "
        f"{spread(flash_off)} | {spread(instructions_off)} |"
    )


def spread(off: Sequence[float]) -> str:
    """The least, the greatest and the median of relative errors."""
    if not off:
        return "-"
    return f"{min(off):+.2%} to {max(off):+.2%}, median {np.median(off):+.2%}"


def supernets(count: int) -> Iterator[str]:
    """Count the architectures of each supernet that have a plan within each number of bytes."""
    for name, supernet in SUPERNETS.items():
        for streamed in (False, True):
            options = PlanOptions("ram", streamed=streamed)
            random = Random(SEED)
            known: dict[Key, int] = {}
            peaks = [arena(supernet.sample(random).graph(), options, known) for _ in range(count)]
            within = (sum(peak <= 1024 * number for peak in peaks) for number in KILOBYTES)
            shares = " | ".join(f"{found / count:.0%}" for found in within)
            most, largest = max(peaks), arena(supernet.largest.graph(), options, known)
            image = "streamed" if streamed else "resident"
            yield (
                f"| supernet-{name}, image {image} | {count} | {shares} | {most:,} | {largest:,} |"
            )


def arena(graph: Graph, options: PlanOptions, known: dict[Key, int]) -> int:
    """Bytes of the fullest segment's plan: no stage of a transformer crosses a border."""
    fullest = 0
    for number, part in enumerate(segments(graph)):
        asked = replace(options, streamed=options.streamed and number == 0)
        key = (asked, *segment_key(part))
        if key not in known:
            known[key] = plan_graph(part, "armv7em", ARENAS, options=asked).arena_bytes
        fullest = max(fullest, known[key])
    return fullest


def main() -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("time", "audit", "supernets"))
    parser.add_argument("--board", help="by default the F746, and hifive1 for `time` as well")
    parser.add_argument("--space", nargs="*", default=list(SPACES), choices=SPACES)
    parser.add_argument("--count", type=int)
    parser.add_argument("--warm-up", type=int, default=200)
    parser.add_argument("--builds", type=int, default=20)
    options = parser.parse_args()
    collect_rarely()  # as a search does
    if options.what == "supernets":
        header = " | ".join(f"{number} KB" for number in KILOBYTES)
        print(f"| supernet | drawn | {header} | most of these | largest architecture |")
        print(f"|---|---|{'---|' * len(KILOBYTES)}---|---|")
        for line in supernets(options.count or 200):
            print(line, flush=True)
        return
    timed = options.what == "time"
    boards = [options.board] if options.board else ["disco_f746ng", *(["hifive1"] if timed else [])]
    if timed:
        print("| space | board | median ms | 95 % | most | a second | fit | decided by |")
        print("|---|---|---|---|---|---|---|---|")
    else:
        print(
            "| space | board | equal arenas | wrong `fits` | wrong refusals | linked | "
            "flash, estimated to linked | instructions, estimated to counted |"
        )
        print("|---|---|---|---|---|---|---|---|")
    for name in boards:
        board = emulated(load_board(name))
        for space in options.space:
            if timed:
                line = times(board, space, options.count or 1000, options.warm_up)
            else:
                line = audit(board, space, options.count or 100, options.builds)
            print(line, flush=True)


if __name__ == "__main__":
    main()
