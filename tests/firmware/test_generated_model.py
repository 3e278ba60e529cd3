# SPDX-License-Identifier: Apache-2.0
"""Generated pipelines behind the real firmware: streamed, in several arenas, poisoned, profiled."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import BoardReset, Refused
from mcuforge.boards.link.exchange import Request
from mcuforge.boards.link.frame import Kind
from mcuforge.boards.link.text import TextLink
from mcuforge.compiler import reference
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.schedule.schedule import Execution, Task
from mcuforge.compiler.schedule.written import rows_written
from mcuforge.compiler.tensors import Array
from mcuforge.errors import BoardError, InternalError
from mcuforge.flow.board_check import (
    layer_outputs,
    layer_ticks,
    run_sample,
    run_samples,
)
from mcuforge.flow.data import Samples, random_samples
from mcuforge.flow.verdict import first_difference
from mcuforge.memplan.poison import DeadRange
from mcuforge.report.progress import Stages
from tests.firmware.generated import HASH, link_model, open_model
from tests.firmware.toy_board import flipper, read_input, toy_on_bad_line, toy_on_pty
from tests.unit.compiler.graphs import random_inputs
from tests.unit.compiler.pipelines import RINGS, compiled, pipelined, residual

QUIET = Stages(Console(stderr=True), quiet=True)
ROWS, TWO_AT_A_TIME = {"stem": 2}, {**RINGS, "image": 4, "stem": 4}


@pytest.fixture(scope="module")
def streamed() -> Compiled:
    """The residual block with its input streamed, two rows of the stem per task, in two arenas."""
    return compiled(
        pipelined(residual(), rings=TWO_AT_A_TIME, rows=ROWS, streamed=True), ("ram", "dtcm")
    )


@pytest.fixture(scope="module")
def resident() -> Compiled:
    """The same with the whole input in RAM, in one arena."""
    return compiled(pipelined(residual()))


@pytest.fixture(scope="module")
def streamed_board(
    streamed: Compiled, firmware: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return link_model(tmp_path_factory.mktemp("streamed"), firmware, streamed)


@pytest.fixture(scope="module")
def resident_board(
    resident: Compiled, firmware: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return link_model(tmp_path_factory.mktemp("resident"), firmware, resident)


def check_sample(link: Link, built: Compiled, seed: int, *, poison: bool = False) -> None:
    """One inference, whose answer is the reference's."""
    sample = random_inputs(built.graph, seed)
    (want,) = reference.run(built.graph, sample)
    ((got,), _) = run_sample(link, built, sample, poison=poison)
    np.testing.assert_array_equal(got, want.reshape(-1))


def drawn(built: Compiled, count: int) -> Samples:
    return random_samples(built.graph, count)


@pytest.mark.parametrize("poison", [False, True])
def test_rows_are_sent_as_the_model_asks_for_them(
    streamed_board: Path, streamed: Compiled, poison: bool
) -> None:
    with open_model(streamed_board) as link:
        assert link.firmware.steps == len(streamed.schedule.steps)
        assert [x.row_bytes for x in link.inputs] == [12]
        for seed in range(3):
            check_sample(link, streamed, seed, poison=poison)
        counters = link.counters()
    assert counters.canaries_intact
    assert (counters.begin, counters.end) == (0, link.firmware.steps)


def test_a_run_in_parts_counts_the_ticks_of_all_of_them(
    streamed_board: Path, streamed: Compiled
) -> None:
    with open_model(streamed_board) as link:
        link.write_input(0, random_inputs(streamed.graph, 1)[0].tobytes())
        assert link.run() == link.counters().ticks > 0


def test_a_noisy_line_delivers_every_row_once(streamed_board: Path, streamed: Compiled) -> None:
    damage = (flipper(3, 0.002), flipper(4, 0.002))
    with toy_on_bad_line(streamed_board, *damage) as port, Link.open(port) as link:
        link.hello(HASH)
        for seed in range(2):
            check_sample(link, streamed, seed)


def test_a_line_that_eats_every_fifth_answer_delivers_every_row_once(
    streamed_board: Path, streamed: Compiled
) -> None:
    passed = 0

    def drop_some(data: bytes) -> bytes:
        nonlocal passed
        passed += 1
        return b"" if passed % 5 == 0 else data

    with toy_on_bad_line(streamed_board, bytes, drop_some) as port, Link.open(port) as link:
        link.hello(HASH)
        check_sample(link, streamed, 6)


def test_a_reset_between_two_rows_is_noticed(streamed_board: Path, streamed: Compiled) -> None:
    with toy_on_pty(streamed_board) as (board, port), Link.open(port) as link:
        link.hello(HASH)
        link.write_input(0, random_inputs(streamed.graph, 1)[0].tobytes())
        link.run(0, 6)
        board.reset()
        with pytest.raises(BoardReset):
            link.run(6)
        link.hello(HASH)
        check_sample(link, streamed, 2)


def test_a_streamed_input_that_was_never_written_is_our_fault(streamed_board: Path) -> None:
    with open_model(streamed_board) as link, pytest.raises(InternalError, match="before it is"):
        link.run()


def test_a_write_over_two_rows_or_of_none_or_a_read_of_a_streamed_input_is_refused(
    streamed_board: Path,
) -> None:
    with open_model(streamed_board) as link:
        for offset, data in ((6, bytes(12)), (12, b"")):
            body = struct.pack("<II", 0, offset) + data
            with pytest.raises(Refused, match="not of one row of a streamed input"):
                link._exchange.ask(Request(Kind.WRITE, body), "writing")
        with pytest.raises(Refused, match="READ: no such tensor"):
            read_input(link, 0)


def test_a_board_that_never_has_enough_is_given_up_in_bounded_time(streamed_board: Path) -> None:
    with open_model(streamed_board) as link:
        link._streams[0] = bytes(5 * 12)  # an input of five rows where the model has nine
        started = time.monotonic()
        said = r"asks for row 5 of input 0 at step \d+ and has no such row"
        with pytest.raises(BoardError, match=said):
            link.run()
    assert time.monotonic() - started < 5


def test_steps_one_by_one_are_the_whole(streamed_board: Path, streamed: Compiled) -> None:
    sample = random_inputs(streamed.graph, 5)
    (want,) = reference.run(streamed.graph, sample)
    with open_model(streamed_board) as link:
        link.write_input(0, sample[0].tobytes())
        for step in range(link.firmware.steps):
            link.run(step, step + 1)
        assert link.read_output(0) == want.tobytes()


def test_the_text_protocol_streams_from_its_own_buffer(
    streamed_board: Path, streamed: Compiled
) -> None:
    sample = random_inputs(streamed.graph, 7)
    (want,) = reference.run(streamed.graph, sample)
    with toy_on_pty(streamed_board) as (_, port), TextLink.open(port) as link:
        link.load(sample[0].tobytes())
        values = link.infer(2, 1).results
    out = streamed.graph.outputs[0]
    expected = [round(out.scale * (int(q) - out.zero_point), 3) for q in want.reshape(-1)]
    np.testing.assert_allclose(values, expected, atol=6e-4)


def test_without_that_buffer_it_says_so(
    streamed: Compiled, firmware: tuple[Path, ...], tmp_path: Path
) -> None:
    program = link_model(tmp_path, firmware, streamed, db=False)
    with (
        toy_on_pty(program) as (_, port),
        TextLink.open(port) as link,
        pytest.raises(Refused, match="keeps no input to stream from"),
    ):
        link.infer(1, 0)


def test_every_layer_is_read_row_by_row_as_it_was_written(
    streamed_board: Path, streamed: Compiled
) -> None:
    sample = random_inputs(streamed.graph, 11)
    values = reference.run_all(streamed.graph, sample)
    with open_model(streamed_board) as link:
        held = layer_outputs(link, streamed, sample)
    for layer, got in zip(streamed.schedule.layers, held, strict=True):
        want = values[layer.node.output.name].reshape(-1)
        np.testing.assert_array_equal(got, want, err_msg=layer.node.name)


def test_the_first_layer_that_differs_is_named_by_a_row_long_overwritten(
    resident_board: Path, resident: Compiled
) -> None:
    sample = random_inputs(resident.graph, 2)
    values = reference.run_all(resident.graph, sample)
    with open_model(resident_board) as link:
        held = [x.copy() for x in layer_outputs(link, resident, sample)]
    right = [values[t.name] for t in resident.graph.outputs]
    assert "run one by one" in first_difference(resident, sample, held, right)
    held[1][30] ^= 1
    said = first_difference(resident, sample, held, right)
    assert said.startswith("first layer that differs: operator 1 'mixed' (depthwise_conv2d) at [")
    assert "[0, 1, 1, 2]: expected" in said


def test_a_profile_has_one_figure_a_layer(resident_board: Path, resident: Compiled) -> None:
    with open_model(resident_board) as link:
        timed = layer_ticks(link, resident, drawn(resident, 1))
    assert len(timed.ticks) == len(timed.timings) == len(resident.schedule.layers) == 5
    assert all(count > 0 for count in timed.ticks)
    assert sum(timed.timings) == len(list(resident.schedule.steps))


def test_a_streamed_model_is_profiled_row_by_row_and_answers_as_ever(
    streamed_board: Path, streamed: Compiled
) -> None:
    samples = drawn(streamed, 1)
    with open_model(streamed_board) as link:
        timed = layer_ticks(link, streamed, samples)
        got = link.read_output(0)
    assert len(timed.ticks) == len(streamed.schedule.layers)
    assert all(count > 0 for count in timed.ticks)
    assert sum(timed.timings) > len(list(streamed.schedule.steps)), "some waited for a row"
    assert got == _answer(streamed, samples.sample(0)).tobytes()


def test_rows_that_wrap_round_their_ring_are_two_reads(streamed: Compiled) -> None:
    stem = streamed.schedule.layers[1]
    assert (stem.execution, stem.node.output.row_bytes) == (Execution.ROWS, 24)
    assert list(rows_written(streamed.schedule, stem, Task(1, 2, 4))) == [(48, 48, 48)]
    assert list(rows_written(streamed.schedule, stem, Task(1, 3, 5))) == [
        (72, 72, 24),
        (96, 0, 24),
    ]


def test_poisoned_samples_answer_alike(resident_board: Path, resident: Compiled) -> None:
    samples = drawn(resident, 3)
    with open_model(resident_board) as link:
        plain = run_samples(link, resident, samples, QUIET)
        poisoned = run_samples(link, resident, samples, QUIET, poison=True)
    np.testing.assert_array_equal(plain.outputs[0], poisoned.outputs[0])
    assert poisoned.run_ticks > 0
    assert poisoned.stack_painted


def test_poison_shows_what_is_read_though_the_plan_calls_it_dead(
    resident: Compiled, firmware: tuple[Path, ...], tmp_path: Path
) -> None:
    # a plan that thinks the ring of `sum` a row shorter: its third row is anyone's
    place = resident.plan.placements["sum"].offset
    last = DeadRange("ram", place + 2 * 24, place + 3 * 24)
    dead = tuple((last,) for _ in resident.schedule.steps)
    program = link_model(tmp_path, firmware, resident, dead=dead)
    samples = drawn(resident, 2)
    want = np.stack([_answer(resident, samples.sample(i)) for i in range(2)])
    with open_model(program) as link:
        plain = run_samples(link, resident, samples, QUIET)
        poisoned = run_samples(link, resident, samples, QUIET, poison=True)
    np.testing.assert_array_equal(plain.outputs[0], want)  # luck: nothing wrote there
    assert (poisoned.outputs[0] != want).any()


def test_a_ring_one_row_short_gives_wrong_answers(
    firmware: tuple[Path, ...], tmp_path: Path
) -> None:
    short = compiled(pipelined(residual(), rings={**RINGS, "sum": 2}))
    dead: tuple[tuple[DeadRange, ...], ...] = ((),) * len(short.schedule.steps)
    program = link_model(tmp_path, firmware, short, dead=dead)
    sample = random_inputs(short.graph, 1)
    with open_model(program) as link:
        ((got,), _) = run_sample(link, short, sample)
    assert (got != _answer(short, sample)).any()


def test_firmware_that_cannot_poison_is_told_apart(toy: Path, resident: Compiled) -> None:
    with toy_on_pty(toy) as (_, port), Link.open(port) as link:
        link.hello()
        assert not link.firmware.poison
        for index, x in enumerate(link.inputs):
            link.write_input(index, bytes(x.bytes))
        with pytest.raises(Refused, match="cannot poison"):
            link.run(poison=True)
        with pytest.raises(BoardError, match="built without --poison"):
            run_samples(link, resident, drawn(resident, 1), QUIET, poison=True)


def test_a_scribble_round_any_arena_is_found_after_its_sample(
    streamed: Compiled, firmware: tuple[Path, ...], tmp_path: Path
) -> None:
    # the poison itself, one byte too far in the second arena
    end = streamed.plan.peaks["dtcm"]
    dead = ((DeadRange("dtcm", end, end + 1),),) * len(streamed.schedule.steps)
    program = link_model(tmp_path, firmware, streamed, dead=dead)
    with (
        open_model(program) as link,
        pytest.raises(BoardError, match="outside its arena") as caught,
    ):
        run_samples(link, streamed, drawn(streamed, 3), QUIET, poison=True)
    assert caught.value.where.endswith("sample 0")


def _answer(built: Compiled, sample: tuple[Array, ...]) -> Array:
    return reference.run(built.graph, sample)[0].reshape(-1)
