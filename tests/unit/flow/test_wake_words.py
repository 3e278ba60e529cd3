# SPDX-License-Identifier: Apache-2.0
"""Recordings, their truth, and detections counted as the benchmark's runner counts them."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from mcuforge.errors import BoardError, CompileError
from mcuforge.flow.wake_words import Score, read_recordings, score


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
