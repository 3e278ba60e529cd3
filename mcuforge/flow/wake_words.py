# SPDX-License-Identifier: Apache-2.0
"""The streaming wake word's audio and truth, and what counts as a detection.

Truth files are the benchmark's: a list of {"wav_file", "length_sec", "sample_rate",
"detection_windows": [[begin, end], ...]}, in seconds. Source: mlcommons/tiny, benchmark/runner
(datasets.py, streaming_ww_utils.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from mcuforge.boards.instruments.sounds import read_wav
from mcuforge.boards.link.wake_words import DutyCycle, WakeWordLink
from mcuforge.errors import BoardError, CompileError
from mcuforge.report.progress import Stages
from mcuforge.report.wake_words import Played, WakeWords

LATE_MS = 2000  # after the end of a word a detection still counts: the runner adds its second twice
DEBOUNCE_MS = 1000  # false detections within it count as one
DUTY_UNIT_S = 1e-5
LEAST_S = 0.064  # two chunks: from one to the next is a period of the duty cycle
BENCHMARK = "sww01"
TRUTH = "a list of objects with wav_file and detection_windows, as the benchmark's sww_short_test"


@dataclass(frozen=True)
class Recording:
    """A file of audio, and when the wake word is said in it: (begin, end) in milliseconds."""

    name: str
    seconds: float
    words_ms: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Recordings:
    """What there is to play: a folder, and those of its truth files' recordings that are there."""

    folder: Path
    found: tuple[Recording, ...]
    missing: tuple[str, ...]  # names of files that truth files name


@dataclass(frozen=True)
class Score:
    """What the detections in a recording were; `false_ms` are the times of the false ones."""

    true: int
    missed: int
    false_ms: tuple[int, ...]


def read_recordings(folder: Path) -> Recordings:
    """Read the truth files (*.json) of a folder, or of its folder `sww01`.

    Recordings that several files name are played once. Raises CompileError for broken files, and
    when no recording is there.
    """
    own = folder / BENCHMARK
    place = own if own.is_dir() and not list(folder.glob("*.json")) else folder
    found: dict[str, Recording] = {}
    missing: list[str] = []
    for path in sorted(place.glob("*.json")):
        for number, entry in enumerate(_entries(path), 1):
            name, words = _entry(entry, f"{path}, entry {number}")
            if name in found or name in missing:
                continue
            if not (place / name).is_file():
                missing.append(name)
                continue
            seconds = read_wav(place / name).seconds
            if seconds < LEAST_S:
                raise CompileError(
                    f"the recording is too short: it has {seconds:.3f} s",
                    str(place / name),
                    "a duty cycle takes two chunks of audio, 0.064 s",
                )
            found[name] = Recording(name, seconds, words)
    if not found:
        absent = f": missing are {', '.join(missing)}" if missing else ""
        raise CompileError(
            f"no recording is there{absent}",
            str(place),
            "give the folder with the benchmark's .wav files and the .json files that name them",
        )
    return Recordings(place, tuple(found.values()), tuple(missing))


def hear(
    link: WakeWordLink, recordings: Recordings, most: int | None, tick_hz: int, stages: Stages
) -> WakeWords:
    """Play the recordings, the first `most` of them, to an emulated board that listens.

    tick_hz: what board_ticks() counts per second. BoardError when the board hears nothing.
    """
    played, chunks, feature_ticks, model_ticks = [], 0, 0, 0
    chosen = recordings.found[:most]
    with stages.counted("playing recordings", len(chosen)) as counter:
        for recording in chosen:
            link.start()
            link.play(recording.name)
            heard = link.stop()
            duty, detections = link.duty_cycle(), link.detections_ms()
            played.append(_played(recording, heard.chunks, detections, duty))
            chunks += heard.chunks
            feature_ticks += heard.feature_ticks
            model_ticks += heard.model_ticks
            counter.advance()
    per_chunk = 1e9 / tick_hz / chunks
    return WakeWords(
        tuple(played),
        recordings.missing,
        "emulated",
        round(feature_ticks * per_chunk),
        round(model_ticks * per_chunk),
    )


def _played(
    recording: Recording, chunks: int, detections_ms: Sequence[int], duty: DutyCycle
) -> Played:
    """What a recording was to the board; as the runner computes it."""
    found = score(detections_ms, recording.words_ms)
    if len(duty.starts) < 2 or len(duty.starts) != len(duty.stops):
        raise BoardError(
            f"the core was busy {len(duty.starts)} times and stopped {len(duty.stops)} times",
            f"the answer to print_dutycycle, for '{recording.name}'",
            "play a recording of a second or more; check the pin of the duty cycle",
        )
    work = fmean(stop - start for start, stop in zip(duty.starts, duty.stops, strict=True))
    period = (duty.starts[-1] - duty.starts[0]) / (len(duty.starts) - 1)
    return Played(
        file=recording.name,
        seconds=recording.seconds,
        words=len(recording.words_ms),
        found=found.true,
        missed=found.missed,
        false_s=tuple(time / 1000 for time in found.false_ms),
        chunks=chunks,
        duty_cycle=work / period,
        period_s=period * DUTY_UNIT_S,
        work_s=work * DUTY_UNIT_S,
    )


def _entries(path: Path) -> Sequence[Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CompileError(f"the truth file cannot be read: {error}", str(path), TRUTH) from error
    if not isinstance(entries, list):
        raise CompileError("the truth file holds no list", str(path), TRUTH)
    return entries


def _entry(entry: Any, where: str) -> tuple[str, tuple[tuple[float, float], ...]]:
    """Read one entry: the name of its file, and its words in milliseconds."""
    try:
        name = entry["wav_file"]
        words = tuple((1000 * float(b), 1000 * float(e)) for b, e in entry["detection_windows"])
    except (KeyError, TypeError, ValueError):
        raise CompileError("the entry does not read", where, f"expected: {TRUTH}") from None
    if not isinstance(name, str) or not name.strip() or Path(name).name != name:
        raise CompileError(f"'{name}' is no name of a file in that folder", where, TRUTH)
    if not all(0 <= begin <= end for begin, end in words):
        raise CompileError("a word ends before it begins", where, "seconds: [begin, end]")
    return name, words


def score(detections_ms: Sequence[int], words_ms: Sequence[tuple[float, float]]) -> Score:
    """Count as the runner does; the first detection marks the start of the recording.

    A word is found if there is a detection from its begin to LATE_MS after its end. All detections
    there belong to it. False detections within DEBOUNCE_MS of the first of them count as one.
    Raises BoardError where there is no first detection.
    """
    if not detections_ms:
        raise BoardError(
            "the board has not marked the first chunk of audio as a detection",
            "the answer to print_detections",
            "check that the board hears the interface board's audio and drives its detection pin",
        )
    left = [time - detections_ms[0] for time in detections_ms[1:]]
    true = 0
    for begin, end in words_ms:
        others = [time for time in left if not begin <= time <= end + LATE_MS]
        true += len(others) < len(left)
        left = others
    false: list[int] = []
    for time in left:
        if not false or not false[-1] < time <= false[-1] + DEBOUNCE_MS:
            false.append(time)
    return Score(true, len(words_ms) - true, tuple(false))
