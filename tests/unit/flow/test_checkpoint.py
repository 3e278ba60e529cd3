# SPDX-License-Identifier: Apache-2.0
"""The file that a long check goes on from."""

from pathlib import Path

import numpy as np
import pytest

from mcuforge.errors import CompileError
from mcuforge.flow.checkpoint import Checkpoint, Progress, check_digest

INPUTS = (np.arange(12, dtype=np.int8).reshape(3, 4), np.ones((3, 1), np.float32))
OUTPUTS = (np.arange(4, dtype=np.int8).reshape(2, 2), np.zeros((2, 3), np.int32))


def test_what_is_saved_is_loaded_and_removed(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "run.npz")
    assert checkpoint.load("a check") is None
    checkpoint.save("a check", Progress(2, OUTPUTS, 2**40, 512))
    found = checkpoint.load("a check")
    assert found is not None
    assert (found.done, found.ticks, found.stack_bytes) == (2, 2**40, 512)
    assert [x.dtype for x in found.outputs] == [np.int8, np.int32]
    np.testing.assert_array_equal(found.outputs[0], OUTPUTS[0])
    np.testing.assert_array_equal(found.outputs[1], OUTPUTS[1])
    checkpoint.remove()
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_check_is_refused(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "run.npz")
    checkpoint.save("a check", Progress(2, OUTPUTS, 1, 1))
    with pytest.raises(CompileError, match="of another check"):
        checkpoint.load("another")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(40)])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(CompileError, match="cannot be read"):
        Checkpoint(path).load("a check")


def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="cannot write"):
        Checkpoint(tmp_path / "no folder" / "run.npz")


def test_all_that_answers_depend_on_is_in_the_digest() -> None:
    words = ("hash", "board", "build", "plain")
    whole = check_digest(INPUTS, words)
    assert check_digest([x.copy() for x in INPUTS], words) == whole
    changed = INPUTS[0].copy()
    changed[2, 3] ^= 1
    others = [
        check_digest((changed, INPUTS[1]), words),
        check_digest((INPUTS[0].reshape(3, 2, 2), INPUTS[1]), words),
        check_digest((INPUTS[0].view(np.uint8), INPUTS[1]), words),
        check_digest((INPUTS[0][:2], INPUTS[1][:2]), words),
        check_digest(INPUTS, (*words[:3], "poison")),
    ]
    assert whole not in others
    assert len(set(others)) == len(others)
