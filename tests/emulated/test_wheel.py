# SPDX-License-Identifier: Apache-2.0
"""The wheel: it carries everything, and deploys from a clean environment, far from a checkout."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "digits"
ROOMS = ("compiler", "memplan", "runtime_c", "boards", "nas")
NOT_SOURCE = (".*", "build", "dist", "out", "*.egg-info", "__pycache__")
OLDEST_SETUPTOOLS = 77  # reads the licence expression; build-system.requires in pyproject.toml


def run(command: Sequence[str | Path], folder: Path, home: Path | None = None) -> str:
    """stdout of a command that succeeds, run in `folder` without this test's Python settings."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "VIRTUAL_ENV", "XDG_", "PLATFORMIO_"))
    }
    result = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=kept if home is None else kept | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of this tree: building writes beside what it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    everywhere = shutil.ignore_patterns("__pycache__", "*.egg-info")
    at_the_root = shutil.ignore_patterns(*NOT_SOURCE)  # boards/build is source
    shutil.copytree(
        ROOT,
        source,
        symlinks=True,
        ignore=lambda at, names: (at_the_root if at == str(ROOT) else everywhere)(at, names),
    )
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(folder), str(source)]
    if int(version("setuptools").partition(".")[0]) >= OLDEST_SETUPTOOLS:
        command.append("--no-build-isolation")  # no network is needed
    run(command, folder)
    (built,) = folder.glob("mcuforge-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of an environment with the wheel, dependencies from the one that runs."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    run([*pip, "install", "--no-deps", "--no-index", str(wheel)], folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = [path for path in site.getsitepackages() if Path(path).is_dir()]
    (packages / "dependencies.pth").write_text("\n".join(ours) + "\n")
    return folder / "bin"


def test_the_wheel_carries_every_file_of_every_room(wheel: Path) -> None:
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        f"mcuforge/{path.relative_to(ROOT).as_posix()}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    front_door = [p for p in (ROOT / "mcuforge").iterdir() if not p.is_symlink()]  # less the rooms
    wanted |= {
        path.relative_to(ROOT).as_posix()
        for top in front_door
        for path in (top, *top.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert carried == wanted


def test_the_wheel_carries_what_a_build_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "mcuforge/py.typed",
        "mcuforge/runtime_c/src/portable/conv2d_s8.c",
        "mcuforge/runtime_c/include/mcuforge/conv2d_s8.h",
        "mcuforge/runtime_c/firmware/check.c",
        "mcuforge/compiler/codegen/templates/model.c.j2",
        "mcuforge/boards/catalog/disco_f746ng.toml",
        "mcuforge/boards/bsp/linker.ld.j2",
        "mcuforge/boards/bsp/arch/riscv/startup.S",
        "mcuforge/boards/build/platformio/platform/platform.json",
        "mcuforge/boards/build/platformio/platform/builder/main.py",
    ):
        assert needed in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_nothing_but_the_package_is_installed(installed: Path, tmp_path: Path) -> None:
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    there = {p.name for p in packages.iterdir() if not p.name.endswith(".dist-info")}
    assert there == {"mcuforge", "dependencies.pth"}
    script = "import mcuforge.compiler.graph as graph; print(graph.__file__)"
    found = Path(run([installed / "python", "-c", script], tmp_path).strip())
    assert found == packages / "mcuforge" / "compiler" / "graph.py"


def deploy(scripts: Path, board: str, tmp_path: Path) -> None:
    """A deploy of the example, from an unrelated folder and an empty home, passes."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    report = tmp_path / "report.json"
    command: list[str | Path] = [scripts / "mcuforge", "deploy", EXAMPLE / "digits_cnn.tflite"]
    command += ["--board", board, "--emulate", "--data", EXAMPLE / "digits_test.npz"]
    said = run([*command, "--samples", "8", "--json", report], elsewhere, home)
    assert "verdict: pass" in said
    content = json.loads(report.read_text())
    assert content["verdict"] == "pass"
    assert content["check"]["exact_samples"] == content["check"]["samples"] == 8
    assert not list(elsewhere.iterdir())
    assert {path.name for path in home.iterdir()} <= {".cache"}


@pytest.mark.parametrize("board", ["disco_f746ng", "hifive1"])
def test_the_installed_wheel_deploys(installed: Path, board: str, tmp_path: Path) -> None:
    deploy(installed, board, tmp_path)


def test_the_installed_wheel_brings_the_fixture(installed: Path, tmp_path: Path) -> None:
    """In a repository of a user pytest finds the plugin by its entry point alone."""
    home, repository = tmp_path / "home", tmp_path / "repository"
    home.mkdir()
    shutil.copytree(EXAMPLE, repository / "digits")
    shutil.copytree(ROOT / "examples" / "on_board_tests", repository / "tests")
    (repository / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    pytest_: list[str | Path] = [installed / "python", "-m", "pytest", "-q", "-rs", "tests"]
    said = run(pytest_, repository, home)
    assert "1 skipped" in said
    assert "no board is given: --mcuforge-board ID" in said
    where = ["--mcuforge-board", "qemu-mps2-an386", "--mcuforge-emulate", "--mcuforge-require"]
    said = run([*pytest_, *where, "--mcuforge-record", "found.json"], repository, home)
    assert "1 passed" in said
    (test,) = json.loads((repository / "found.json").read_text())["tests"]
    assert (test["outcome"], test["deployed"][0]["exact_samples"]) == ("passed", 360)


@pytest.mark.slow
def test_the_wheel_with_its_own_dependencies_deploys(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "venv"
    venv.EnvBuilder(with_pip=True, symlinks=True).create(folder)
    run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheel], tmp_path)
    deploy(folder / "bin", "disco_f746ng", tmp_path)
