# SPDX-License-Identifier: Apache-2.0
"""What a core needs of Unicorn whatever its instruction set: the count, and when a run ends."""

from mcuforge.boards.virtual.engine import Engine


class CountedCore:
    """A core on an engine. One instruction takes one cycle of virtual time."""

    def __init__(self, engine: Engine) -> None:
        """engine: executes the instructions and counts them."""
        self.engine = engine
        self.waits = False  # in `wfi`, with nothing pending

    @property
    def count(self) -> int:
        """Instructions executed since reset, which are the cycles of virtual time."""
        return self.engine.counter.count

    def attend(self) -> None:
        """Look for interrupts before the next block."""
        self.engine.counter.attention = 1

    def stop_at(self, count: int) -> None:
        """End the run that is going on at a count, if it would go on longer."""
        counter = self.engine.counter
        counter.limit = min(counter.limit, count)

    def sleep_until(self, count: int) -> None:
        """Let virtual time pass in `wfi`, up to an event that may end it."""
        self.engine.counter.count = max(self.count, count)
        self.waits = False
