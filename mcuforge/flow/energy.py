# SPDX-License-Identifier: Apache-2.0
"""Runs the energy mode of an MLPerf Tiny benchmark: windows between two edges of a pin.

The board says no time. An instrument sees the falling edges of its timestamp pin and tells what lay
between: a power board on hardware; counted instructions on an emulated board, which takes none.
The rules: five windows of ten seconds or more; the energy of an inference is that of its window
divided by the number of inferences, and the result is the median. Source: mlcommons/tiny,
benchmark/runner/main.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Literal, Protocol

from mcuforge.boards.emulator import qemu
from mcuforge.boards.instruments.power_board import NOT_MEASURED
from mcuforge.boards.link.errors import Garbage
from mcuforge.boards.link.interface import InterfaceLink
from mcuforge.boards.link.power import Interval, PowerLink
from mcuforge.boards.link.text import Log, TextLink
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.flow.bench import instruments_around
from mcuforge.flow.firmware import Built
from mcuforge.flow.mlperf import FASTER, MOST_INFERENCES, WARMUPS
from mcuforge.flow.session import Session
from mcuforge.flow.stimuli import Stimulus
from mcuforge.report.mlperf import INPUTS, Energy, EnergyWindow
from mcuforge.report.progress import Stages

SILENT_SECONDS = 1800.0  # of an emulated board in a window of ten of its seconds
PATIENCE_SECONDS = 60.0  # with hardware: for one inference, or beyond what is expected of several
SEEN_SECONDS = 1e-3  # what a watch tells apart
SHORT_SECONDS = 0.1  # a window of so many milliseconds tells its length to 1 %
GROWTH = 50  # of a window that is too short to tell anything
BOOT_SECONDS = 1.0  # for the board, once it has power
TRIES = 8  # of a window that turned out too short
VIRTUAL_MILLIVOLTS = 3300  # of a power board that supplies nothing


class Watch(Protocol):
    """What sees the edges."""

    def begin(self) -> None:
        """Forget the edges so far."""

    def end(self) -> Interval:
        """Return what lay between the last two edges."""


class ChipWatch:
    """The outputs of a virtual chip, whose cycles are counted."""

    def __init__(self, machine: VirtualBoard) -> None:
        self._outputs = machine.chip.outputs

    def begin(self) -> None:
        """Forget the edges so far."""
        self._outputs.edges.clear()

    def end(self) -> Interval:
        """Return the time between the last two falling edges; Garbage if there are not two."""
        fell = [e for e in self._outputs.edges if e.pin == "timestamp" and not e.high]
        if len(fell) < 2:
            raise Garbage(
                f"the timestamp pin fell {len(fell)} times in a window, expected twice",
                "the virtual chip's pins",
                "check [hardware.pins] in the board's file",
            )
        return Interval((fell[-1].count - fell[-2].count) / fell[-1].hz, 0.0)


@dataclass(frozen=True)
class Measured:
    """A board in its energy build, and its watch. `millivolts`: None without a power board."""

    link: TextLink
    watch: Watch
    millivolts: int | None


@contextmanager
def open_emulated(session: Session, built: Built, stages: Stages, log: Log) -> Iterator[Measured]:
    """Start the firmware on the virtual chip, or in QEMU between virtual instruments."""
    if session.exact:
        with stages.stage("starting the virtual board"):
            machine = VirtualBoard(session.board, built.firmware.elf)
            machine.start()
        with TextLink(machine.port(), log=log) as link:
            link.synchronize()
            yield Measured(link, ChipWatch(machine), None)
        return
    with stages.stage("starting the emulator"):
        running = qemu.start(session.board, built.firmware.elf)
    with (
        running,
        instruments_around(session.board, running) as bench,
        open_instruments(bench.interface_port, bench.power_port, VIRTUAL_MILLIVOLTS, log) as found,
    ):
        yield found


@contextmanager
def open_instruments(
    interface_port: str, power_port: str, millivolts: int, log: Log
) -> Iterator[Measured]:
    """Open a power board, which supplies the board, and the interface board in front of it.

    LinkError when one of them does not answer.
    """
    with PowerLink.open(power_port, millivolts, log) as power:
        if not power.virtual:
            time.sleep(BOOT_SECONDS)
        with InterfaceLink.open_interface(interface_port, log=log) as link:
            yield Measured(link, power, None if power.virtual else millivolts)


def measure_energy(
    measured: Measured,
    stimuli: Sequence[Stimulus],
    seconds: float,
    stages: Stages,
    *,
    emulated: bool,
) -> Energy:
    """Run a window of at least `seconds` of the board for each of the first five inputs."""
    windows = []
    with stages.counted("energy windows", min(INPUTS, len(stimuli))) as counter:
        for stimulus in stimuli[:INPUTS]:
            measured.link.load(stimulus.windows[0])
            windows.append(_window(measured, stimulus.name, seconds))
            counter.advance()
    joules = [window.microjoules for window in windows if window.microjoules is not None]
    clock: Literal["hardware", "emulated"] = "emulated" if emulated else "hardware"
    return Energy(
        tuple(windows),
        median(window.seconds / window.inferences for window in windows),
        median(joules) if joules else None,
        measured.millivolts,
        clock,
        "" if joules else NOT_MEASURED,
    )


def _window(measured: Measured, name: str, seconds: float) -> EnergyWindow:
    """Run one input for `seconds`: short windows before it tell how many inferences are needed."""
    count = 1
    each_s = 0.0  # at most; 0: not known yet
    for _ in range(TRIES):
        silent_s = SILENT_SECONDS
        if measured.millivolts is not None:  # once more after the window, for the results
            silent_s = PATIENCE_SECONDS + (WARMUPS + count + 1) * each_s
        window = _between_edges(measured, name, count, silent_s)
        each_s = (window.seconds + SEEN_SECONDS) / count
        if window.seconds >= seconds or count == MOST_INFERENCES:
            break
        if window.seconds < SHORT_SECONDS < seconds:
            count *= GROWTH
        else:
            count = ceil(FASTER * seconds * count / max(window.seconds, SEEN_SECONDS))
        count = min(count, MOST_INFERENCES)
    return window


def _between_edges(measured: Measured, name: str, count: int, silent_s: float) -> EnergyWindow:
    measured.watch.begin()
    measured.link.infer_silently(count, WARMUPS if count > 1 else 0, silent_s)
    found = measured.watch.end()
    joules = None if measured.millivolts is None else 1e6 * found.joules / count
    return EnergyWindow(name, count, found.seconds, joules)
