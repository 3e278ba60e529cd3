# SPDX-License-Identifier: Apache-2.0
"""The generated C of three tiny models: as committed, right, and steady under misuse."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.codegen.check import check_model
from mcuforge.compiler.codegen.model import GeneratedModel, example_main
from mcuforge.compiler.compile import compile_graph
from mcuforge.compiler.graph import Graph
from mcuforge.runtime_c.sources import (
    firmware_dir,
    firmware_sources,
    headers_dir,
)
from tests.golden import host
from tests.golden.objects import objects
from tests.golden.tiny import WRITTEN, tiny_compiled, tiny_graph, tiny_model
from tests.models.oracle import run_reference
from tests.unit.compiler.graphs import chain, hostile_graph, random_inputs

GENERATED = Path(__file__).resolve().parent / "generated"
MISUSE = Path(__file__).resolve().parent / "api"
BY_HAND = ("residual",)  # not from a model file: see test_generated_pipeline.py


def write(model: GeneratedModel, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in model.files.items():
        (folder / name).write_text(text)
    return folder


def compile_c(folder: Path, *arguments: str | Path) -> None:
    """gcc -std=c99 with every warning an error, includes of the runtime and of `folder`."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    includes = ["-I", str(folder), "-I", str(headers_dir()), "-I", str(firmware_dir())]
    command = ["gcc", *host.WARNINGS, *includes, *map(str, arguments)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


MODEL_C = ("model.c", "weights.c")


def kernels_of(model: GeneratedModel, *flags: str) -> list[str]:
    """Objects of the kernels that a model calls, compiled with `flags`."""
    return host.kernel_objects(model.kernels, "portable", flags)


def run_c(model: GeneratedModel, test: str, folder: Path) -> str:
    """Build api/<test> with the model under sanitizers and run it; what it printed."""
    write(model, folder)
    defines = [f"-DNAME={model.name}", f"-DMACRO={model.name.upper()}"]
    defines += [f"-DSECOND_INPUT={port.elements}" for port in model.inputs[1:]]
    linked = [*MODEL_C, *kernels_of(model, *host.SANITIZERS)]
    compile_c(folder, *host.SANITIZERS, *defines, MISUSE / test, *linked, "-o", "program")
    result = subprocess.run(
        [str(folder / "program")], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("name", WRITTEN)
def test_the_text_is_as_committed(name: str, request: pytest.FixtureRequest) -> None:
    files = tiny_compiled(name).model.files
    folder = GENERATED / name
    if request.config.getoption("--update-golden"):
        folder.mkdir(parents=True, exist_ok=True)
        for file in WRITTEN[name]:
            (folder / file).write_text(files[file], encoding="utf-8")
    committed = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir()}
    assert committed == {file: files[file] for file in WRITTEN[name]}


def test_nothing_else_is_committed() -> None:
    assert {p.name for p in GENERATED.iterdir()} == {*WRITTEN, *BY_HAND}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_answers_are_tflites(name: str, tmp_path: Path) -> None:
    compiled, graph = tiny_compiled(name), tiny_graph(name)
    program = host.build(compiled.model, "portable", tmp_path)
    feeds = [random_inputs(graph, seed) for seed in range(12)]
    for sample, got in zip(feeds, host.run(program, compiled.model, feeds), strict=True):
        want = run_reference(tiny_model(name), sample)
        for g, w, r in zip(got, want, reference.run(graph, sample), strict=True):
            np.testing.assert_array_equal(g, w.reshape(-1))
            np.testing.assert_array_equal(r, w)


def test_the_border_is_gone_and_the_answers_stay() -> None:
    kinds = [step.node.op.kind for step in tiny_compiled("padded").schedule.layers]
    assert kinds == ["conv2d", "depthwise_conv2d", "add"]


@pytest.mark.parametrize("name", WRITTEN)
def test_misuse_gives_the_documented_status(name: str, tmp_path: Path) -> None:
    assert run_c(tiny_compiled(name).model, "misuse.c", tmp_path) == "ok\n"


@pytest.mark.parametrize("name", WRITTEN)
def test_two_instances_side_by_side_do_not_disturb_each_other(name: str, tmp_path: Path) -> None:
    assert run_c(tiny_compiled(name).model, "instances.c", tmp_path) == "ok\n"


@pytest.mark.parametrize("name", WRITTEN)
def test_the_headers_are_cpp_too(name: str, tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    model = tiny_compiled(name).model
    write(model, tmp_path)
    compile_c(tmp_path, "-c", *MODEL_C)
    linked = [*(str(p) for p in tmp_path.glob("*.o")), *kernels_of(model)]
    (tmp_path / "main.cpp").write_text(
        '#include "model.h"\n#include "weights.h"\n'
        + "".join(f'#include "mcuforge/{kernel}.h"\n' for kernel in model.kernels)
        + f"static struct {model.name}_state state;\n"
        f"int main() {{ return {model.name}_run(&state) == MCUFORGE_ERR_ARGUMENT ? 0 : 1; }}\n"
    )
    program = tmp_path / "program"
    strict = ["-std=c++11", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
    includes = ["-I", str(tmp_path), "-I", str(headers_dir())]
    command = ["g++", *strict, *includes, str(tmp_path / "main.cpp"), *linked, "-o", str(program)]
    subprocess.run(command, check=True)
    subprocess.run([str(program)], check=True)


def test_hostile_names_are_still_c(tmp_path: Path) -> None:
    model = compile_graph(hostile_graph(), "portable", 1 << 20, effort=0.0).model
    write(model, tmp_path)
    (tmp_path / "main.c").write_text(example_main(model))
    (tmp_path / "check_model.c").write_text(check_model(model, bytes(32), '"??/\\'))
    strict = ("-Wpedantic", "-Wtrigraphs", "-Wcomment")
    compile_c(tmp_path, *strict, *MODEL_C, *kernels_of(model, *strict), "main.c")
    compile_c(tmp_path, "-Wtrigraphs", "-Wcomment", "-c", "check_model.c")


@pytest.mark.parametrize("name", ["model", "board", "check", "measure", "main", "int", "mcuforge"])
def test_no_name_of_a_model_clashes_with_the_firmware(name: str, tmp_path: Path) -> None:
    model = compile_graph(_called(name), "portable", 1 << 20, effort=0.0).model
    write(model, tmp_path)
    (tmp_path / "check_model.c").write_text(check_model(model, bytes(32), "build"))
    compile_c(tmp_path, "-c", *MODEL_C, "check_model.c")
    command = ["gcc", *host.WARNINGS, "-I", str(firmware_dir())]
    ours = [*objects(firmware_sources(), command), *kernels_of(model)]
    compile_c(tmp_path, "-r", "-nostdlib", *ours, *tmp_path.glob("*.o"), "-o", "all")


def _called(name: str) -> Graph:
    graph = chain(1)
    return Graph(name, graph.inputs, graph.outputs, graph.nodes, f"{name}.tflite")
