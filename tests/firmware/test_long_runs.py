# SPDX-License-Identifier: Apache-2.0
"""A long check goes on after the board was away, with the same answers as one without a break."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import BoardReset
from mcuforge.boards.link.messages import Counters
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError
from mcuforge.flow import board_check
from mcuforge.flow.board_check import run_samples
from mcuforge.flow.checkpoint import Checkpoint, check_digest
from mcuforge.flow.data import Samples, random_samples
from mcuforge.report.progress import Stages
from tests.firmware.generated import HASH, link_model
from tests.firmware.toy_board import ToyBoard, toy_on_pty
from tests.unit.compiler.pipelines import compiled, pipelined, residual

QUIET = Stages(Console(stderr=True), quiet=True)
SAMPLES = 23


@pytest.fixture(scope="module")
def resident() -> Compiled:
    return compiled(pipelined(residual()))


@pytest.fixture(scope="module")
def program(
    resident: Compiled, firmware: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return link_model(tmp_path_factory.mktemp("resident"), firmware, resident)


class Inferences:
    """Counts the inferences of a link, and takes the board's power before one of them."""

    def __init__(self, link: Link, board: ToyBoard, cut: int | None = None) -> None:
        self.count = 0
        self._infer = link.infer
        self._board, self._cut = board, cut
        link.infer = self.infer  # type: ignore[method-assign]

    def infer(
        self, inputs: Sequence[bytes], *, poison: bool = False
    ) -> tuple[list[bytes], Counters]:
        if self.count == self._cut:
            self._board.reset()
        self.count += 1
        return self._infer(inputs, poison=poison)


@pytest.mark.parametrize("poison", [False, True])
@pytest.mark.parametrize("cut", [0, 7, SAMPLES - 1])
def test_a_run_that_was_cut_has_the_same_answers(
    program: Path, resident: Compiled, tmp_path: Path, cut: int, poison: bool
) -> None:
    samples = random_samples(resident.graph, SAMPLES)
    checkpoint = Checkpoint(tmp_path / "run.npz")
    further = int(poison)  # the first sample runs once more, without poison
    with toy_on_pty(program) as (board, port), Link.open(port) as link:
        link.hello(HASH)
        whole = run_samples(link, resident, samples, QUIET, poison=poison)
        Inferences(link, board, cut + (further if cut else 0))
        with pytest.raises(BoardReset, match=f"goes on behind sample {cut}$"):
            run_samples(link, resident, samples, QUIET, poison=poison, checkpoint=checkpoint)
        with np.load(checkpoint.path) as held:
            done, ticks, _ = held["numbers"]
        assert done == cut
        link.hello(HASH)
        rest = Inferences(link, board)
        found = run_samples(link, resident, samples, QUIET, poison=poison, checkpoint=checkpoint)
    assert rest.count == SAMPLES - cut + (0 if cut else further)
    for output, right in zip(found.outputs, whole.outputs, strict=True):
        assert output.dtype == right.dtype
        np.testing.assert_array_equal(output, right)
    assert found.run_ticks == (ticks if cut else found.run_ticks) > 0
    assert found.stack_painted, "which differs from process to process here"
    assert not checkpoint.path.exists()


def test_a_program_that_was_killed_loses_few_samples(
    program: Path, resident: Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_check, "EVERY_SAMPLES", 5)
    digests: list[str] = []

    def counted(inputs: Sequence[Array], words: Iterable[str]) -> str:
        digests.append(check_digest(inputs, words))
        return digests[-1]

    monkeypatch.setattr(board_check, "check_digest", counted)
    samples = random_samples(resident.graph, SAMPLES)
    checkpoint = Checkpoint(tmp_path / "run.npz")

    class Killed(BaseException):
        pass

    with toy_on_pty(program) as (board, port), Link.open(port) as link:
        link.hello(HASH)
        infer = link.infer

        def dies(inputs: Sequence[bytes], *, poison: bool = False) -> tuple[list[bytes], Counters]:
            if checkpoint.path.exists() and np.load(checkpoint.path)["numbers"][0] == 10:
                raise Killed
            return infer(inputs, poison=poison)

        link.infer = dies  # type: ignore[method-assign]
        with pytest.raises(Killed):
            run_samples(link, resident, samples, QUIET, checkpoint=checkpoint)
        link.infer = infer  # type: ignore[method-assign]
        rest = Inferences(link, board)
        run_samples(link, resident, samples, QUIET, checkpoint=checkpoint)
    assert rest.count == SAMPLES - 10
    assert len(digests) == 2, "once in each run, and not at every save"


def cut_at_3(link: Link, board: ToyBoard, resident: Compiled, checkpoint: Checkpoint) -> Samples:
    """Run samples until the board is away behind the third, and say hello to it again."""
    link.hello(HASH)
    samples = random_samples(resident.graph, 5)
    Inferences(link, board, 3)
    with pytest.raises(BoardReset):
        run_samples(link, resident, samples, QUIET, checkpoint=checkpoint)
    link.hello(HASH)
    return samples


def test_other_samples_do_not_go_on(program: Path, resident: Compiled, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "run.npz")
    with toy_on_pty(program) as (board, port), Link.open(port) as link:
        samples = cut_at_3(link, board, resident, checkpoint)
        (x,) = samples.inputs
        other = x.copy()
        other[4].flat[0] ^= 1
        for changed in (
            random_samples(resident.graph, 6),
            replace(samples, inputs=(other,)),
            replace(samples, inputs=(x[::-1],)),
        ):
            with pytest.raises(CompileError, match="of another check"):
                run_samples(link, resident, changed, QUIET, checkpoint=checkpoint)
        run_samples(link, resident, samples, QUIET, checkpoint=checkpoint)


@pytest.mark.parametrize(
    "other",
    [
        {"build": "the same version, built by another compiler"},
        {"tick_hz": 999_999_999},
        {"chip_id": 1},
        {"arena_bytes": 4},
    ],
)
def test_another_build_or_chip_of_the_same_id_does_not_go_on(
    program: Path, resident: Compiled, tmp_path: Path, other: dict[str, Any]
) -> None:
    checkpoint = Checkpoint(tmp_path / "run.npz")
    with toy_on_pty(program) as (board, port), Link.open(port) as link:
        samples = cut_at_3(link, board, resident, checkpoint)
        link._hello = replace(link.firmware, **other)
        with pytest.raises(CompileError, match="of another check"):
            run_samples(link, resident, samples, QUIET, checkpoint=checkpoint)


def test_other_tensors_and_a_virtual_board_do_not_go_on(
    program: Path, resident: Compiled, tmp_path: Path
) -> None:
    checkpoint = Checkpoint(tmp_path / "run.npz")
    with toy_on_pty(program) as (board, port), Link.open(port) as link:
        samples = cut_at_3(link, board, resident, checkpoint)
        (output,) = link.outputs
        link.outputs = (replace(output, zero_point=output.zero_point + 1),)
        with pytest.raises(CompileError, match="of another check"):
            run_samples(link, resident, samples, QUIET, checkpoint=checkpoint)
        link.outputs = (output,)
        link._exchange.port.now_s = lambda: time.monotonic()
        with pytest.raises(CompileError, match="of another check"):
            run_samples(link, resident, samples, QUIET, checkpoint=checkpoint)


def test_the_user_hears_from_where_a_run_goes_on(
    program: Path, resident: Compiled, tmp_path: Path
) -> None:
    checkpoint = Checkpoint(tmp_path / "run.npz")
    said = io.StringIO()
    with toy_on_pty(program) as (board, port), Link.open(port) as link:
        samples = cut_at_3(link, board, resident, checkpoint)
        stages = Stages(Console(file=said, width=500))
        run_samples(link, resident, samples, stages, checkpoint=checkpoint)
        assert f"going on behind sample 3: {checkpoint.path}" in said.getvalue()
        run_samples(link, resident, samples, stages, checkpoint=checkpoint)
    assert said.getvalue().count("going on") == 1
