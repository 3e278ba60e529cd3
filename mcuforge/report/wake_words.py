# SPDX-License-Identifier: Apache-2.0
"""What `mlperf` reports of the streaming wake word: detections, duty cycle, and what work costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MOST_FALSE = MOST_MISSED = 8  # of all recordings, by the closed division
LONG = "long_wav.wav"  # the recording that the rules ask for


@dataclass(frozen=True)
class Played:
    """One recording: what was detected in it, and when the core was busy.

    `false_s` are seconds of the recording. `duty_cycle` is a share of the time, `period_s` the time
    from one chunk of audio to the next, `work_s` the time for which the core is busy with one.
    """

    file: str
    seconds: float
    words: int
    found: int
    missed: int
    false_s: tuple[float, ...]
    chunks: int
    duty_cycle: float
    period_s: float
    work_s: float


@dataclass(frozen=True)
class WakeWords:
    """The recordings that were played, and what a chunk of audio costs on average.

    `clock`: "hardware", or "emulated": then a second is so many instructions, and no time, and
    `feature_instructions` and `model_instructions` are known.
    """

    played: tuple[Played, ...]
    missing: tuple[str, ...]
    clock: Literal["hardware", "emulated"]
    feature_instructions: int | None
    model_instructions: int | None

    @property
    def missed(self) -> int:
        """Words that were not detected."""
        return sum(recording.missed for recording in self.played)

    @property
    def false(self) -> int:
        """Detections where no word was."""
        return sum(len(recording.false_s) for recording in self.played)


def reasons(heard: WakeWords) -> Iterator[str]:
    """What keeps the run from what the closed division asks for."""
    if heard.missed > MOST_MISSED:
        yield f"{heard.missed} words were missed, the rules allow {MOST_MISSED}"
    if heard.false > MOST_FALSE:
        yield f"{heard.false} detections were false, the rules allow {MOST_FALSE}"


def broken_rules(heard: WakeWords) -> Iterator[str]:
    """What the benchmark's rules ask for that the run does not do."""
    if heard.clock == "emulated":
        yield "an emulated board has no time"
    if LONG not in (recording.file for recording in heard.played):
        yield f"the rules ask for {LONG}"


def lines(heard: WakeWords) -> Iterator[str]:
    """The report in words, in the order of the runner's own."""
    second = "s" if heard.clock == "hardware" else "emulated s"
    for one in heard.played:
        yield f"== File {one.file} ({one.seconds:2.1f} s) =="
        yield (
            f"Accuracy: {one.found} True positives, {one.missed} False negatives, "
            f"{len(one.false_s)} False positives"
        )
        if one.false_s:
            yield f"    False positives at {', '.join(f'{time:.3f}' for time in one.false_s)} s"
        yield f"Average duty cycle: {one.duty_cycle:.5f}"
        yield f"Average period: {one.period_s:.5f} s"
        yield f"Estimated throughput: {1 / one.work_s:.2f} inf./{second}"
    for name in heard.missing:
        yield f"Not there: {name}"
    if heard.feature_instructions is not None and heard.model_instructions is not None:
        yield f"Instructions per chunk of audio: {heard.feature_instructions:,} of its features"
        yield f"    and {heard.model_instructions:,} of the model (emulated: counts, not times)"
    if heard.clock == "emulated":
        yield "An emulated second is a count of instructions, not a time."
