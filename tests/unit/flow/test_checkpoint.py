# SPDX-License-Identifier: Apache-2.0
"""The file that a long check goes on from."""

import contextlib
import io
import random
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.tensors import Array
from mcuforge.errors import CompileError
from mcuforge.flow.checkpoint import Checkpoint, Progress, check_digest

INPUTS = (np.arange(12, dtype=np.int8).reshape(3, 4), np.ones((3, 1), np.float32))
OUTPUTS: tuple[Array, ...] = (np.arange(4, dtype=np.int8).reshape(2, 2), np.zeros((2, 3), np.int32))
SHAPES = (((2,), np.dtype(np.int8)), ((3,), np.dtype(np.int32)))
SAMPLES = 3


def saved(folder: Path) -> Checkpoint:
    """A checkpoint of two samples."""
    checkpoint = Checkpoint(folder / "run.npz")
    checkpoint.save("a check", Progress(2, OUTPUTS, 2**40, 512))
    return checkpoint


def refusal(checkpoint: Checkpoint) -> str:
    """What it says of a file that it does not take."""
    with pytest.raises(CompileError) as caught:
        checkpoint.load("a check", SHAPES, SAMPLES)
    assert str(caught.value).count("\n") == 2
    return caught.value.what


def test_what_is_saved_is_loaded_and_removed(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "run.npz")
    assert checkpoint.load("a check", SHAPES, SAMPLES) is None
    found = saved(tmp_path).load("a check", SHAPES, SAMPLES)
    assert found is not None
    assert (found.done, found.ticks, found.stack_bytes) == (2, 2**40, 512)
    assert [x.dtype for x in found.outputs] == [np.int8, np.int32]
    np.testing.assert_array_equal(found.outputs[0], OUTPUTS[0])
    np.testing.assert_array_equal(found.outputs[1], OUTPUTS[1])
    checkpoint.remove()
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="of another check"):
        saved(tmp_path).load("another", SHAPES, SAMPLES)


def npy() -> bytes:
    """An array where an archive should be."""
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zip",
        b"PK\x03\x04" + bytes(40),
        npy(),
        b"\x93NUMPY\x01\x00\x10\x00{'descr': ((((((\n",
        b"\x93NUMPY\x01\x00\x10\x00{1: 2, 'a': 3} \n",
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    checkpoint = saved(tmp_path)
    checkpoint.path.write_bytes(content)
    assert "cannot be read" in refusal(checkpoint)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    checkpoint.remove()
    checkpoint.path.mkdir()
    assert "cannot be read" in refusal(checkpoint)


def test_no_damage_gives_other_answers_or_another_error(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    whole = checkpoint.path.read_bytes()
    draw = random.Random(3)
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        checkpoint.path.write_bytes(bytes(content)[: draw.choice((len(whole), len(whole) - 9))])
        found = None
        with contextlib.suppress(CompileError):
            found = checkpoint.load("a check", SHAPES, SAMPLES)
        if found is None:
            refusal(checkpoint)
            continue
        assert (found.done, found.ticks, found.stack_bytes) == (2, 2**40, 512)
        for array, right in zip(found.outputs, OUTPUTS, strict=True):
            np.testing.assert_array_equal(array, right)


@pytest.mark.parametrize("name", ["numbers", "output0", "output1", "digest"])
def test_each_part_is_sealed(tmp_path: Path, name: str) -> None:
    checkpoint = saved(tmp_path)
    with np.load(checkpoint.path) as held:
        parts = dict(held)
    parts[name] = (
        np.array("a check ") if name == "digest" else parts[name] + parts[name].dtype.type(1)
    )
    np.savez(checkpoint.path, **parts)
    assert "SHA-256 differs" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("done", "outputs"),
    [
        (-1, OUTPUTS),
        (1, OUTPUTS),
        (4, tuple(np.concatenate((x, x)) for x in OUTPUTS)),
        (2, OUTPUTS[:1]),
        (2, (OUTPUTS[0].view(np.uint8), OUTPUTS[1])),
        (2, (OUTPUTS[0][:, :1], OUTPUTS[1])),
    ],
)
def test_count_shapes_and_types_are_those_of_the_check(
    tmp_path: Path, done: int, outputs: tuple[Array, ...]
) -> None:
    checkpoint = Checkpoint(tmp_path / "run.npz")
    checkpoint.save("a check", Progress(done, outputs, 1, 1))
    assert "its answers differ" in refusal(checkpoint)


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
