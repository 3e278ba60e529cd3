# SPDX-License-Identifier: Apache-2.0
"""The digits network answers rightly on the board, and keeps its limits: docs/testing.md."""

from pathlib import Path

from mcuforge.testing import OnBoard

DIGITS = Path(__file__).resolve().parents[1] / "digits"


def test_the_digits_on_the_board(board: OnBoard) -> None:
    digits = board.deploy(DIGITS / "digits_cnn.tflite")
    digits.check(DIGITS / "digits_test.npz")  # every answer is that of the reference
    assert digits.accuracy >= 0.95
    assert digits.ram <= 4 * 1024
    assert digits.flash <= 32 * 1024
    assert not board.emulated or digits.instructions <= 400_000
