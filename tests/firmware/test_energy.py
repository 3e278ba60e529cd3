# SPDX-License-Identifier: Apache-2.0
"""The build for measurements of energy: timestamps are edges on a pin, between the lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.firmware.toy_board import compile_firmware, link_toy, say

PROLOGUE = b"<0+>m-timestamp-mode-energy\r\nm-init-done\r\nm-ready\r\n"
PULSE = b"<0-><0+>"


@pytest.fixture(scope="module")
def energy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy model's energy build; a second without a line would be a busy one elsewhere."""
    firmware = compile_firmware("-DCHECK_ENERGY", "-DCHECK_BUSY_SECONDS=0")
    return link_toy(tmp_path_factory.mktemp("energy"), firmware)


def heard(energy: Path, command: bytes) -> bytes:
    """What the firmware answers, with its edges."""
    return say(energy, command, prologue=PROLOGUE)


def test_a_timestamp_is_a_falling_pulse_and_no_text(energy: Path) -> None:
    assert heard(energy, b"timestamp%") == PULSE + b"m-ready\r\n"


def test_an_inference_lies_between_two_pulses_and_nothing_is_sent_meanwhile(energy: Path) -> None:
    answer = heard(energy, b"infer 5 2%")
    results = answer[answer.index(b"m-results-[") :]
    assert answer == (
        b"m-warmup-start-2\r\nm-warmup-done\r\nm-infer-start-5\r\n"
        + 2 * PULSE
        + b"m-infer-done\r\n"
        + results
    )
    assert results.endswith(b"]\r\nm-ready\r\n")


def test_the_help_says_what_a_timestamp_is(energy: Path, toy: Path) -> None:
    assert b"Pull the timestamp pin low" in heard(energy, b"help%")
    assert b"Print the time in microseconds" in say(toy, b"help%")


def test_other_firmware_leaves_the_pins_alone(toy: Path) -> None:
    for command in (b"timestamp%", b"infer 1 1%"):
        answer = say(toy, command)
        assert b"m-lap-us-" in answer
        assert b"<" not in answer
