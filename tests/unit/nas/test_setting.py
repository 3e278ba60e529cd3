# SPDX-License-Identifier: Apache-2.0
"""A folder holds one search, and says so to another."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from mcuforge.errors import CompileError
from mcuforge.nas.setting import IDENTITY, Setting, open_setting
from tests.unit.nas.searching import TINY, space_of


def opened(folder: Path, **changed: object) -> Setting:
    space_of(folder, TINY)
    given = {"space": str(folder / "space.toml"), "board": "nucleo_f446re", "data": Path("digits")}
    return open_setting(**{**given, "out": folder / "out", **changed})  # type: ignore[arg-type]


def test_the_data_decide_shape_and_classes(tmp_path: Path) -> None:
    setting = opened(tmp_path)
    assert (setting.task.shape, setting.task.classes) == ((8, 8, 1), 10)
    assert setting.flip is None


def test_the_same_search_opens_its_folder_again(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert opened(tmp_path).identity == first.identity
    assert json.loads((tmp_path / "out" / IDENTITY).read_text()) == dict(first.identity)


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"board": "hifive1"}, "board"),
        ({"seed": 1}, "data"),  # divided by the seed
        ({"flash": 30_000}, "limits"),
        ({"max_instructions": 1e6}, "limits"),
        ({"budget": "long"}, "budget"),
        ({"workers": 1}, "workers"),
        ({"flip": True}, "flip"),
        ({"teacher": Path("largest")}, "teacher"),
    ],
)
def test_another_search_is_refused_by_what_differs(
    changed: dict[str, object], key: str, tmp_path: Path
) -> None:
    opened(tmp_path)
    with pytest.raises(CompileError) as caught:
        opened(tmp_path, **changed)
    assert f"a search with {key} '" in caught.value.what
    assert "--out" in caught.value.hint


def test_a_folder_that_says_nothing_readable_is_refused(tmp_path: Path) -> None:
    opened(tmp_path)
    (tmp_path / "out" / IDENTITY).write_text("{")
    with pytest.raises(CompileError, match="cannot be read"):
        opened(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(CompileError, match="cannot be written"):
        opened(tmp_path)


def test_series_do_not_suit_a_space_for_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((40, 16, 3), np.float32), np.arange(40) % 2
    np.savez(tmp_path / "series.npz", x=x, y=y)
    with pytest.raises(CompileError, match="holds series, the space space is for images"):
        opened(tmp_path, data=tmp_path / "series.npz")


def test_the_command_asks_for_the_same(tmp_path: Path) -> None:
    setting = opened(tmp_path, max_instructions=12.9e6, flip=False, ram=16384)
    words = shlex.split(setting.command)
    assert words[:2] == ["mcuforge", "search"]
    assert words[words.index("--max-instructions") + 1] == "12900000"
    assert words[words.index("--ram") + 1] == "16384"
    assert "--no-flip" in words
    assert "--teacher" not in words
