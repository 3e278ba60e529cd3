# SPDX-License-Identifier: Apache-2.0
"""Proves the link on bad lines: no wrong answer is accepted, and every failure is a clear error.

    python -m tests.faults [--exchanges 10000] [--boards 200] [--seed 1] [--rate 0.03]

First a control run without faults, then each kind of fault, on a socketpair and on a pty, against
the firmware compiled for this machine under sanitizers; then the demo on an emulated board and on
an exact one, if --boards is not 0. An exchange is one inference: inputs written, model run, outputs
read and compared. Exits with 1 if an answer was wrong, an error unclear, or a call late.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.benches import demo_bench, toy_bench
from tests.faults.campaign import Bench, Tally, campaign
from tests.faults.line import Fault
from tests.firmware.toy_board import compile_firmware
from tests.golden.objects import VARIABLE

TRANSPORTS = ("socketpair", "pty")
EMULATED, EXACT = "qemu-riscv32", "nucleo_f446re"
RARE = (Fault.RESET, Fault.SWAP, Fault.VANISH)  # each costs a session
RARER = 0.4  # times the rate
BOARD_RATE = 4  # times the rate: the demo has few frames, and boards are slow


def sweep(
    bench: Bench, exchanges: int, seed: int, rate: float, folder: Path, jobs: int
) -> Iterable[Tally]:
    """Run the control, then every kind of fault on every transport; all share the exchanges."""
    yield campaign(
        bench, Fault.NONE, max(20, exchanges // 20), seed, rate=0, transport="pty", folder=folder
    )
    cases = [
        (fault, transport)
        for fault in Fault
        for transport in TRANSPORTS
        if fault is not Fault.NONE and not (fault is Fault.VANISH and transport != "pty")
    ]
    each = -(-exchanges // len(cases))

    def one(case: tuple[int, tuple[Fault, str]]) -> Tally:
        number, (fault, transport) = case
        lower = rate * RARER if fault in RARE else rate
        return campaign(
            bench, fault, each, seed + number, rate=lower, transport=transport, folder=folder
        )

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(one, enumerate(cases, 1))


def show(bench: Bench, tallies: Sequence[Tally], seconds: float) -> None:
    """Print the table of one board."""
    print(f"\n{bench.name}: {sum(t.exchanges for t in tallies):,} exchanges in {seconds:.0f} s")
    print(
        "| fault | line | exchanges | faults | right | errors | wrong | unclear | late | longest |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for t in tallies:
        errors = ", ".join(f"{count} {name}" for name, count in sorted(t.errors.items()))
        print(
            f"| {t.fault.value} | {t.transport} | {t.exchanges} | {sum(t.faults.values())} | "
            f"{t.right} | {errors or 0} | {t.wrong} | {len(t.unclear)} | {t.late} | "
            f"{t.longest_s:.1f} s |"
        )
    for t in tallies:
        for words in t.unclear[:5]:
            print(f"{t.fault.value} on {t.transport}: {words}")
    faults = sum(sum(t.faults.values()) for t in tallies)
    print(f"{faults:,} faults, {sum(t.wrong for t in tallies)} wrong answers accepted", flush=True)


def main() -> int:
    """Run everything; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--exchanges", type=int, default=10_000, help="on this machine")
    parser.add_argument(
        "--boards", type=int, default=200, help="on an emulated board, and an exact"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.03, help="faults per frame")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    clean = True
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.setdefault(VARIABLE, name)
        benches = []
        if asked.exchanges:
            benches.append((toy_bench(folder, compile_firmware()), asked.exchanges, asked.rate))
        for board, exact in ((EMULATED, False), (EXACT, True)) if asked.boards else ():
            bench = demo_bench(board, folder / board, exact=exact)
            benches.append((bench, asked.boards, BOARD_RATE * asked.rate))
        for bench, exchanges, rate in benches:
            started = time.monotonic()
            tallies = list(sweep(bench, exchanges, asked.seed, rate, folder, asked.jobs))
            show(bench, tallies, time.monotonic() - started)
            control = tallies[0]
            clean &= all(t.clean for t in tallies) and control.right == control.exchanges
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
