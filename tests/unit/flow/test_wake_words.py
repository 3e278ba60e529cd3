# SPDX-License-Identifier: Apache-2.0
"""Recordings, their truth, and detections counted as the benchmark's runner counts them."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from mcuforge.boards.link.wake_words import DutyCycle, Heard, WakeWordLink
from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.wake_words import (
    Recording,
    Recordings,
    Score,
    hear,
    read_recordings,
    score,
)
from mcuforge.report.wake_words import Played, WakeWords, broken_rules, lines, reasons
from tests.emulated.deployed import QUIET


def write_wav(path: Path, samples: int, *, channels: int = 2, hz: int = 16000) -> None:
    """A file whose first channel counts up."""
    data = np.zeros((samples, channels), "<i2")
    data[:, 0] = np.arange(samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(hz)
        file.writeframes(data.tobytes())


def write_truth(path: Path, *entries: object) -> None:
    """A truth file."""
    path.write_text(json.dumps(entries))


def test_a_folder_of_recordings(tmp_path: Path) -> None:
    place = tmp_path / "sww01"
    place.mkdir()
    write_wav(place / "short.wav", 24000)
    entry = {"wav_file": "short.wav", "length_sec": 1.5, "detection_windows": [[0.25, 0.5]]}
    write_truth(place / "a_long.json", {**entry, "wav_file": "long.wav"})
    write_truth(place / "b_short.json", entry, entry)
    for folder in (tmp_path, place):
        found = read_recordings(folder)
        assert found.folder == place
        (recording,) = found.found
        assert (recording.name, recording.seconds) == ("short.wav", 1.5)
        assert recording.words_ms == ((250.0, 500.0),)
        assert found.missing == ("long.wav",)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ("{", "cannot be read"),
        ("{}", "holds no list"),
        ('[{"wav_file": "short.wav"}]', "entry does not read"),
        ('[{"wav_file": "../short.wav", "detection_windows": []}]', "no name of a file"),
        ('[{"wav_file": 3, "detection_windows": []}]', "no name of a file|does not read"),
        ('[{"wav_file": "short.wav", "detection_windows": [[2, 1]]}]', "ends before"),
        ('[{"wav_file": "short.wav", "detection_windows": [["a", 1]]}]', "does not read"),
        ('[{"wav_file": "long.wav", "detection_windows": []}]', "missing are long.wav"),
        ('[{"wav_file": "broken.wav", "detection_windows": []}]', "audio cannot be read"),
        ('[{"wav_file": "slow.wav", "detection_windows": []}]', "16 bits at 8000 Hz"),
        ('[{"wav_file": "short.wav", "detection_windows": []}]', "too short: it has 0.006 s"),
        ("[]", "no recording is there"),
    ],
)
def test_broken_truth_and_audio_are_refused(truth: str, message: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "short.wav", 100)
    write_wav(tmp_path / "slow.wav", 100, hz=8000)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    (tmp_path / "truth.json").write_text(truth)
    with pytest.raises(CompileError, match=message):
        read_recordings(tmp_path)


def test_a_folder_without_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no recording is there"):
        read_recordings(tmp_path)


@pytest.mark.parametrize(
    ("detections", "expected"),
    [
        ([40], Score(0, 2, ())),
        ([40, 1040, 1500, 4039 + 2000], Score(2, 0, ())),  # the runner's two seconds, inclusive
        ([40, 1039], Score(0, 2, (999,))),
        ([40, 4041 + 2000], Score(0, 2, (6001,))),
        ([0, 7000, 7500, 8000, 8001, 9001, 9002], Score(0, 2, (7000, 8001, 9002))),
    ],
)
def test_detections_are_counted_as_the_runner_counts(
    detections: list[int], expected: Score
) -> None:
    assert score(detections, [(1000, 2000), (2900, 4000)]) == expected


def test_the_start_must_be_marked() -> None:
    with pytest.raises(BoardError, match="has not marked the first chunk"):
        score([], [])


class Stage:
    """Answers as an interface board before a board that is busy for 1 ms with each chunk."""

    def __init__(self, stops: int = 3) -> None:
        self.played: list[str] = []
        self.stops = stops

    def start(self) -> None:
        """Let the board listen."""

    def play(self, name: str) -> None:
        """Play a file."""
        self.played.append(name)

    def stop(self) -> Heard:
        """What it heard: three chunks, more work with each file."""
        return Heard(3, 300 * len(self.played), 6000, (0, 0, 120))

    def detections_ms(self) -> tuple[int, ...]:
        """The mark, and one detection."""
        return (32, 96)

    def duty_cycle(self) -> DutyCycle:
        """Three chunks."""
        return DutyCycle((3200, 6400, 9600), (3300, 6500, 9700)[: self.stops])


def recordings(folder: Path, *names: str) -> Recordings:
    """Recordings of 0.1 s in which the word is said at once."""
    found = tuple(Recording(name, 0.1, ((0.0, 50.0),)) for name in names)
    return Recordings(folder, found, ("gone.wav",))


def test_recordings_are_played_and_summed_up(tmp_path: Path) -> None:
    stage = Stage()
    three = recordings(tmp_path, "a.wav", "b.wav", "c.wav")
    heard = hear(cast(WakeWordLink, stage), three, 2, 25_000_000, QUIET)
    assert stage.played == ["a.wav", "b.wav"]
    first = heard.played[0]
    assert (first.file, first.words, first.found, first.missed) == ("a.wav", 1, 1, 0)
    assert (first.false_s, first.chunks) == ((), 3)
    assert (first.duty_cycle, first.period_s) == pytest.approx((1 / 32, 0.032))
    assert first.work_s == pytest.approx(0.001)
    assert heard.missing == ("gone.wav",)
    assert (heard.feature_instructions, heard.model_instructions) == (900 * 40 / 6, 12000 * 40 / 6)
    assert list(broken_rules(heard)) == [
        "an emulated board has no time",
        "the rules ask for long_wav.wav",
    ]
    assert list(reasons(heard)) == []
    text = list(lines(heard))
    assert text[:2] == [
        "== File a.wav (0.1 s) ==",
        "Accuracy: 1 True positives, 0 False negatives, 0 False positives",
    ]
    assert "Average duty cycle: 0.03125" in text
    assert "Estimated throughput: 1000.00 inf./emulated s" in text
    assert "Not there: gone.wav" in text


def test_a_pin_that_does_not_fall_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="busy 3 times and stopped 2 times"):
        hear(cast(WakeWordLink, Stage(2)), recordings(tmp_path, "a.wav"), None, 1000, QUIET)


@pytest.mark.parametrize(("missed", "false", "count"), [(8, 8, 0), (9, 8, 1), (8, 9, 1), (9, 9, 2)])
def test_the_closed_division_allows_eight_of_each(missed: int, false: int, count: int) -> None:
    played = Played(
        "long_wav.wav", 1200.0, 50, 50 - missed, missed, (1.5,) * false, 9, 0.1, 0.1, 0.1
    )
    heard = WakeWords((played,), (), "hardware", None, None)
    assert len(list(reasons(heard))) == count
    assert list(broken_rules(heard)) == []
    assert not any("emulated" in line for line in lines(heard))
