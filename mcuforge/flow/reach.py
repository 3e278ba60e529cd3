# SPDX-License-Identifier: Apache-2.0
"""Decides how a command reaches its board: an emulator, a virtual chip, or a serial port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mcuforge.errors import BoardError
from mcuforge.flow.session import Session
from mcuforge.flow.target import Connection, find_connection

if TYPE_CHECKING:
    from mcuforge.compiler.compile import PlanOptions


@dataclass(frozen=True)
class Way:
    """What the user asked for. `port`: "auto", a name, or None; `protocol`: how to flash.

    line_speed: bytes of a virtual board take their time.
    """

    board: str
    emulate: bool
    exact: bool
    port: str | None
    protocol: str | None
    line_speed: bool = False

    def refuse_contradictions(self) -> None:
        """Raise a BoardError for ways that exclude each other, before anything is read."""
        if len(self.given) > 1:
            raise BoardError(
                f"{' and '.join(self.given)} exclude each other", f"board {self.board}", "give one"
            )
        if self.protocol is not None and self.port is None:
            raise BoardError(
                f"--protocol {self.protocol} says how to flash, and nothing is flashed",
                f"board {self.board}, without --port",
                "add --port auto, or leave --protocol out",
            )
        if self.line_speed and not self.exact:
            raise BoardError(
                "--line-speed is of the virtual chip that --exact starts, and --exact is not given",
                f"board {self.board}",
                "add --exact, or leave --line-speed out: QEMU's lines have no speed, real ones do",
            )

    @property
    def given(self) -> tuple[str, ...]:
        """The flags that name a way."""
        asked = (("--emulate", self.emulate), ("--exact", self.exact), ("--port", self.port))
        return tuple(name for name, value in asked if value)

    @property
    def name(self) -> Literal["emulate", "exact", "port"]:
        """How the board is reached; a board that is only emulated needs no flag."""
        return "exact" if self.exact else "emulate" if self.port is None else "port"

    def connection(self, session: Session, options: PlanOptions | None) -> Connection | None:
        """Find the port before anything is built; None if the board is emulated.

        BoardError when the board cannot be reached in the way that was asked for.
        """
        if session.exact:
            return None
        if session.board.emulated and self.port is not None:
            raise BoardError(
                f"'{self.board}' is emulated and has no port to flash through, --port is given",
                f"board {self.board}",
                "leave --port out; `mcuforge check PORT` reaches an emulator that runs already",
            )
        if not session.board.emulated and self.port is None:
            raise BoardError(
                f"no way to reach '{self.board}': none of --port, --exact and --emulate is given",
                f"board {self.board}",
                f"--port auto (`mcuforge doctor --board {self.board}` looks for it), --exact or "
                "--emulate",
            )
        if self.port is None:
            return None
        outside = options is not None and options.weights == "external"
        return find_connection(session, self.port, self.protocol, weights_outside=outside)
