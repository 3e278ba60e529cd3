# SPDX-License-Identifier: Apache-2.0
"""The repository's shape: rooms, import arrows, file sizes, licence lines, what a wheel carries."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import mcuforge
import mcuforge.compiler.graph

ROOT = Path(__file__).resolve().parents[2]
FACE = "mcuforge"
ROOMS = ("compiler", "memplan", "runtime_c", "boards", "nas")
CODE = (FACE, *ROOMS)
NOT_OURS = {ROOT / name for name in (".venv", "build", "dist", "out", "node_modules")}
PLATFORM = Path("boards/build/platformio")  # PlatformIO's to import, in its own process

# room -> the rooms it may import; mcuforge.errors and mcuforge.templates are leaves for all
ARROWS = {
    "nas": {"nas", FACE, "compiler", "boards", "memplan", "runtime_c"},
    FACE: {FACE, "nas", "compiler", "boards", "memplan", "runtime_c"},  # test_rooms: commands alone
    "compiler": {"compiler", "memplan", "runtime_c"},
    "boards": {"boards", "memplan", "runtime_c"},
    "memplan": {"memplan"},
    "runtime_c": {"runtime_c"},
}

# third-party package -> where alone it may be imported, besides tests and scripts
KEPT_TO = {
    "tflite": ("compiler/frontends/tflite/", "compiler/judges/", "compiler/builders/"),
    "flatbuffers": ("compiler/judges/flatbuffer_front.py",),  # untrusted ones we read ourselves
    "onnx": ("compiler/frontends/onnx/", "compiler/builders/", "nas/onnx_layers.py"),
    "tflite_runtime": ("compiler/judges/interpreters.py",),
    "ai_edge_litert": ("compiler/judges/interpreters.py",),
    "tflite_micro": ("compiler/judges/interpreters.py",),
    "onnxruntime": ("compiler/judges/onnx.py", "compiler/builders/static_quantizer.py"),
    "mpmath": ("compiler/ops/common/elementary.py",),
    "serial": ("boards/link/", "boards/doctor.py", "boards/ports.py"),
    "ortools": ("memplan/",),
    "jinja2": ("mcuforge/templates.py", "mcuforge/picture/"),
    "typer": ("mcuforge/cli.py", "mcuforge/commands/"),
    "rich": ("mcuforge/",),
    "pytest": ("mcuforge/testing/",),
    "platformio": ("boards/build/platformio/",),  # elsewhere a subprocess, never an import
    "torch": ("nas/",),
    "ray": ("nas/workers.py", "nas/training/cluster.py"),
    "pymoo": ("nas/methods.py", "nas/statistics.py"),
    "scipy": ("nas/statistics.py",),
    "sklearn": ("nas/data_arrays.py", "nas/predictor.py"),
    "PIL": ("nas/pictures.py",),
}


# commands import this builder only: the others need packages for development
BUILDERS = "mcuforge.compiler.builders"
QUANTIZER = f"{BUILDERS}.onnx_quantizer"

WITH_TORCH = ("mcuforge.nas.training.", "mcuforge.nas.finalists")
MOST_FILES = 40  # of a folder


def files(*suffixes: str) -> tuple[Path, ...]:
    """Every file of ours with one of the suffixes, below ROOT; links are not followed."""
    return tuple(sorted(p for p in _walk(ROOT) if p.suffix in suffixes))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink() or path in NOT_OURS or path.name.startswith((".", "__pycache__")):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif not path.name.endswith(".egg-info"):
            yield path


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


@cache
def imported(path: Path) -> set[str]:
    """Every module a file imports, absolute; `from a import b` counts as a and as a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            found |= {node.module} - {FACE}  # the face itself is what its names are of
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


PYTHON = files(".py")
PACKAGED = tuple(p for p in PYTHON if room_of(p) in CODE)


def test_the_package_tested_is_this_checkout() -> None:
    assert Path(mcuforge.compiler.graph.__file__).resolve() == ROOT / "compiler" / "graph.py"


def test_the_face_links_to_every_room() -> None:
    links = {p.name: p.readlink() for p in (ROOT / FACE).iterdir() if p.is_symlink()}
    assert links == {room: Path("..") / room for room in ROOMS}


def test_rooms_import_along_the_arrows_only() -> None:
    wrong = []
    for path in PACKAGED:
        allowed = ARROWS[room_of(path)]
        for module in imported(path):
            parts = module.split(".")
            if parts[0] != FACE or parts[1:2] in (["errors"], ["templates"]):
                continue
            target = parts[1] if len(parts) > 1 and parts[1] in ROOMS else FACE
            if target not in allowed:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert not wrong


def test_the_product_imports_neither_tests_nor_scripts() -> None:
    assert not _importing(PACKAGED, {"tests", "scripts"})


def test_scripts_do_not_import_tests() -> None:
    assert not _importing([p for p in PYTHON if room_of(p) == "scripts"], {"tests"})


def _importing(paths: Iterable[Path], tops: set[str]) -> list[str]:
    """Every import of a module below one of these top-level packages: 'file imports module'."""
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in paths
        for module in sorted(imported(path))
        if module.partition(".")[0] in tops
    ]


def test_only_the_search_imports_builders_of_models() -> None:
    wrong = []
    for path in PACKAGED:
        if room_of(path) == "nas" or path.is_relative_to(ROOT / "compiler" / "builders"):
            continue
        built = (m for m in sorted(imported(path)) if m.startswith(f"{BUILDERS}."))
        wrong += [f"{path.relative_to(ROOT)}: {m}" for m in built if not m.startswith(QUANTIZER)]
    assert not wrong


def test_every_arrow_that_would_be_wrong_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("from mcuforge.boards import link\nfrom mcuforge import errors\nimport json\n")
    assert imported(file) == {
        "mcuforge.boards",
        "mcuforge.boards.link",
        "mcuforge.errors",
        "json",
    }
    assert "boards" not in ARROWS["compiler"]


def test_formats_ports_and_solvers_stay_in_their_rooms() -> None:
    wrong = []
    for path in PACKAGED:
        place = path.relative_to(ROOT).as_posix()
        for top in {module.partition(".")[0] for module in imported(path)}:
            if top in KEPT_TO and not place.startswith(KEPT_TO[top] or ("\0",)):
                wrong.append(f"{place} imports {top}")
    assert not wrong


def test_no_file_imports_a_room_by_its_bare_name() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in PYTHON
        for module in imported(path)
        if module.partition(".")[0] in ROOMS
    ]
    assert not wrong


def test_every_folder_of_python_is_a_package() -> None:
    folders = {p.parent for p in PACKAGED if not p.is_relative_to(ROOT / PLATFORM)}
    assert not [f for f in sorted(folders) if not (f / "__init__.py").is_file()]


def test_no_file_is_longer_than_500_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {count}"
        for path in files(".py", ".c", ".h", ".S", ".j2", ".sh")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 500
        and "generated" not in path.parts
    ]
    assert not long


def test_no_folder_is_crowded() -> None:
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in _walk(ROOT))
    assert not {folder: n for folder, n in counts.items() if n > MOST_FILES}


def test_every_source_file_begins_with_its_licence() -> None:
    marks = {".py": "# SPDX", ".c": "/* SPDX", ".h": "/* SPDX", ".S": "/* SPDX"}
    wrong = []
    for path in files(*marks):
        lines = path.read_text(encoding="utf-8").splitlines()[:2]
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        wanted = f"{marks[path.suffix]}-License-Identifier: Apache-2.0"
        if lines and not lines[0].startswith(wanted) and "generated" not in path.parts:
            wrong.append(str(path.relative_to(ROOT)))
    assert not wrong


def test_public_names_are_sorted_and_all_there() -> None:
    assert list(mcuforge.__all__) == sorted(mcuforge.__all__)
    missing = [name for name in mcuforge.__all__ if not hasattr(mcuforge, name)]
    assert not missing
    for name in mcuforge.__all__:  # asked twice: the first loads the module behind the name
        assert getattr(mcuforge, name) is getattr(mcuforge, name)


def test_no_public_name_hides_a_module_of_the_same_name() -> None:
    modules = {m.name for m in pkgutil.iter_modules(mcuforge.__path__)}
    assert not modules & set(mcuforge.__all__)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        mcuforge.no_such_name  # noqa: B018


def modules(room: str) -> Iterator[str]:
    """Every module of a room, or of the face itself."""
    folder = ROOT / room
    prefix = FACE if room == FACE else f"{FACE}.{room}"
    for path in (p for p in PACKAGED if p.is_relative_to(folder)):
        if path.is_relative_to(ROOT / PLATFORM):
            continue
        parts = path.relative_to(folder).with_suffix("").parts
        yield ".".join((prefix, *(part for part in parts if part != "__init__")))


@pytest.mark.parametrize("room", CODE)
def test_every_module_imports(room: str) -> None:
    for name in modules(room):
        if find_spec("torch") is None and name.startswith(WITH_TORCH):
            continue  # unit tests are run without the packages of training too
        assert import_module(name).__doc__, name


def test_the_command_line_starts_without_the_heavy_packages() -> None:
    script = (
        "import sys; import mcuforge.cli;"
        "print(*sorted({m.partition('.')[0] for m in sys.modules} & {'numpy','ortools','jinja2'}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


def test_only_programs_print() -> None:
    wrong = []
    for path in PACKAGED:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ]
        place = path.relative_to(ROOT).as_posix()
        if calls and place != "mcuforge/cli.py" and not _is_program(tree):
            wrong.append(f"{place}: {calls}")
    assert not wrong


def _is_program(tree: ast.Module) -> bool:
    """True for a module with an `if __name__ == "__main__"`: a process of its own."""
    return any(
        isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in tree.body
    )


def test_a_wheel_carries_every_file_that_is_no_module() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        setuptools = tomllib.load(file)["tool"]["setuptools"]
    carried = set()
    for package, patterns in setuptools["package-data"].items():
        folder = ROOT.joinpath(*package.split(".")[1:]) if package != FACE else ROOT / FACE
        for pattern in patterns:
            found = {p for p in folder.glob(pattern) if p.is_file()}
            carried |= found
    data = {
        path
        for path in _walk(ROOT)
        if room_of(path) in CODE and (path.suffix != ".py" or path.is_relative_to(ROOT / PLATFORM))
    }
    assert not {str(p.relative_to(ROOT)) for p in data - carried}


def test_the_runtime_has_one_public_header_per_kernel() -> None:
    runtime = ROOT / "runtime_c"
    kernels = {p.stem for p in (runtime / "src").glob("*/*.c")}
    public = runtime / "include" / "mcuforge"
    assert {p.stem for p in public.glob("*.h")} == kernels | {"status"}
    # what generated code includes beside them
    assert {p.stem for p in (public / "pipeline").glob("*.h")} == {"order", "ring"}
    of_audio = {p.stem for p in (runtime / "audio").glob("*.c")}
    assert {p.stem for p in (public / "audio").glob("*.h")} == of_audio | {"audio"}
    portable = {p.stem for p in (runtime / "src" / "portable").glob("*.c")}
    defined = {name.replace("_packed", "") for name in kernels}
    assert defined == portable  # every kernel has its definition, packed weights or not
