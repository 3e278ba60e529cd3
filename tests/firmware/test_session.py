# SPDX-License-Identifier: Apache-2.0
"""Frames end to end: the real firmware as a process, the real client."""

import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import (
    BoardCrashed,
    BoardReset,
    LinkError,
    ModelFailed,
    NoAnswer,
    PortBusy,
    WrongModel,
)
from mcuforge.boards.link.exchange import Request
from mcuforge.boards.link.frame import GOES_ON, Kind
from mcuforge.errors import BoardError, InternalError
from tests.firmware.toy_board import (
    ARENA_BYTES,
    TOY_HASH,
    flipper,
    read_input,
    toy_answers,
    toy_bias,
    toy_input,
    toy_on_bad_line,
    toy_on_pty,
    toy_on_socket,
)

BIAS = toy_bias(1000, -1000, 70000, -70000)


def feed(link: Link, seed: int = 1) -> None:
    """Write both inputs."""
    link.write_input(0, toy_input(seed))
    link.write_input(1, BIAS)


def infer(link: Link, seed: int) -> tuple[bytes, bytes]:
    """Both outputs for the input of that seed."""
    feed(link, seed)
    link.run()
    return link.read_output(0), link.read_output(1)


def test_hello_tells_all_about_the_model(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        hello = link.hello(TOY_HASH)
    assert (hello.model, hello.task, hello.board, hello.build) == (
        "toy",
        "toy01",
        "host",
        "toy build",
    )
    assert (hello.steps, hello.arena_bytes, hello.canary_bytes) == (2, ARENA_BYTES, 16)
    assert (hello.tick_hz, hello.data_bytes, hello.window) == (1_000_000_000, 256, 3)
    assert (hello.chip_id, hello.started_by) == (0x10016413, "software")  # host_board.c
    first, second = link.inputs
    assert (first.name, first.bytes, first.dtype) == ("toy/input", 700, "int8")
    assert (first.scale, first.zero_point) == (0.5, -3)
    assert (second.bytes, second.elements, second.dtype) == (16, 4, "int32")
    assert [output.bytes for output in link.outputs] == [4, 16]


def test_answers_over_a_pty_are_the_models(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        link.hello(TOY_HASH)
        for seed in range(20):
            assert infer(link, seed) == toy_answers(toy_input(seed), BIAS)
        counters = link.counters()
    assert counters.ticks > 0
    assert counters.canaries_intact
    assert (counters.dropped_bytes, counters.bad_frames) == (0, 0)


def test_answers_over_a_socket_are_the_models(toy: Path) -> None:
    with toy_on_socket(toy) as url, Link.open(url) as link:
        link.hello(TOY_HASH)
        assert infer(link, 3) == toy_answers(toy_input(3), BIAS)


def test_an_input_reads_back_until_the_model_runs(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        link.hello()
        feed(link, 5)
        assert read_input(link, 0) == toy_input(5)
        link.run()
        assert read_input(link, 0) != toy_input(5)


def test_the_arena_shows_what_stands_between_two_steps(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        link.hello()
        feed(link)
        link.write_input(0, bytes(range(100)) * 7)
        link.run(0, 1)
        arena = link.read_arena(0, ARENA_BYTES)
        assert arena[:3] == bytes([3, 5, 7])
        assert arena[99] == 127
        assert link.read_arena(1, 2) == arena[1:3]


def test_steps_run_one_by_one_are_the_model_and_each_has_its_ticks(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        link.hello()
        link.write_input(0, toy_input(1))
        link.write_input(1, BIAS)
        ticks = [link.run(step, step + 1) for step in range(link.firmware.steps)]
        assert len(ticks) == 2
        assert all(count > 0 for count in ticks)
        assert link.read_output(0) == toy_answers(toy_input(1), BIAS)[0]
        counters = link.counters()
    assert (counters.begin, counters.end) == (1, 2)


def test_every_step_of_one_run_is_timed_by_itself(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        link.hello()
        link.write_input(0, toy_input(9))
        link.write_input(1, BIAS)
        timed = list(link.time_steps())
        assert (link.read_output(0), link.read_output(1)) == toy_answers(toy_input(9), BIAS)
        assert link.counters().ticks == sum(ticks for _, ticks in timed)
    assert [step for step, _ in timed] == [0, 1]
    assert all(ticks > 0 for _, ticks in timed)


def test_modes_of_a_run_that_there_are_not_are_refused(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        link.hello()
        for mode in (3, 2**32 - 1):
            request = Request(Kind.RUN, struct.pack("<IIII", 0, 1, mode & ~GOES_ON, 0))
            with pytest.raises(LinkError, match="no such mode"):
                link._exchange.ask(request, "testing")


def test_stack_high_water_mark_sees_a_deep_call(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        link.hello()
        feed(link)
        link.run()
        usual = link.counters().stack_bytes
    with toy_on_pty(toy, "stack") as (_, port), Link.open(port) as link:
        link.hello()
        feed(link)
        link.run()
        deep = link.counters()
    assert 0 < usual < 5000 <= deep.stack_bytes
    assert deep.stack_bytes < deep.stack_total_bytes < 262144


def test_a_write_outside_the_arena_shows_on_both_sides(toy: Path) -> None:
    with toy_on_pty(toy, "overrun") as (_, port), Link.open(port) as link:
        link.hello()
        assert link.counters().canaries_intact
        feed(link)
        link.run()
        counters = link.counters()
        assert (counters.canary_before_changed, counters.canary_after_changed) == (1, 2)
        assert not counters.canaries_intact
        link.hello()
        assert link.counters().canaries_intact


def test_a_second_client_hears_who_has_the_port(toy: Path) -> None:
    program = "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); input()"
    with toy_on_pty(toy) as (_, port):
        holder = subprocess.Popen([sys.executable, "-c", f"{program}", port], stdin=subprocess.PIPE)
        try:
            error = busy_error(port)
        finally:
            holder.communicate(b"\n")
        Link.open(port).close()
    assert f"process {holder.pid}" in error.what
    assert port in error.where


def busy_error(port: str) -> PortBusy:
    """What opening says once the other program has the port."""
    for _ in range(100):
        try:
            Link.open(port).close()
        except PortBusy as error:
            return error
        time.sleep(0.05)
    raise AssertionError("the port was never busy")


def test_another_models_firmware_is_recognized(toy: Path) -> None:
    wanted = bytes(range(32))
    with (
        toy_on_pty(toy) as (_, port),
        Link.open(port) as link,
        pytest.raises(WrongModel) as caught,
    ):
        link.hello(wanted)
    assert TOY_HASH.hex() in caught.value.what
    assert wanted.hex() in caught.value.what
    assert "toy" in caught.value.what


def test_a_fault_ends_the_run_with_the_boards_words(toy: Path) -> None:
    with toy_on_pty(toy, "fault") as (_, port), Link.open(port) as link:
        link.hello()
        feed(link)
        with pytest.raises(BoardCrashed, match="hard fault pc=0x08001234") as caught:
            link.run()
    assert "running steps 0 to 2" in caught.value.where
    assert "host" in caught.value.where


def test_a_hung_run_ends_in_the_time_it_was_given(toy: Path) -> None:
    with toy_on_pty(toy, "hang") as (_, port), Link.open(port) as link:
        link.hello()
        feed(link)
        started = time.monotonic()
        with pytest.raises(NoAnswer, match=r"no answer from the board for 0\.7 s"):
            link.run(timeout_s=0.7)
        assert time.monotonic() - started < 2


def test_a_run_longer_than_the_resend_interval_happens_once(toy: Path) -> None:
    with toy_on_pty(toy, "slow") as (_, port), Link.open(port) as link:
        link.hello()
        link.write_input(0, toy_input(4))
        link.write_input(1, BIAS)
        ticks = link.run()
        assert 1_000_000_000 <= ticks < 1_900_000_000
        assert link.read_output(1) == toy_answers(toy_input(4), BIAS)[1]


def test_a_model_that_fails_is_reported_with_its_status(toy: Path) -> None:
    with toy_on_pty(toy, "fail") as (_, port), Link.open(port) as link:
        link.hello()
        feed(link)
        with pytest.raises(ModelFailed, match="status 5"):
            link.run()


def test_a_model_that_refuses_its_arena_is_reported_at_hello(toy: Path) -> None:
    with (
        toy_on_pty(toy, "refuse") as (_, port),
        Link.open(port) as link,
        pytest.raises(ModelFailed, match=r"arena of 716 B \(status 7\)"),
    ):
        link.hello()


def test_a_reset_in_mid_session_is_noticed(toy: Path) -> None:
    with toy_on_pty(toy) as (board, port), Link.open(port) as link:
        link.hello()
        feed(link)
        board.reset()
        with pytest.raises(BoardReset, match="has lost the input"):
            link.run()
        link.hello()
        assert infer(link, 2) == toy_answers(toy_input(2), BIAS)


def test_a_board_that_starts_late_is_waited_for(toy: Path) -> None:
    with toy_on_pty(toy) as (board, port), Link.open(port) as link:
        board.reset()
        assert link.hello(TOY_HASH).model == "toy"


def test_a_board_that_vanishes_is_an_error_at_once(toy: Path) -> None:
    with toy_on_socket(toy) as url:
        link = Link.open(url)
        link.hello()
        feed(link)
    started = time.monotonic()
    with link, pytest.raises(NoAnswer, match="closed while in use"):
        link.run()
    assert time.monotonic() - started < 1


def hello_and_infer(link: Link) -> None:
    """A short session."""
    link.hello(TOY_HASH)
    infer(link, 1)


@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_line_still_gives_right_answers(toy: Path, seed: int) -> None:
    damage = (flipper(seed, 0.002), flipper(seed + 100, 0.002))
    with toy_on_bad_line(toy, *damage) as port, Link.open(port) as link:
        link.hello(TOY_HASH)
        for sample in range(3):
            assert infer(link, sample) == toy_answers(toy_input(sample), BIAS)


@pytest.mark.parametrize("chance", [0.1, 1.0])
def test_a_hopeless_line_is_a_clear_error_in_bounded_time(toy: Path, chance: float) -> None:
    damage = (flipper(1, chance), flipper(2, chance))
    started = time.monotonic()
    with (
        toy_on_bad_line(toy, *damage) as port,
        Link.open(port, timeout_s=1) as link,
        pytest.raises(LinkError) as caught,
    ):
        hello_and_infer(link)
    assert time.monotonic() - started < 20
    assert port in caught.value.where


def test_a_line_that_eats_every_fourth_answer_costs_only_time(toy: Path) -> None:
    passed = 0

    def drop_some(data: bytes) -> bytes:
        nonlocal passed
        passed += 1
        return b"" if passed % 4 == 0 else data

    with toy_on_bad_line(toy, bytes, drop_some) as port, Link.open(port) as link:
        link.hello(TOY_HASH)
        assert infer(link, 9) == toy_answers(toy_input(9), BIAS)


def test_noise_before_the_first_hello_is_overcome(toy: Path) -> None:
    noise = bytes(range(256)) * 3 + b"\0\xa5\x05ab"
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        link._exchange.port.write(noise)
        assert link.hello(TOY_HASH).model == "toy"
        assert infer(link, 1) == toy_answers(toy_input(1), BIAS)


def test_wrong_use_is_our_fault_not_the_users(toy: Path) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        with pytest.raises(InternalError, match="before hello"):
            link.run()
        link.hello()
        with pytest.raises(InternalError, match="takes 700 B, not 3 B"):
            link.write_input(0, b"abc")
        with pytest.raises(InternalError, match="input 2"):
            link.write_input(2, b"abc")
        with pytest.raises(BoardError, match="past the end"):
            link.read_arena(ARENA_BYTES - 1, 2)
        with pytest.raises(BoardError, match="no such steps"):
            link.run(1, 3)
        with pytest.raises(InternalError, match="input 0 is run before it is written"):
            link.run()
