# SPDX-License-Identifier: Apache-2.0
"""The documents' tables of counted figures, made from bench/figures.json and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from scripts.figures import Case, Figure, Figures, OperatorFigure, Peer

M7 = "qemu-mps2-an500"
CORES = {  # board -> its column
    M7: "Cortex-M7",
    "qemu-mps2-an386": "Cortex-M4",
    "qemu-riscv32": "RV32IMAC",
    "qemu-mps3-an547": "Cortex-M55",
    "qemu-mps2-m0plus": "Cortex-M0+",
}
TFLM, TINY = "TFLM+CMSIS-NN", "TinyEngine"
MARK = "<!-- figures: {name} (`make bench` writes this) -->\n"
END = "<!-- end of figures -->\n"
NONE = "-"


def with_tables(document: str, text: str, figures: Figures) -> str:
    """The text of a document of `DOCUMENTS` with every marked table made anew.

    ValueError for a mark without its table, or a table without its mark.
    """
    tables = DOCUMENTS[document]
    blocks = re.compile(
        re.escape(MARK).replace(r"\{name\}", r"(\w+)") + ".*?" + re.escape(END), re.S
    )

    def block(match: re.Match[str]) -> str:
        name = match[1]
        if name not in tables:
            raise ValueError(f"{document} marks a table '{name}'; there are {', '.join(tables)}")
        lines = "".join(f"{line}\n" for line in tables[name](figures))
        return f"{MARK.format(name=name)}\n{lines}\n{END}"

    made, count = blocks.subn(block, text)
    if count != len(tables):
        raise ValueError(f"{document} marks {count} tables, there are {len(tables)}")
    return made


def models(figures: Figures, *, peers: bool) -> list[str]:
    """Models counted with default plans: those that peers run, or the others."""
    named = {f"{peer.model}.tflite" for peer in figures.peers}
    found = dict.fromkeys(case.model for case in sorted(figures.rows))
    return [model for model in found if (model in named) == peers]


def heading(cells: Iterable[str]) -> Iterator[str]:
    """The first two lines of a table."""
    names = list(cells)
    yield f"| {' | '.join(names)} |"
    yield "|" + "---|" * len(names)


def row(cells: Iterable[str]) -> str:
    """A further line of a table."""
    return f"| {' | '.join(cells)} |"


def least(
    figures: Figures, engine: str, model: str, cpu: str, of: Callable[[Peer], int]
) -> int | None:
    """The least of an engine's builds for a model and a core; None if it was not measured."""
    name = model.removesuffix(".tflite")
    found = [
        of(peer)
        for peer in figures.peers
        if peer.engine.startswith(engine) and (peer.model, peer.cpu) == (name, cpu)
    ]
    return min(found, default=None)


def millions(count: int | None) -> str:
    """'23.27 M'."""
    return NONE if count is None else f"{count / 1e6:.2f} M"


def number(count: int | None) -> str:
    """'5,226'."""
    return NONE if count is None else f"{count:,}"


def peers(figures: Figures) -> Iterator[str]:
    """Arena and instructions on Cortex-M7 of the models that peers run, beside theirs."""
    engines = ("mcuforge", "TFLM + CMSIS-NN", "TinyEngine")
    yield from heading(
        (
            "on Cortex-M7",
            *(f"arena: {engine}" for engine in engines),
            *(f"instructions: {engine}" for engine in engines),
        )
    )
    for model in models(figures, peers=True):
        own = figures.rows.get(Case(model, M7))
        if own is None:
            continue
        arenas, counts = (
            [least(figures, engine, model, "cortex-m7", of) for engine in (TFLM, TINY)]
            for of in (lambda peer: peer.ram, lambda peer: peer.instructions)
        )
        name = model.removesuffix(".tflite")
        ours, theirs = number(own.arena), map(number, arenas)
        yield row((name, ours, *theirs, millions(own.instructions), *map(millions, counts)))


def instructions(figures: Figures) -> Iterator[str]:
    """Every model on every core beside its peers."""
    cores = [core for board, core in CORES.items() if board in figures.boards]
    yield from heading(
        (
            *("instructions (emulated)", "MACs", *cores, "M7 per MAC"),
            *(f"{TFLM} M7", f"{TFLM} M4", f"{TINY} M7", f"{TINY} M4"),
        )
    )
    for model in (*models(figures, peers=True), *models(figures, peers=False)):
        own = {board: figures.rows.get(Case(model, board)) for board in CORES}
        macs = next(figure.macs for case, figure in figures.rows.items() if case.model == model)
        counts = [
            millions(None if figure is None else figure.instructions)
            for board, figure in own.items()
            if board in figures.boards
        ]
        at_m7 = own[M7]
        peers = (
            millions(least(figures, engine, model, cpu, lambda peer: peer.instructions))
            for engine in (TFLM, TINY)
            for cpu in ("cortex-m7", "cortex-m4")
        )
        per_mac_m7 = NONE if at_m7 is None else f"{at_m7.per_mac:.2f}"
        yield row((model, millions(macs), *counts, per_mac_m7, *peers))


def memory(figures: Figures) -> Iterator[str]:
    """RAM and flash on Cortex-M7 beside peers."""
    yield from heading(
        (
            *("bytes on Cortex-M7", "RAM", "arena", f"{TFLM} arena", f"{TINY} buffers"),
            *("flash", "weights", "code", f"{TFLM} flash", f"{TINY} flash"),
        )
    )
    for model in (*models(figures, peers=True), *models(figures, peers=False)):
        own = figures.rows.get(Case(model, M7))
        if own is None:
            continue
        rams, flashes = (
            [number(least(figures, engine, model, "cortex-m7", of)) for engine in (TFLM, TINY)]
            for of in (lambda peer: peer.ram, lambda peer: peer.flash)
        )
        yield row(
            (
                *(model, number(own.ram), number(own.arena), *rams),
                *(number(own.flash), number(own.weights), number(own.code), *flashes),
            )
        )


def plans(figures: Figures) -> Iterator[str]:
    """Arenas by goal and input on Cortex-M7, their bound and instructions."""
    yield from heading(
        (
            *("bytes of arena", "TFLM tensors", "balanced", "bound", "streamed input", "speed"),
            *("instructions (emulated) balanced", "speed", "overhead"),
        )
    )
    for model in (*models(figures, peers=True), *models(figures, peers=False)):
        balanced, speed, streamed = (
            figures.rows.get(case)
            for case in (
                Case(model, M7),
                Case(model, M7, "speed"),
                Case(model, M7, streamed=True),
            )
        )
        if balanced is None or speed is None:
            continue
        overhead = balanced.instructions / speed.instructions - 1
        yield row(
            [
                model,
                number(least(figures, TFLM, model, "cortex-m7", lambda peer: peer.tensors)),
                number(balanced.arena),
                "optimal" if balanced.arena == balanced.bound else number(balanced.bound),
                NONE if streamed is None else number(streamed.arena),
                number(speed.arena),
                millions(balanced.instructions),
                millions(speed.instructions),
                f"{overhead:+.1%}",
            ]
        )


def operators(figures: Figures) -> Iterator[str]:
    """Instructions per MAC of the operators that multiply, over the models that peers run."""
    boards = [board for board in CORES if board in figures.boards]
    yield from heading(
        (
            *("instructions (emulated) per MAC", "MACs", *(CORES[board] for board in boards)),
            f"{TFLM} -O3 M7",
        )
    )
    sums = {board: totals(figures, board) for board in boards}
    named = sorted(op for op, x in sums[M7].items() if x.macs)
    for op in named:
        ours = (per_mac(sums[board].get(op)) for board in boards)
        theirs = per_mac(figures.peer_operators.get(op))
        yield row((op, number(sums[M7][op].macs), *ours, theirs))


def totals(figures: Figures, board: str) -> dict[str, OperatorFigure]:
    """Sums by operator over all models that peers run, on a board."""
    found: dict[str, OperatorFigure] = {}
    for model in models(figures, peers=True):
        figure: Figure | None = figures.rows.get(Case(model, board))
        for op, x in {} if figure is None else figure.operators.items():
            old = found.get(op, OperatorFigure(0, 0, 0))
            found[op] = OperatorFigure(
                old.layers + x.layers, old.macs + x.macs, old.instructions + x.instructions
            )
    return found


def per_mac(figure: OperatorFigure | None) -> str:
    """'1.25'."""
    if figure is None or not figure.macs:
        return NONE
    return f"{figure.instructions / figure.macs:.2f}"


Table = Callable[[Figures], Iterator[str]]
DOCUMENTS: Mapping[str, Mapping[str, Table]] = {  # by the document's path in the repository
    "README.md": {"peers": peers},
    "docs/figures.md": {
        "instructions": instructions,
        "operators": operators,
        "memory": memory,
        "plans": plans,
    },
}
