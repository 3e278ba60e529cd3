# SPDX-License-Identifier: Apache-2.0
"""Firmware that listens: chunks of audio, features, activations, and edges on the pins."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.boards.link.errors import Refused
from mcuforge.boards.link.text import TextLink
from tests.firmware.toy_board import (
    INPUT_BYTES,
    compile_firmware,
    link_toy,
    say,
    toy_answers,
    toy_bias,
    toy_on_pty,
)

PROLOGUE = b"<0+>m-timestamp-mode-performance\r\nm-init-done\r\nm-ready\r\n"
STRIDE, KEPT, FEATURES = 8, 4, 4  # of the toy: samples of a chunk, samples before it, int8
LOGGED = 80
THRESHOLD = 115
Samples = NDArray[np.int16]


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy model that listens."""
    return link_toy(
        tmp_path_factory.mktemp("listener"),
        compile_firmware("-DCHECK_AUDIO", "-DBOARD_RING_BYTES=16384"),
        "-DCHECK_AUDIO",
    )


def ask(listener: Path, commands: bytes) -> str:
    """What the firmware answers, its edges included, without echoes of commands."""
    answer = say(listener, commands, prologue=PROLOGUE).decode()
    return re.sub(r"Received command: .*\r\n", "", answer)


def loads(samples: Samples) -> bytes:
    """The commands that load audio, chunk by chunk."""
    chunks = samples.astype("<i2").reshape(-1, STRIDE)
    return b"".join(b"db load 16%%db %s%%" % chunk.tobytes().hex().encode() for chunk in chunks)


def activations(samples: Samples) -> list[int]:
    """The toy's first answer after each chunk; before the first one all features were 0."""
    padded = np.concatenate([np.zeros(KEPT, np.int16), samples])
    history = np.zeros(INPUT_BYTES, np.int8)
    found = []
    for at in range(0, len(samples), STRIDE):
        sums = padded[at : at + STRIDE + KEPT].reshape(-1, 3).sum(axis=1)
        history = np.concatenate([history[FEATURES:], np.clip(sums, -128, 127).astype(np.int8)])
        answer, _ = toy_answers(history.tobytes(), toy_bias(0, 0, 0, 0))
        found.append(int(np.frombuffer(answer, np.int8)[0]))
    return found


def quiet_and_loud(chunks: int) -> Samples:
    """Chunks that are loud from the fifth one on."""
    samples = np.random.default_rng(1).integers(-5, 5, (chunks, STRIDE)).astype(np.int16)
    samples[5:] += 90
    return samples.reshape(-1)


def listed(answer: str) -> list[int]:
    """The activations that `stop` prints, as the runner finds them."""
    found = re.search(r"target activations:\s*\[(.*?)\]\s*m-ready", answer.replace("\r\n", ""))
    assert found is not None
    return [int(text) for text in found[1].split(",")]


def test_every_chunk_is_work_between_two_edges(listener: Path) -> None:
    samples = quiet_and_loud(70)
    answer = ask(listener, b"start%" + loads(samples) + b"stop%")
    start, *chunks = answer.split("m-[Expecting 16 bytes]\r\nm-ready\r\n")
    lap = r"m-lap-us-\d+\r\n"
    assert re.fullmatch(rf"m-\[Listening to what db loads\]\r\n{lap}<2\+><2->m-ready\r\n", start)
    # the first chunk marks the time by a detection
    assert chunks[0] == "m-load-done\r\n<2+><1-><1+><2->m-ready\r\n"
    for chunk, activation in zip(chunks[1:-1], activations(samples)[1:-1], strict=True):
        detected = "<1-><1+>" if activation > THRESHOLD else ""
        assert chunk == f"m-load-done\r\n<2+>{detected}<2->m-ready\r\n"
    assert len(chunks) == 70
    assert re.search(
        rf"{lap}m-stream-\[chunks 70, ticks of features \d+, ticks of the model \d+\]\r\n"
        r"target activations: \r\n\[",
        chunks[-1],
    )


def test_stop_lists_the_activations_of_the_target(listener: Path) -> None:
    samples = quiet_and_loud(70)
    wanted = activations(samples)
    assert max(wanted) > THRESHOLD > min(wanted)
    answer = ask(listener, b"start%" + loads(samples) + b"stop%")
    assert listed(answer) == wanted
    assert answer.count("<1->") == 1 + sum(value > THRESHOLD for value in wanted[1:])
    # a new start has heard nothing
    again = ask(
        listener, b"start%" + loads(samples[:16]) + b"stop%start%" + loads(samples) + b"stop%"
    )
    assert listed(again[again.rindex("m-stream-") :]) == wanted


def test_activations_beyond_the_log_are_counted_and_left_out(listener: Path) -> None:
    samples = quiet_and_loud(LOGGED + 3)
    answer = ask(listener, b"start%" + loads(samples) + b"stop%")
    assert f"m-stream-[chunks {LOGGED + 3}," in answer
    assert listed(answer) == activations(samples)[:LOGGED]


def test_start_and_stop_out_of_turn(listener: Path) -> None:
    assert ask(listener, b"stop%") == "m-[It does not listen]\r\nm-ready\r\n"
    assert "m-[It listens already]\r\nm-ready\r\n" in ask(listener, b"start%start%")
    assert listed(ask(listener, b"start%" + loads(quiet_and_loud(1)) + b"stop%")) == [8]
    # audio that nobody listens to is only kept
    assert "<" not in ask(listener, loads(quiet_and_loud(2)))


def test_features_of_audio_that_a_line_brings(listener: Path) -> None:
    samples = quiet_and_loud(2)
    one, two = (loads(part) + b"extract_uart_stream%" for part in np.split(samples, 2))
    answers = re.findall(r"m-(features|activations)-\[(.*?)\]", ask(listener, one + two))
    assert [name for name, _ in answers] == ["features", "activations"] * 2
    padded = np.concatenate([np.zeros(KEPT, np.int16), samples])
    for chunk in range(2):
        sums = padded[8 * chunk : 8 * chunk + 12].reshape(-1, 3).sum(axis=1)
        assert answers[2 * chunk][1] == ", ".join(str(v) for v in np.clip(sums, -128, 127))
        first = answers[2 * chunk + 1][1].split(", ")[0]
        assert int(first) == activations(samples)[chunk]


def test_commands_are_echoed_and_bytes_are_counted(listener: Path) -> None:
    answer = say(listener, b"db load 16%db 0011223344%db getptr%", prologue=PROLOGUE).decode()
    assert answer == (
        "Received command: db load 16\r\nm-[Expecting 16 bytes]\r\nm-ready\r\n"
        "Received command: db 0011223344\r\n5 bytes received\r\nm-ready\r\n"
        "Received command: db getptr\r\nm-buff-ptr-5\r\nm-ready\r\n"
    )


def test_a_load_is_taken_up_again_at_any_of_its_bytes(listener: Path) -> None:
    answer = ask(listener, b"db load 16%db 0011223344%db setptr 2%db aabb%db print%")
    assert answer.endswith(
        "4 bytes received\r\nm-ready\r\n"
        "m-buffer-00-11-aa-bb-44-00-00-00\r\nm-buffer-00-00-00-00-00-00-00-00\r\nm-ready\r\n"
    )
    for wrong in (b"db setptr%", b"db setptr -1%", b"db setptr 17%"):
        assert "e-[Command 'db setptr' requires" in ask(listener, b"db load 16%" + wrong)


def test_a_whole_input_is_loaded_and_run_as_elsewhere(listener: Path) -> None:
    x = np.random.default_rng(2).integers(-128, 128, INPUT_BYTES).astype(np.int8).tobytes()
    pieces = b"".join(b"db %s%%" % x[at : at + 400].hex().encode() for at in (0, 400))
    answer = ask(listener, b"db load 700%" + pieces + b"infer 1 0%")
    wanted, _ = toy_answers(x, toy_bias(0, 0, 0, 0))
    values = ",".join(f"{0.25 * (v - 2):.3f}" for v in np.frombuffer(wanted, np.int8))
    assert f"m-results-[{values}]\r\n" in answer


def test_a_board_with_an_audio_input_hears_that(
    listener: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = quiet_and_loud(9)
    sound = tmp_path / "sound"
    sound.write_bytes(samples.astype("<i2").tobytes())
    monkeypatch.setenv("TOY_AUDIO", os.fspath(sound))
    with toy_on_pty(listener) as (_, port), TextLink.open(port) as link:
        assert "m-[Listening to the board's input]" in link.command("start")
        for loads_audio in ("db load 16", "extract_uart_stream"):
            with pytest.raises(Refused, match="listens to its input"):
                link.command(loads_audio)
        time.sleep(0.2)  # it reads its input when no command comes
        lines = link.command("stop")
    assert listed("\r\n".join([*lines, "m-ready"])) == activations(samples)


def test_a_model_that_fails_says_so_and_detects_nothing(listener: Path) -> None:
    samples = quiet_and_loud(9)
    os.environ["TOY_TRICK"] = "fail"
    try:
        answer = ask(listener, b"start%" + loads(samples) + b"stop%")
        extracted = ask(listener, loads(samples[:8]) + b"extract_uart_stream%")
    finally:
        del os.environ["TOY_TRICK"]
    assert "e-[The model failed]\r\n" in answer
    assert answer.count("<1->") == 1
    assert extracted.endswith("e-[The model failed]\r\nm-ready\r\n")


def test_firmware_that_does_not_listen_knows_none_of_it(toy: Path) -> None:
    answer = say(toy, b"start%stop%extract_uart_stream%db load 4%db setptr 1%").decode()
    assert answer.count("e-[Unknown command: ") == 3
    assert "e-[Invalid hex digit 'se']" in answer
