# SPDX-License-Identifier: Apache-2.0
"""A small network on a board: exact, within its limits, in every form of input, again and again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mcuforge.compiler import reference
from mcuforge.compiler.compile import PlanOptions
from mcuforge.flow.data import load_samples
from mcuforge.testing import OnBoard

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL, DATA = DIGITS / "digits_cnn.tflite", DIGITS / "digits_test.npz"


def test_answers_are_exact_and_the_figures_add_up(board: OnBoard) -> None:
    digits = board.deploy(MODEL)
    check = digits.check(DATA, 8)
    assert check.exact_samples == check.samples == 8
    assert digits.accuracy >= 0.75
    report = digits.report
    assert digits.ram == report.ram.total <= report.ram.budget
    assert digits.flash == report.flash.total <= report.flash.budget
    if board.emulated:
        assert sum(layer.instructions or 0 for layer in report.layers) == digits.instructions
    else:
        assert sum(layer.microseconds or 0 for layer in report.layers) > 0
        assert digits.microseconds > 0
    painted = report.ram.stack_painted
    assert painted is None or painted > 0


def test_raw_answers_are_those_of_our_reference(board: OnBoard) -> None:
    digits = board.deploy(MODEL)
    graph = digits.image.compiled.graph
    samples = load_samples(graph, DATA, 3)
    with np.load(DATA) as data:
        got = digits.run(data["x"][:3])
    assert isinstance(got, np.ndarray)
    for index, answer in enumerate(got):
        (right,) = reference.run(graph, samples.sample(index))
        assert (answer.reshape(-1) == right.reshape(-1)).all()


def test_images_take_turns_on_a_board(board: OnBoard) -> None:
    resident, streamed = board.deploy(MODEL), board.deploy(MODEL, PlanOptions(streamed=True))
    for image in (resident, streamed, resident):
        assert image.check(DATA, 2).exact_samples == 2
