# SPDX-License-Identifier: Apache-2.0
"""PlatformIO's core folder and the variables its subprocess sees."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from threading import Barrier

import pytest

from mcuforge.boards.build import pio
from mcuforge.errors import BoardError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_core_folder_is_made_in_the_cache_and_nothing_in_the_home(
    cache: Path, tmp_path: Path
) -> None:
    core = pio.core_dir()
    assert core.is_relative_to(cache / "mcuforge" / "platformio")
    assert not (tmp_path / "home").exists()
    tool = core / "packages" / "tool-scons"
    assert json.loads((tool / ".piopm").read_text())["name"] == "tool-scons"
    assert (tool / "scons.py").read_text().startswith("from SCons.Script import main")


def test_a_second_call_leaves_the_core_folder_as_it_is() -> None:
    first = pio.core_dir()
    marker = first / "packages" / "marker"
    marker.touch()
    assert pio.core_dir() == first
    assert marker.exists()


def test_callers_at_once_share_one_complete_core_folder(cache: Path) -> None:
    callers = 4
    barrier = Barrier(callers)

    def make(_: int) -> Path:
        barrier.wait()
        return pio.core_dir()

    with ThreadPoolExecutor(callers) as pool:
        made = set(pool.map(make, range(callers)))
    assert len(made) == 1
    assert [path.name for path in (cache / "mcuforge" / "platformio").iterdir()] == [
        made.pop().name
    ]


def test_without_xdg_cache_home_the_cache_is_below_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert pio.core_dir().is_relative_to(tmp_path / "home" / ".cache" / "mcuforge")


def test_a_cache_that_cannot_be_written_is_the_users_to_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BoardError) as refusal:
        pio.core_dir()
    assert "cannot write PlatformIO's folder" in refusal.value.what
    assert refusal.value.where.startswith(str(tmp_path / "file"))
    assert "XDG_CACHE_HOME" in refusal.value.hint


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(BoardError) as refusal:
        pio.core_dir()
    assert refusal.value.what == "the Python package platformio is not installed"
    assert refusal.value.hint.endswith("-m pip install platformio")


def test_the_users_platformio_settings_do_not_reach_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORMIO_BUILD_DIR", "/elsewhere")
    monkeypatch.setenv("PLATFORMIO_BUILD_FLAGS", "-DSURPRISE")
    monkeypatch.setenv("PIO_THING", "1")
    monkeypatch.setenv("UNRELATED", "kept")
    variables = pio.pio_environment(tmp_path)
    assert variables["PLATFORMIO_CORE_DIR"] == str(tmp_path)
    assert variables["PLATFORMIO_SETTING_ENABLE_TELEMETRY"] == "no"
    assert variables["PLATFORMIO_DISABLE_UPGRADE_CHECK"] == "true"
    assert variables["UNRELATED"] == "kept"
    for name in ("PLATFORMIO_BUILD_DIR", "PLATFORMIO_BUILD_FLAGS", "PIO_THING"):
        assert name not in variables


def test_a_checkout_is_importable_by_the_emulator_that_upload_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/users/own")
    root = Path(pio.__file__).parents[3]
    searched = pio.pio_environment(tmp_path)["PYTHONPATH"].split(os.pathsep)
    assert searched == [str(root), "/users/own"]
