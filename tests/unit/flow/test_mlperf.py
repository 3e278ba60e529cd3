# SPDX-License-Identifier: Apache-2.0
"""MLPerf Tiny's scores and stimuli, apart from any board."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from mcuforge.boards.link.text import Inference, TextLink
from mcuforge.errors import CompileError
from mcuforge.flow.mlperf import area, machine_of, measure, refuse_one_class
from mcuforge.flow.stimuli import LABELS, Stimulus, read_stimuli
from mcuforge.report.mlperf import Accuracy, Performance, Window, broken_rules
from tests.emulated.deployed import QUIET


class Board:
    """Answers `infer` as a board does that takes `microseconds` for an inference."""

    def __init__(self, microseconds: float) -> None:
        self.microseconds = microseconds
        self.asked: list[tuple[int, int]] = []

    def load(self, data: bytes) -> None:
        """Take an input."""

    def infer(self, iterations: int, warmups: int) -> Inference:
        """Say how long so many take; the first ones are slow, as with cold caches."""
        self.asked.append((iterations, warmups))
        return Inference(int(self.microseconds * (iterations + 2 * (warmups == 0))), (1.0,))


@pytest.mark.parametrize("microseconds", [3.0, 777.5, 2_400_000.0, 11_000_000.0])
def test_a_window_is_as_long_as_the_rules_ask(microseconds: float) -> None:
    board = Board(microseconds)
    stimuli = [Stimulus(str(number), 0, (b"",)) for number in range(7)]
    found = measure(cast(TextLink, board), stimuli, 10.0, QUIET, emulated=False)
    assert [window.file for window in found.windows] == ["0", "1", "2", "3", "4"]
    assert all(10.0 <= window.seconds < 14.0 or window.inferences == 1 for window in found.windows)
    assert found.clock == "hardware"
    assert list(broken_rules(found, None)) == []


def test_a_window_is_reported_as_it_was_run() -> None:
    class Warming(Board):
        """Gets faster from one command to the next, so that no window is long enough."""

        def infer(self, iterations: int, warmups: int) -> Inference:
            """Take 3 % less for each inference than before."""
            self.microseconds *= 0.97
            self.asked.append((iterations, warmups))
            return Inference(int(self.microseconds * iterations), (1.0,))

    board = Warming(10_000.0)
    (window,) = measure(
        cast(TextLink, board), [Stimulus("a", 0, (b"",))], 10.0, QUIET, emulated=False
    ).windows
    assert window.inferences == board.asked[-1][0]
    assert window.seconds == pytest.approx(board.microseconds * window.inferences / 1e6, rel=1e-6)
    assert window.seconds < 10.0


def test_what_the_rules_ask_for_is_said() -> None:
    short = Performance((Window("a", 3, 9.5), Window("b", 3, 12.0)), 0.3, "emulated")
    some = Accuracy("top-1", 1.0, 0.9, 10, 1000, {})
    assert list(broken_rules(short, some)) == [
        "an emulated board has no time",
        "2 inputs were measured, the rules ask for 5",
        "a window took 9.500 s, the rules ask for 10 s",
        "990 of 1000 files were left out",
    ]


def test_the_area_counts_equal_scores_half() -> None:
    labels = np.array([0, 0, 1, 1])
    assert area(np.array([1.0, 2.0, 3.0, 4.0]), labels, "x") == 1.0
    assert area(np.array([3.0, 4.0, 1.0, 2.0]), labels, "x") == 0.0
    assert area(np.array([1.0, 2.0, 2.0, 2.0]), labels, "x") == 0.75
    assert area(np.array([2.0, 2.0, 2.0, 2.0]), labels, "x") == 0.5
    with pytest.raises(CompileError, match="all 2 labels are equal"):
        area(np.array([1.0, 2.0]), np.array([1, 1]), "x")
    with pytest.raises(CompileError, match="all 3 labels are equal"):
        refuse_one_class([1, 2, 3], "x")


def test_a_machine_is_found_in_a_files_name() -> None:
    assert machine_of("anomaly_id_01_00000003.bin") == "id_01"
    assert machine_of("normal_00000003.bin") == ""
    assert machine_of("id") == ""


def test_stimuli_are_found_in_the_folder_and_in_the_one_above(tmp_path: Path) -> None:
    folder = tmp_path / "ad01"
    folder.mkdir()
    (folder / "a.bin").write_bytes(bytes(range(10)))
    (folder / "b.bin").write_bytes(bytes(4))
    (folder / LABELS).write_text("a.bin,2,1,4,3\nb.bin,2,0\n")
    for place in (folder, tmp_path):
        first, second = read_stimuli(place, "ad01", 4)
        assert first == Stimulus(
            "a.bin", 1, (bytes([0, 1, 2, 3]), bytes([3, 4, 5, 6]), bytes([6, 7, 8, 9]))
        )
        assert second == Stimulus("b.bin", 0, (bytes(4),))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, "the labels cannot be read: No such file"),
        (b"", "the file of labels is empty"),
        (b"\xff\xfe", "the labels cannot be read"),
        (b"a.bin,2\n", "the line reads 'a.bin,2'"),
        (b"a.bin,two,1\n", "the line reads 'a.bin,two,1'"),
        (b"a.bin,2,2\n", "class 2 of 2"),
        (b"a.bin,2,0,4,0\n", "stride 0"),
        (b"gone.bin,2,0\n", "'gone.bin' cannot be read"),
        (b"a.bin,2,0,5,1\n", "in windows of 5, the model takes 4"),
        (b"long.bin,2,0\n", "'long.bin' has 9 bytes"),
        (b"short.bin,2,0,4,1\n", "'short.bin' has 3 bytes"),
    ],
)
def test_broken_stimuli_are_refused(labels: bytes | None, said: str, tmp_path: Path) -> None:
    for name, size in (("a.bin", 4), ("long.bin", 9), ("short.bin", 3)):
        (tmp_path / name).write_bytes(bytes(size))
    if labels is not None:
        (tmp_path / LABELS).write_bytes(labels)
    with pytest.raises(CompileError, match=said):
        read_stimuli(tmp_path, "kws01", 4)
