# SPDX-License-Identifier: Apache-2.0
"""What a core needs of Unicorn whatever its instruction set: the count, and when a run ends."""

from mcuforge.boards.virtual.engine import Engine

LONGEST_WAIT_LOOP = 16  # instructions per turn


class CountedCore:
    """A core on an engine. One instruction takes one cycle of virtual time."""

    def __init__(self, engine: Engine) -> None:
        """engine: executes the instructions and counts them."""
        self.engine = engine
        self.waits = False  # in `wfi`, with nothing pending
        self._pc = 0  # of the instruction that comes next; on Arm bit 0 is set
        self._passed: dict[object, tuple[list[int], int]] = {}  # place -> registers, count

    @property
    def count(self) -> int:
        """Instructions executed since reset, which are the cycles of virtual time."""
        return self.engine.counter.count

    @property
    def pc(self) -> int:
        """The address of the instruction that comes next, between two runs."""
        return self._pc & ~1

    def attend(self) -> None:
        """Look for interrupts before the next block."""
        self.engine.counter.attention = 1

    def stop_at(self, count: int) -> None:
        """End the run that is going on at a count, if it would go on longer."""
        counter = self.engine.counter
        counter.limit = min(counter.limit, count)

    def skip_wait(self, read: object) -> None:
        """Let the time of a loop pass that only reads a register; `read`: which, and its value."""
        place = (read, self.engine.get("pc"))
        if place not in self._passed:
            self._passed.clear()
        self.skip_turns(place)

    def skip_turns(self, place: object) -> None:
        """Let the time of a loop pass that comes by `place` again and again and changes nothing.

        A turn that leaves all registers as they were is followed by others like it, until the run
        ends: they are counted and not executed. The count then is the one that they would reach.
        """
        counter, registers = self.engine.counter, self.engine.get_others()
        before, at = self._passed.get(place, ([], 0))
        turn = counter.count - at
        if registers == before and 0 < turn <= LONGEST_WAIT_LOOP and not counter.attention:
            counter.count += max(0, (counter.limit - counter.count - 1) // turn) * turn
        self._passed[place] = registers, counter.count

    def sleep_until(self, count: int) -> None:
        """Let virtual time pass in `wfi`, up to an event that may end it."""
        self.engine.counter.count = max(self.count, count)
        self.waits = False
