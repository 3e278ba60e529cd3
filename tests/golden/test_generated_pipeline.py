# SPDX-License-Identifier: Apache-2.0
"""The generated C of pipelines made by hand: as committed, right under sanitizers, resumable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.codegen.check import check_model
from mcuforge.compiler.codegen.model import example_main, generate
from mcuforge.compiler.codegen.poison import poison
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.memplan.poison import DeadRange
from tests.golden import host
from tests.golden.test_generated_c import (
    BY_HAND,
    GENERATED,
    MODEL_C,
    compile_c,
    kernels_of,
    run_c,
    write,
)
from tests.unit.compiler.graphs import random_inputs
from tests.unit.compiler.pipelines import (
    RINGS,
    apart,
    buffer_sizes,
    compiled,
    peaks,
    pipelined,
    residual,
)
from tests.unit.schedule.nets import Net

TWO_AT_A_TIME = {**RINGS, "image": 4, "stem": 4}
ROWS = {"stem": 2}
EVERYTHING_TWICE = {"image": 7, "stem": 7, "mixed": 4, "sum": 6}


def streamed_in_two_arenas() -> Schedule:
    """Everything at once: rows that arrive, two per task, rings, two regions."""
    return pipelined(residual(), rings=TWO_AT_A_TIME, rows=ROWS, streamed=True)


def test_the_text_is_as_committed(request: pytest.FixtureRequest) -> None:
    (name,) = BY_HAND
    model = compiled(streamed_in_two_arenas(), ("ram", "dtcm")).model
    files = {f: model.files[f] for f in ("model.h", "model.c")} | {"main.c": example_main(model)}
    folder = GENERATED / name
    if request.config.getoption("--update-golden"):
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    committed = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir()}
    assert committed == files
    assert max(len(line) for text in files.values() for line in text.splitlines()) <= 100


@pytest.mark.parametrize(
    ("length", "rings", "rows"),
    [
        (4, RINGS, {}),
        (4, TWO_AT_A_TIME, ROWS),
        (4, EVERYTHING_TWICE, dict.fromkeys(("stem", "mixed", "sum", "half"), 2)),
        (3, {"stem": 3, "mixed": 1}, {}),
        (1, {}, {}),
        (1, {}, {"stem": 4}),
    ],
    ids=["row by row", "two rows of one", "two rows of all", "three", "one layer", "four rows"],
)
def test_every_form_of_a_pipeline_is_the_reference_in_red_zones(
    length: int, rings: dict[str, int], rows: dict[str, int], tmp_path: Path
) -> None:
    graph = residual()
    schedule = pipelined(graph, length, rings, rows=rows)
    model, gaps = host.redzoned(schedule, buffer_sizes(schedule))
    program = host.build(model, "portable", tmp_path, gaps)
    feeds = [random_inputs(graph, seed) for seed in range(6)]
    for sample, got in zip(feeds, host.run(program, model, feeds), strict=True):
        for g, want in zip(got, reference.run(graph, sample), strict=True):
            np.testing.assert_array_equal(g, want.reshape(-1))


def test_two_instances_of_a_pipeline_take_turns_step_by_step(tmp_path: Path) -> None:
    model = compiled(pipelined(residual())).model
    assert run_c(model, "instances.c", tmp_path) == "ok\n"


@pytest.mark.parametrize("rows", [{}, {"mixed": 2, "half": 2}], ids=["a row", "some two rows"])
@pytest.mark.parametrize("size", [9, 81], ids=["one entry per step", "in pieces"])
def test_a_run_cut_anywhere_goes_on_where_it_was(
    size: int, rows: dict[str, int], tmp_path: Path
) -> None:
    schedule = pipelined(residual(rows=size), rings=EVERYTHING_TWICE, rows=rows)
    model = compiled(schedule).model
    assert ("mcuforge_entry(" in model.files["model.c"]) == (size == 81)
    assert run_c(model, "resume.c", tmp_path) == "ok\n"


def test_a_run_through_turns_that_are_all_alike_is_cut_anywhere(tmp_path: Path) -> None:
    net = Net(40, 3, 2)
    graph = net.graph(net.conv(net.relu(net.conv(net.x, 4, kernel=1)), 3, kernel=1))
    model = compiled(pipelined(graph, 3, {"t0": 1, "t1": 2})).model
    assert "        {3, 40},\n" in model.files["model.c"]
    assert run_c(model, "resume.c", tmp_path) == "ok\n"


def test_a_pipeline_misused_gives_the_documented_status(tmp_path: Path) -> None:
    model = compiled(pipelined(residual())).model
    assert run_c(model, "misuse.c", tmp_path) == "ok\n"


def test_a_late_source_is_asked_again_and_the_answer_stays(tmp_path: Path) -> None:
    model = compiled(streamed_in_two_arenas(), ("ram", "dtcm")).model
    assert run_c(model, "streaming.c", tmp_path) == "ok\n"


def test_example_check_and_poison_compile_without_a_warning(tmp_path: Path) -> None:
    schedule = streamed_in_two_arenas()
    placements = apart(schedule, ("ram", "dtcm"))
    weights = {"residual_half_weights": "qspi"}
    model = generate(schedule, placements, peaks(schedule, placements), lambda _: weights)
    write(model, tmp_path)
    dead = ((DeadRange("ram", 0, 4), DeadRange("dtcm", 8, 12)),) * model.steps
    (tmp_path / "main.c").write_text(example_main(model))
    (tmp_path / "poison.c").write_text(poison(model, dead))
    check = check_model(model, bytes(32), "build", poison=True)
    (tmp_path / "check_model.c").write_text(check)
    linked = kernels_of(model, "-Wpedantic")
    compile_c(tmp_path, "-Wpedantic", *MODEL_C, *linked, "main.c", "-o", "program")
    compile_c(tmp_path, "-Wpedantic", "-c", "check_model.c", "poison.c")
