# SPDX-License-Identifier: Apache-2.0
"""How often the formulas of other searches are wrong about RAM, on the boards of docs/search.md.

    python -m scripts.compare_formulas [--count 200] [--space cnn32] [--ram 192K]

Architectures are drawn evenly from a space, with seed 0; nothing but RAM is looked at. Prints a
table. `--ram`: of every board; without it all that the board has.
"""

from __future__ import annotations

import argparse

from mcuforge.boards.catalog.board import load_board
from mcuforge.commands.numbers import bytes_of
from mcuforge.compiler.compile import PlanOptions
from mcuforge.flow.candidates import target_of
from mcuforge.nas.feasible import Feasible
from mcuforge.nas.formulas import on_samples
from mcuforge.nas.space import load_space

SCENARIOS = (
    ("cnn32", "hifive1"),
    ("cnn32", "sipeed-longan-nano"),
    ("cnn32", "nucleo_f446re"),
    ("cnn32", "disco_f746ng"),
    ("hybrid32", "disco_f746ng"),
    ("vit32", "disco_f746ng"),
    ("vit240_t", "disco_f746ng"),
    ("vit240_s", "disco_f746ng"),
)
SEED = 0


def rows(space_name: str, board: str, count: int, ram: int | None) -> list[str]:
    """Lines of the table: one for each formula that has a say."""
    space = load_space(space_name)
    target = target_of(load_board(board), PlanOptions(ram_budget=ram))
    found = on_samples(Feasible(space, space.task, target), count, SEED)
    return [
        f"| {space_name}, {board} ({target.ram:,}) | {one.fit} of {one.asked} | {one.name} | "
        f"{one.refused_needlessly} | {one.admitted} | {one.admitted_wrongly} |"
        for one in found
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--ram", type=bytes_of)
    parser.add_argument("--space")
    arguments = parser.parse_args()
    print(
        "| space, board (RAM) | fit | formula | refused though they fit "
        "| admitted | of these do not fit |"
    )
    print("|---|---|---|---|---|---|")
    for space, board in SCENARIOS:
        if arguments.space in (None, space):
            for row in rows(space, board, arguments.count, arguments.ram):
                print(row, flush=True)


if __name__ == "__main__":
    main()
