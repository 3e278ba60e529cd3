# SPDX-License-Identifier: Apache-2.0
"""bench/figures.json: the cost of every model on every board, and with other engines (peers).

An emulator counts instructions, so they repeat: counting again finds a change that makes a model
more than 1 % slower. Sizes are in bytes. One line of the file is one figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mcuforge.compiler.schedule.search import Goal

FILE = Path(__file__).resolve().parents[1] / "bench" / "figures.json"
SCHEMA = 1
WORSE, BETTER = 0.01, 0.05  # as shares of the committed figure: a fault; a file that is out of date
UNPROVED = 0.08  # of an arena above its bound: on a busy machine the solver's time ends early
# as WORSE; GCC 14.2 beside 12.2: at most +1.8, +1.2 and, of 2 KB, +11.4 % (bench_table --check)
OTHER_COMPILER = {"instructions": 0.05, "flash": 0.05, "code": 0.15}
HELD = ("instructions", "arena", "flash", "code")


@dataclass(frozen=True, order=True)
class Case:
    """A model's file name, its board and its plan; the default plan is first in order."""

    model: str
    board: str
    optimize: Goal = "balanced"
    streamed: bool = False

    def __str__(self) -> str:
        """'kws.tflite on qemu-riscv32', and the plan if it is not the default."""
        how = "" if self.optimize == "balanced" else f" ({self.optimize})"
        return f"{self.model} on {self.board}{how}{' (streamed)' if self.streamed else ''}"


@dataclass(frozen=True)
class OperatorFigure:
    """The sums over all layers of one operator."""

    layers: int
    macs: int
    instructions: int


@dataclass(frozen=True)
class Figure:
    """One inference of a case: instructions and bytes.

    ram = arena + static + stack, flash = code + weights. No plan's arena is below `bound`.
    """

    sha256: str
    macs: int
    instructions: int
    per_mac: float
    arena: int
    bound: int
    ram: int
    flash: int
    code: int
    weights: int
    operators: dict[str, OperatorFigure]


@dataclass(frozen=True)
class BoardFigure:
    """Core, emulator and compiler of the counted firmware."""

    cpu: str
    isa: str
    emulator: str
    compiler: str
    flags: str


@dataclass(frozen=True)
class Peer:
    """One build of another engine, measured with the same compiler and emulator."""

    engine: str
    model: str  # without suffix, as in its source
    cpu: str
    flags: str
    instructions: int
    ram: int  # its arena or buffers, without stack
    tensors: int  # of which tensors and scratch; `ram` where the engine does not tell
    flash: int


@dataclass(frozen=True)
class Figures:
    """The whole file."""

    boards: dict[str, BoardFigure] = field(default_factory=dict)
    rows: dict[Case, Figure] = field(default_factory=dict)
    peers: tuple[Peer, ...] = ()
    peer_operators: dict[str, OperatorFigure] = field(default_factory=dict)  # TFLM on Cortex-M7


def read_figures(file: Path = FILE) -> Figures:
    """The committed figures; none if the file does not exist. ValueError for another schema."""
    if not file.exists():
        return Figures()
    content = json.loads(file.read_text(encoding="utf-8"))
    if content["schema"] != SCHEMA:
        raise ValueError(f"{file} has schema {content['schema']}, this is for {SCHEMA}")
    rows = {}
    for row in content["rows"]:
        case = Case(*(row.pop(key) for key in ("model", "board", "optimize", "streamed")))
        operators = {op: OperatorFigure(*counts) for op, counts in row.pop("operators").items()}
        rows[case] = Figure(**row, operators=operators)
    return Figures(
        {board: BoardFigure(**told) for board, told in content["boards"].items()},
        rows,
        tuple(Peer(**peer) for peer in content["peers"]),
        {op: OperatorFigure(*counts) for op, counts in content["peer_operators"].items()},
    )


def figures_text(figures: Figures) -> str:
    """The text of the file, sorted, one figure per line: equal figures give equal text."""
    boards = {board: asdict(told) for board, told in sorted(figures.boards.items())}
    rows = [
        {**asdict(case), **asdict(figure), "operators": _counts(figure.operators)}
        for case, figure in sorted(figures.rows.items())
    ]
    order = ("model", "engine", "cpu", "flags")
    peers = sorted(map(asdict, figures.peers), key=lambda peer: [peer[key] for key in order])
    parts = [
        f'"schema": {SCHEMA}',
        '"about": "written by `make bench`: emulated instructions of one inference, and bytes; '
        'operators and peer_operators: [layers, MACs, instructions]"',
        '"boards": '
        + _lines("{}", [f"{json.dumps(b)}: {json.dumps(x)}" for b, x in boards.items()]),
        '"rows": ' + _lines("[]", map(json.dumps, rows)),
        '"peers": ' + _lines("[]", map(json.dumps, peers)),
        f'"peer_operators": {json.dumps(_counts(figures.peer_operators))}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _counts(operators: dict[str, OperatorFigure]) -> dict[str, list[int]]:
    return {op: [x.layers, x.macs, x.instructions] for op, x in sorted(operators.items())}


def _lines(brackets: str, items: Iterable[str]) -> str:
    return brackets[0] + "\n  " + ",\n  ".join(items) + "\n" + brackets[1]


def differences(committed: Figure, counted: Figure, *, other_compiler: bool = False) -> list[str]:
    """Figures more than `WORSE` above the committed ones or `BETTER` below them, one line each.

    other_compiler: `counted` was built with another compiler than `committed`. It may cost
    `OTHER_COMPILER` more, and any amount less: that does not make the file out of date.
    """
    if committed.sha256 != counted.sha256:
        return ["the model's file is another one"]
    found = []
    for name in HELD:
        old, new = getattr(committed, name), getattr(counted, name)
        change = f"{name} {old:,} -> {new:,} ({new / old - 1:+.1%})"
        unproved = name == "arena" and old > committed.bound
        worse, better = (UNPROVED, UNPROVED) if unproved else (WORSE, BETTER)
        if other_compiler and name in OTHER_COMPILER:
            worse, better = OTHER_COMPILER[name], 1.0
        if new > old * (1 + worse):
            found.append(f"{change}: at most {worse:+.0%} is allowed")
        elif new < old * (1 - better):
            found.append(f"{change}: better than committed, the figures are out of date")
    return found
