# SPDX-License-Identifier: Apache-2.0
"""Kernels and generated code compile without a warning for every target, and call nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcuforge.compiler.codegen.check import check_model
from mcuforge.compiler.codegen.model import example_main
from mcuforge.compiler.codegen.poison import poison
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.schedule.memory import memory_problem
from mcuforge.memplan.poison import DeadRange
from mcuforge.memplan.problem import Region
from mcuforge.runtime_c.sources import (
    audio_sources,
    firmware_dir,
    headers_dir,
    isas,
    kernel_names,
    kernel_source,
    kernels_dir,
)
from tests.golden.host import WARNINGS, redzoned
from tests.golden.isas import calls_of_every_form
from tests.golden.merge import case_modules, cases_of, merged
from tests.schedules import whole_layers
from tests.unit.compiler.pipelines import RINGS, compiled, pipelined, residual

# what a kernel may leave to be linked: two functions of the C library, the compiler's own helpers
LIBC = {"memcpy", "memset"}
HELPER = re.compile(r"__(aeabi_\w+|\w*[sdt][ifc]\d?|gnu_thumb1_case_\w+|riscv_(save|restore)_\d+)")

# what float arithmetic comes to where a core has no instructions for it: calls of the helpers' own
FLOAT = re.compile(r"__(aeabi_(f|d|u?[il]2[fd]|c[fd])|\w*[sd]f(\d?|[sd]i)$|\w*[sd]i[sd]f$)")
SOFT_FLOAT = ("cortex-m0plus", "rv32imac")
OF_FLOATS = {"quantize_f32", "dequantize_f32", "linear_f32", "average_f32"}


@dataclass(frozen=True)
class Target:
    """A compiler with the flags that choose a core, and the folder of kernels made for it."""

    name: str
    prefix: str
    flags: tuple[str, ...]
    isa: str = "portable"

    @property
    def gcc(self) -> str:
        return f"{self.prefix}gcc"


ARM, RISCV = "arm-none-eabi-", "riscv64-unknown-elf-"
HARD = ("-mthumb", "-mfloat-abi=hard")
TARGETS = (
    Target("host", "", ("-fno-pie",)),  # as a board: addresses are known when linked
    Target("cortex-m0plus", ARM, ("-mcpu=cortex-m0plus", "-mthumb")),
    Target("cortex-m4", ARM, ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", *HARD), "armv7em"),
    Target("cortex-m7", ARM, ("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16", *HARD), "armv7em"),
    Target("cortex-m33", ARM, ("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", *HARD), "armv7em"),
    Target("cortex-m55", ARM, ("-mcpu=cortex-m55", "-mfpu=auto", *HARD), "helium"),
    Target("rv32imac", RISCV, ("-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs"), "rv32"),
)
EVERY_TIME = ("host", "cortex-m7", "rv32imac")  # a large model, for the others in make test-all


@pytest.fixture(scope="module", params=TARGETS, ids=lambda t: str(t.name))
def target(request: pytest.FixtureRequest) -> Target:
    chosen: Target = request.param
    if shutil.which(chosen.gcc) is None:
        pytest.skip(f"needs {chosen.gcc}")
    return chosen


def compile_all(target: Target, folder: Path, sources: list[Path], optimize: str = "-O2") -> None:
    """Every source to an object in `folder`; a warning is an error."""
    includes = [f"-I{path}" for path in (folder, headers_dir(), firmware_dir())]
    command = [target.gcc, *WARNINGS, optimize, *target.flags, *includes, "-c", *map(str, sources)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def sources_of(target: Target) -> list[Path]:
    """The kernels of a target."""
    return [kernel_source(kernel, target.isa) for kernel in kernel_names(target.isa)]


@pytest.fixture(scope="module", params=["-O2", pytest.param("-Os", marks=pytest.mark.slow)])
def objects(
    target: Target, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Every kernel of a target as an object file."""
    folder = tmp_path_factory.mktemp(target.name)
    compile_all(target, folder, sources_of(target), request.param)
    return folder


def symbols(target: Target, folder: Path) -> list[tuple[str, str, str]]:
    """(object, type, name) of every symbol of the objects in `folder`."""
    objects = sorted(str(p) for p in folder.glob("*.o"))
    command = [f"{target.prefix}nm", "-A", *objects]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = []
    for line in listed.splitlines():
        place, _, rest = line.partition(":")
        *_, kind, name = rest.split()
        found.append((Path(place).stem, kind, name))
    return found


def test_every_kernel_compiles_without_a_warning(target: Target, objects: Path) -> None:
    assert {p.stem for p in objects.glob("*.o")} == set(kernel_names(target.isa))


def test_kernels_call_memcpy_memset_and_nothing_else(target: Target, objects: Path) -> None:
    wanted = {
        (kernel, name)
        for kernel, kind, name in symbols(target, objects)
        if kind == "U" and name not in LIBC and not HELPER.fullmatch(name)
    }
    assert not wanted


def test_kernels_of_integers_know_no_float(target: Target, objects: Path) -> None:
    called = {k for k, kind, name in symbols(target, objects) if kind == "U" and FLOAT.match(name)}
    assert called <= OF_FLOATS
    assert target.name not in SOFT_FLOAT or called == OF_FLOATS


def test_features_of_audio_are_integers_on_every_target(target: Target, tmp_path: Path) -> None:
    compile_all(target, tmp_path, list(audio_sources()))
    called = {name for _, kind, name in symbols(target, tmp_path) if kind == "U"}
    assert not {name for name in called if FLOAT.match(name) or not HELPER.fullmatch(name)} - LIBC


def test_kernels_keep_no_state(target: Target, objects: Path) -> None:
    found = symbols(target, objects)
    assert not {(kernel, name) for kernel, kind, name in found if kind in "BbDdCcSsGg"}


def test_a_kernels_only_public_name_is_its_own(target: Target, objects: Path) -> None:
    public = {(k, name) for k, kind, name in symbols(target, objects) if kind in "TRVW"}
    assert public == {(kernel, f"mcuforge_{kernel}") for kernel in kernel_names(target.isa)}


def test_every_isas_kernels_compile_on_the_host(tmp_path: Path) -> None:
    host = TARGETS[0]
    for folder in (kernels_dir() / isa for isa in isas()):
        out = tmp_path / folder.name
        out.mkdir()
        compile_all(host, out, sorted(folder.glob("*.c")))
        assert len(list(out.glob("*.o"))) == len(list(folder.glob("*.c")))


@pytest.fixture(scope="module")
def everything() -> Graph:
    """One graph of every golden case."""
    cases = [case for module in case_modules() for case in cases_of(module)]
    return optimize(merged("every operator", cases))


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(t, id=t.name, marks=[] if t.name in EVERY_TIME else [pytest.mark.slow])
        for t in TARGETS
    ],
    indirect=True,
)
def test_a_model_of_every_operator_compiles_with_its_example_and_its_check(
    target: Target, everything: Graph, tmp_path: Path
) -> None:
    steps = whole_layers(everything, target.isa)
    buffers = memory_problem(steps, (Region("ram", 1),)).buffers
    model, _ = redzoned(steps, {b.name: b.bytes for b in buffers})  # any plan will do
    called = {c.kernel for n in everything.nodes for c in calls_of_every_form(n, target.isa)}
    assert set(model.kernels) <= called
    assert called == set(kernel_names(target.isa))
    for name, text in model.files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main.c").write_text(example_main(model))
    (tmp_path / "check_model.c").write_text(check_model(model, bytes(32), "build"))
    sources = [tmp_path / n for n in ("model.c", "weights.c", "main.c", "check_model.c")]
    compile_all(target, tmp_path, sources)
    state = {
        name.partition(".")[0] for _, kind, name in symbols(target, tmp_path) if kind in "BbDd"
    }
    assert state <= {"state", "arena", "answer", "db"}


def test_pipelines_streams_and_several_arenas_compile_for(target: Target, tmp_path: Path) -> None:
    rings = {**RINGS, "image": 4, "stem": 4}
    schedule = pipelined(residual(), rings=rings, rows={"stem": 2}, streamed=True)
    model = compiled(schedule, ("ram", "dtcm")).model
    for name, text in model.files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main.c").write_text(example_main(model))
    (tmp_path / "poison.c").write_text(poison(model, ((DeadRange("dtcm", 0, 4),),) * model.steps))
    check = check_model(model, bytes(32), "build", poison=True)
    (tmp_path / "check_model.c").write_text(check)
    names = ("model.c", "weights.c", "main.c", "check_model.c", "poison.c")
    for level in ("-O2", "-Os"):
        compile_all(target, tmp_path, [tmp_path / name for name in names], level)
