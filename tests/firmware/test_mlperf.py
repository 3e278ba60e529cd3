# SPDX-License-Identifier: Apache-2.0
"""The MLPerf Tiny text protocol, to the letter."""

import os
import re
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mcuforge.boards.link.errors import BoardCrashed, NoAnswer, Refused
from mcuforge.boards.link.text import TextLink
from mcuforge.runtime_c.sources import firmware_dir
from tests.firmware.toy_board import (
    compile_firmware,
    link_toy,
    raw_pty,
    say,
    toy_answers,
    toy_bias,
    toy_input,
    toy_on_pty,
)
from tests.golden.host import SANITIZERS, WARNINGS

READY = b"m-ready\r\n"
PRINTER = """
#include <stdio.h>
#include "board.h"
#include "text.h"
void board_write(const uint8_t *data, uint32_t size) { fwrite(data, 1, size, stdout); }
int main(void)
{
    float value;
    while (fread(&value, sizeof value, 1, stdin) == 1) {
        text_put_float(value);
        putchar('\\n');
    }
    return 0;
}
"""
FLOAT_FEED = ("-DTOY_FEED=CHECK_FEED_F32", "-DTOY_WIRE_BYTES=2800")


def expected_values(data: bytes) -> tuple[float, ...]:
    """What `results` prints for an input whose bias is 0."""
    answer = np.frombuffer(toy_answers(data, toy_bias(0, 0, 0, 0))[0], np.int8)
    return tuple(round(0.25 * (float(q) - 2), 3) for q in answer)


def test_the_runners_acceptance_test_eight_names_at_once(toy: Path) -> None:
    assert say(toy, b"name%" * 8) == (b"m-name-dut-[mcuforge host]\r\n" + READY) * 8


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"name", b"m-name-dut-[mcuforge host]\r\n"),
        (b"profile", b"m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[toy01]\r\n"),
        (b"db load 3", b"m-[Expecting 3 bytes]\r\n"),
        (b"db load 0", b"e-[Command 'db load' must be >0 bytes]\r\n"),
        (b"db load -4", b"e-[Command 'db load' must be >0 bytes]\r\n"),
        (b"db load", b"e-[Command 'db load' requires the # of bytes]\r\n"),
        (b"db load 701", b"Supplied buffer size 701 exceeds maximum of 700\n"),
        (b"db load 99999999999", b"Supplied buffer size 2147483647 exceeds maximum of 700\n"),
        (b"db", b"e-[Command 'db' requires a subcommand]\r\n"),
        (b"db abc", b"e-[Insufficent number of hex digits]\r\n"),
        (b"db 0g", b"e-[Invalid hex digit '0g']\r\n"),
        (b"db 00", b"e-[Command 'db load' must come first]\r\n"),
        (b"infer 0", b"e-[Inference iterations must be >0]\r\n"),
        (b"infer x", b"e-[Inference iterations must be >0]\r\n"),
        (b"infer 1 -1", b"e-[Inference warmup must be >=0]\r\n"),
        (b"infer 2000000000 0", b"e-[Inference counts must be <=1000000000]\r\n"),
        (b"nonsense here", b"e-[Unknown command: nonsense]\r\n"),
        (b"\nname", b"e-[Unknown command: ?name]\r\n"),
        (b"names", b"e-[Unknown command: names]\r\n"),
        (b"", b"e-[Unknown command: ]\r\n"),
        (b"db print -1", b"e-[Command 'db print' takes no negative numbers]\r\n"),
    ],
)
def test_command_is_answered_to_the_letter(toy: Path, command: bytes, answer: bytes) -> None:
    assert say(toy, command + b"%") == answer + READY


def test_help_begins_with_the_firmware_version(toy: Path) -> None:
    answer = say(toy, b"help%")
    assert answer.startswith(b"ULPMark for tinyML Firmware V0.0.1\r\n")
    assert answer.endswith(READY)
    for command in (b"name", b"timestamp", b"db load N", b"infer", b"results"):
        assert command in answer


def test_timestamp_is_one_lap_line(toy: Path) -> None:
    assert re.fullmatch(rb"m-lap-us-[0-9]+\r\nm-ready\r\n", say(toy, b"timestamp%"))


def test_infer_says_its_lines_in_order(toy: Path) -> None:
    pattern = (
        rb"m-warmup-start-2\r\nm-warmup-done\r\nm-infer-start-3\r\n"
        rb"m-lap-us-[0-9]+\r\nm-lap-us-[0-9]+\r\nm-infer-done\r\n"
        rb"m-results-\[[-0-9.]+,[-0-9.]+,[-0-9.]+,[-0-9.]+\]\r\nm-ready\r\n"
    )
    assert re.fullmatch(pattern, say(toy, b"infer 3 2%"))


def test_infer_alone_is_one_inference_after_ten(toy: Path) -> None:
    answer = say(toy, b"infer%")
    assert b"m-warmup-start-10\r\n" in answer
    assert b"m-infer-start-1\r\n" in answer


def test_a_command_longer_than_the_buffer_loses_its_end(toy: Path) -> None:
    answer = say(toy, b"x" * 200 + b"%name%")
    assert answer == b"e-[Unknown command: " + b"x" * 80 + b"]\r\n" + READY + say(toy, b"name%")


def test_loading_ends_with_the_last_byte_and_disregards_the_rest(toy: Path) -> None:
    answer = say(toy, b"db load 3%db 0aFf%db 7f8899%db print%db 00%")
    assert answer == b"".join(
        (
            b"m-[Expecting 3 bytes]\r\n" + READY,
            READY,
            b"m-load-done\r\n" + READY,
            b"m-buffer-0a-ff-7f\r\n" + READY,
            b"e-[Command 'db load' must come first]\r\n" + READY,
        )
    )


def test_print_breaks_after_eight_bytes_and_takes_a_window(toy: Path) -> None:
    load = b"db load 12%db 000102030405060708090a0b%"
    rest = say(toy, load + b"db print%db print 3 7%db print 9 20%").split(READY)[2:]
    assert rest == [
        b"m-buffer-00-01-02-03-04-05-06-07\r\nm-buffer-08-09-0a-0b\r\n",
        b"m-buffer-07-08-09\r\n",
        b"",
        b"",
    ]


def test_the_client_loads_infers_and_reads_results(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), TextLink.open(port) as link:
        assert link.name() == "mcuforge host"
        assert link.profile() == "toy01"
        assert link.timestamp() > 0
        for seed in range(3):
            link.load(toy_input(seed))
            answer = link.infer(1, 4)
            assert answer.results == expected_values(toy_input(seed))
            assert answer.microseconds >= 0
            assert link.results() == answer.results
            # an inference overwrites its input: what is answered is the input's all the same
            assert link.infer(3).results == expected_values(toy_input(seed))
        with pytest.raises(Refused, match=r"e-\[Inference iterations must be >0\]"):
            link.infer(0)


def test_the_client_hears_a_fault(toy: Path) -> None:
    with (
        toy_on_pty(toy, "fault") as (_, port),
        TextLink.open(port) as link,
        pytest.raises(BoardCrashed, match="hard fault pc=0x08001234"),
    ):
        link.infer()


def test_the_client_does_not_wait_for_ever() -> None:
    master, slave = raw_pty()
    with pytest.raises(NoAnswer, match=r"no line from the board for 0\.1 s"):
        TextLink.open(os.ttyname(slave), timeout_s=0.1)
    os.close(master)
    os.close(slave)


def test_the_client_waits_for_a_board_that_starts_late(toy: Path) -> None:
    with toy_on_pty(toy) as (board, port):
        board.reset()
        with TextLink.open(port) as link:
            assert link.name() == "mcuforge host"


def test_pixels_are_shifted_by_128(firmware: tuple[Path, ...], tmp_path: Path) -> None:
    toy = link_toy(tmp_path, firmware, "-DTOY_FEED=CHECK_FEED_U8", "-DTOY_WIRE_BYTES=700")
    pixels = np.frombuffer(toy_input(3), np.uint8)
    with toy_on_pty(toy) as (_, port), TextLink.open(port) as link:
        link.load(pixels.tobytes())
        signed = (pixels.astype(np.int16) - 128).astype(np.int8)
        assert link.infer().results == expected_values(signed.tobytes())


def test_float_feeds_are_quantized_as_the_reference_does(
    firmware: tuple[Path, ...], tmp_path: Path
) -> None:
    toy = link_toy(tmp_path, firmware, *FLOAT_FEED)
    rng = np.random.default_rng(1)
    real = rng.uniform(-80, 80, 700).astype(np.float32)
    real[:7] = [0.25, -0.25, 0.75, 1e9, -1e9, np.inf, -np.inf]
    real[7] = np.nan
    scaled = np.nan_to_num(real / np.float32(0.5), nan=0.0, posinf=1e9, neginf=-1e9)
    rounded = np.trunc(scaled) + np.trunc(2 * (scaled - np.trunc(scaled)))
    quantized = np.clip(rounded - 3, -128, 127).astype(np.int8)
    with toy_on_pty(toy) as (_, port), TextLink.open(port) as link:
        link.load(real.tobytes())
        assert link.infer().results == expected_values(quantized.tobytes())


def test_squared_error_compares_with_what_the_runner_sent(
    firmware: tuple[Path, ...], tmp_path: Path
) -> None:
    toy = link_toy(tmp_path, firmware, *FLOAT_FEED, "-DTOY_ANSWER=CHECK_ANSWER_MSE")
    real = np.linspace(-20, 20, 700, dtype=np.float32)
    quantized = np.clip(np.round(real / 0.5) - 3, -128, 127).astype(np.int8)
    answer = np.array(expected_values(quantized.tobytes()))
    expected = float(np.mean((answer - real[:4]) ** 2))
    with toy_on_pty(toy) as (_, port), TextLink.open(port) as link:
        link.load(real.tobytes())
        (result,) = link.infer().results
    assert result == pytest.approx(expected, abs=6e-4)


def test_a_build_without_a_buffer_says_so(firmware: tuple[Path, ...], tmp_path: Path) -> None:
    toy = link_toy(tmp_path, firmware, "-DTOY_WITHOUT_DB")
    assert say(toy, b"db load 4%") == b"Supplied buffer size 4 exceeds maximum of 0\n" + READY
    assert b"m-results-[" in say(toy, b"infer 1 0%")


@pytest.mark.parametrize(
    ("trick", "words"), [("fail", r"e-\[The model failed\]"), ("refuse", "refused its arena: 7")]
)
def test_a_model_that_fails_is_no_result(toy: Path, trick: str, words: str) -> None:
    with (
        toy_on_pty(toy, trick) as (_, port),
        TextLink.open(port) as link,
        pytest.raises(Refused, match=words),
    ):
        link.infer()


def test_a_model_without_an_arena_has_no_results(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_TRICK", "refuse")
    assert say(toy, b"results%") == b"e-[The model refused its arena: 7]\r\n" + READY


def test_a_long_infer_keeps_talking(tmp_path: Path) -> None:
    toy = link_toy(tmp_path, compile_firmware("-DCHECK_BUSY_SECONDS=0"))
    lines = say(toy, b"infer 2 0%").split(b"\r\n")
    assert lines.count(b"m-busy") == 3  # two that are timed and the one that answers
    assert lines.index(b"m-infer-done") > lines.index(b"m-busy")


def test_floats_print_as_printf_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    values = np.concatenate(
        [
            rng.integers(0, 2**32, 20000, np.uint32).view(np.float32),
            rng.normal(0, 2, 5000).astype(np.float32),
            (np.arange(-4000, 4000) / 16).astype(np.float32),
            (np.arange(-4000, 4000) / 2000).astype(np.float32),
            np.array([0, -0.0, 3.4028235e38, 1e-45, 8388607.5, 16777216, -0.0004, 0.9995], "f4"),
        ]
    )
    program = tmp_path / "printer"
    main = tmp_path / "printer.c"
    main.write_text(PRINTER)
    sources = [main, firmware_dir() / "text.c"]
    flags = [*WARNINGS, *SANITIZERS, f"-I{firmware_dir()}"]
    subprocess.run(["gcc", *flags, *sources, "-o", program], check=True)
    done = subprocess.run([program], input=values.tobytes(), capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    for value, line in zip(values.tolist(), lines, strict=True):
        assert line.replace("-nan", "nan") == f"{value:0.3f}", struct.pack("<f", value).hex()
