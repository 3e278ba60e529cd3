# SPDX-License-Identifier: Apache-2.0
"""Windows of the energy mode, apart from any board and instrument."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from mcuforge.boards.instruments.power_board import NOT_MEASURED
from mcuforge.boards.link.power import Interval
from mcuforge.boards.link.text import TextLink
from mcuforge.flow.energy import SILENT_SECONDS, Measured, measure_energy
from mcuforge.flow.stimuli import Stimulus
from mcuforge.report.mlperf import Energy, MlperfReport, broken_rules, lines
from mcuforge.report.model import BoardFacts, ModelFacts
from tests.emulated.deployed import QUIET

MILLIWATTS = 3.0


class Bench:
    """A board and its watch: so many microseconds for an inference, seen to a millisecond."""

    def __init__(self, microseconds: float) -> None:
        self.microseconds = microseconds
        self.count = 0
        self.loaded = 0
        self.asked: list[int] = []
        self.patience: list[float] = []  # seconds without a line

    def load(self, data: bytes) -> None:
        """Take an input: each takes a little more power than the one before."""
        self.loaded += 1

    def infer_silently(self, iterations: int, warmups: int, timeout_s: float) -> tuple[float, ...]:
        """Say only the results."""
        self.count = iterations
        self.asked.append(iterations)
        self.patience.append(timeout_s)
        assert timeout_s > (warmups + iterations + (iterations > 1)) * self.microseconds / 1e6
        return (1.0,)

    def begin(self) -> None:
        """Forget what was."""
        self.count = 0

    def end(self) -> Interval:
        """Tell how long the inferences took."""
        seconds = int(self.microseconds * self.count / 1000) / 1000
        return Interval(seconds, self.microseconds * 1e-6 * self.count * self._watts())

    def _watts(self) -> float:
        return (MILLIWATTS + self.loaded) / 1000


def measured(
    microseconds: float, *, millivolts: int | None, files: int = 5
) -> tuple[Energy, Bench]:
    """The energy of a bench."""
    bench = Bench(microseconds)
    board = Measured(cast(TextLink, bench), bench, millivolts)
    stimuli = [Stimulus(str(number), 0, (b"",)) for number in range(files)]
    return measure_energy(board, stimuli, 10.0, QUIET, emulated=millivolts is None), bench


@pytest.mark.parametrize("microseconds", [3.0, 777.5, 90_000.0, 2_400_000.0, 11_000_000.0])
def test_windows_are_as_long_as_the_rules_ask(microseconds: float) -> None:
    found, _ = measured(microseconds, millivolts=1800)
    assert [window.file for window in found.windows] == ["0", "1", "2", "3", "4"]
    assert all(10.0 <= window.seconds < 20.0 or window.inferences == 1 for window in found.windows)
    assert list(broken_rules(None, None, found)) == []
    assert found.median_seconds == pytest.approx(microseconds / 1e6, rel=0.01)


def test_a_silent_board_is_given_up_after_what_a_window_takes() -> None:
    _, on_hardware = measured(90_000.0, millivolts=1800)
    assert max(on_hardware.patience) < 90
    _, emulated = measured(90_000.0, millivolts=None)
    assert set(emulated.patience) == {SILENT_SECONDS}


def test_the_energy_of_an_inference_is_the_median_of_five() -> None:
    found, _ = measured(1000.0, millivolts=1800)
    # the third of five: 1 ms at 3 mW and three more
    assert found.median_microjoules == pytest.approx(MILLIWATTS + 3)
    assert (found.millivolts, found.clock, found.note) == (1800, "hardware", "")


def test_without_a_power_board_there_is_no_energy() -> None:
    found, _ = measured(1000.0, millivolts=None)
    assert {window.microjoules for window in found.windows} == {None}
    assert (found.median_microjoules, found.note) == (None, NOT_MEASURED)
    assert "an emulated board has no time and takes no energy" in broken_rules(None, None, found)


def test_what_breaks_a_rule_is_told() -> None:
    found, _ = measured(1000.0, millivolts=1800, files=2)
    short = replace(found, windows=(replace(found.windows[0], seconds=9.5),))
    assert list(broken_rules(None, None, short)) == [
        "1 inputs were measured, the rules ask for 5",
        "a window took 9.500 s, the rules ask for 10 s",
    ]


@pytest.mark.parametrize(
    ("millivolts", "said", "unsaid"),
    [
        (1800, "Median energy cost is 6.000 uJ/inf. at 1.8 V", "No energy"),
        (None, "No energy is measured: an emulated board takes none.", "uJ"),
    ],
)
def test_a_report_states_an_energy_only_if_one_was_measured(
    millivolts: int | None, said: str, unsaid: str
) -> None:
    energy, _ = measured(1000.0, millivolts=millivolts)
    rules = tuple(broken_rules(None, None, energy))
    report = MlperfReport(
        *(cast(ModelFacts, None), cast(BoardFacts, None), "measured", (), "kws01", "x"),
        *(None, None, energy, 0.1, rules),
    )
    text = "\n".join(lines(report))
    assert said in text
    assert unsaid not in text
    assert ("emulated s" in text) == (millivolts is None)
