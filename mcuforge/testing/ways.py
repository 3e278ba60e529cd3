# SPDX-License-Identifier: Apache-2.0
"""Which board a test runs on, and how it is reached: what the plugin's options say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["emulate", "exact", "port"]
ALL = "all"  # --mcuforge-board all: every board of the catalog


@dataclass(frozen=True)
class BoardWay:
    """A board and the way to it. `kind` None: as it is emulated, if it has no other form.

    port: "auto" or a name; protocol: how to flash, None for the board's own.
    """

    board: str
    kind: Kind | None = None
    port: str | None = None
    protocol: str | None = None

    def __str__(self) -> str:
        """The name in a test's id and in reasons."""
        return self.board if self.kind is None else f"{self.board}-{self.kind}"


def counted(count: int, noun: str) -> str:
    """'1 port', '2 ports'."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def board_ways(
    boards: Sequence[str],
    ports: Sequence[str],
    *,
    emulate: bool,
    exact: bool,
    protocol: str | None = None,
) -> tuple[BoardWay, ...]:
    """List every board in every way that was asked for.

    boards: ids, `ALL` excluded. ports: one for each board in their order, or "auto" for all; empty
    for no hardware. Raises ValueError with words for the user.
    """
    if not boards and (ports or emulate or exact or protocol):
        raise ValueError(
            "the options of mcuforge say how to reach a board: add --mcuforge-board ID"
        )
    if protocol is not None and not ports:
        raise ValueError("--mcuforge-protocol says how to flash: add --mcuforge-port")
    if ports and list(ports) != ["auto"] and len(ports) != len(boards):
        raise ValueError(
            f"{counted(len(boards), 'board')} and {counted(len(ports), 'port')} are given: give "
            "--mcuforge-port once for "
            "each --mcuforge-board, in the same order, or once as auto"
        )
    named = ports if len(ports) == len(boards) else [*ports] * len(boards)
    return tuple(_board_ways(boards, named, emulate, exact, protocol))


def _board_ways(
    boards: Sequence[str], ports: Sequence[str], emulate: bool, exact: bool, protocol: str | None
) -> Iterator[BoardWay]:
    for number, board in enumerate(boards):
        if emulate:
            yield BoardWay(board, "emulate")
        if exact:
            yield BoardWay(board, "exact")
        if ports:
            yield BoardWay(board, "port", ports[number], protocol)
        if not (emulate or exact or ports):
            yield BoardWay(board)
