# SPDX-License-Identifier: Apache-2.0
"""A client of the benchmark's interface board, which passes commands on to the board behind it.

Source: mlcommons/tiny, benchmark/runner/io_manager.py: `dut COMMAND%` is answered at once, and the
lines of the board that follow begin with "[dut]: ".
"""

import time
from typing import Self

from mcuforge.boards.link.errors import Garbage, NoAnswer
from mcuforge.boards.link.port import Port
from mcuforge.boards.link.text import TIMEOUT_S, Log, TextLink

HOST_BAUD, DUT_BAUD = 115_200, 9_600
RESET_S = 2.0  # it starts again after `setbaud`
TRIES = 3
_PREFIX = "[dut]: "


class InterfaceLink(TextLink):
    """A conversation with a board behind an interface board."""

    load_bytes = 26  # of one `db` command: the runner's number with an interface board

    @classmethod
    def open_interface(cls, url: str, *, dut_baud: int = DUT_BAUD, log: Log | None = None) -> Self:
        """Open the port of the interface board, and set its line to the board.

        NoAnswer if it does not answer, or the board behind it does not.
        """
        link = cls(Port.open(url, HOST_BAUD), TIMEOUT_S, log)
        try:
            link.own("name")
            for left in reversed(range(TRIES)):
                link.own(f"setbaud {dut_baud}")
                try:
                    link.synchronize()
                    break
                except Garbage:
                    if left == 0:
                        raise
        except BaseException:
            link.close()
            raise
        return link

    def own(self, command: str, timeout_s: float | None = None) -> tuple[str, ...]:
        """Say a command to the interface board itself; its answer. timeout_s: as in read_answer."""
        TextLink.send(self, f"{command}%")
        return TextLink.read_answer(self, timeout_s)

    def synchronize(self) -> None:
        """Wait until the interface board, and the board behind it, answer.

        Garbage if the answer is not to what was asked: the interface board passes on one answer to
        each command, also one that nobody waited for, and only a reset makes it forget that.
        """
        deadline = time.monotonic() + RESET_S
        while True:
            try:
                self.own("name")
                break
            except NoAnswer:
                if time.monotonic() >= deadline:
                    raise
        self.name()

    def send(self, text: str) -> None:
        """Send a command to the board."""
        super().send(f"dut {text}")

    def read_answer(self, timeout_s: float | None = None) -> tuple[str, ...]:
        """The lines of the board, behind those that say that the command was passed on."""
        super().read_answer(timeout_s)
        return tuple(line.removeprefix(_PREFIX) for line in super().read_answer(timeout_s))
