# SPDX-License-Identifier: Apache-2.0
"""Small data sets for tests of the search, and what bad ones are answered with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.errors import CompileError
from mcuforge.nas.data import load


def images(
    count: int = 40, rows: int = 6, columns: int = 5, channels: int = 3
) -> NDArray[np.uint8]:
    """Images (count, rows, columns, channels) whose pixels all differ from their neighbours'."""
    size = count * rows * columns * channels
    return (np.arange(size) * 7 % 251).astype(np.uint8).reshape(count, rows, columns, channels)


def labels(count: int = 40, classes: int = 4) -> NDArray[np.int64]:
    """Labels (count) that take turns."""
    return np.arange(count) % classes


def save(path: Path, **arrays: object) -> Path:
    """An .npz file of arrays."""
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})
    return path


def refused(
    path: Path, where: str | None = None, size: tuple[int, int] | None = None, held: float = 0.1
) -> tuple[str, str]:
    """What a data set meets, and the remedy; its second line names `where`, or else the path."""
    with pytest.raises(CompileError) as caught:
        load(path, size=size, held=held)
    assert len(str(caught.value).splitlines()) == 3
    assert caught.value.where == (where or str(path))
    return caught.value.what, caught.value.hint
