# SPDX-License-Identifier: Apache-2.0
"""The flags of a plan: declared once, on every command that plans, in the compiler's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from inspect import signature

import pytest
import typer
from typer.testing import CliRunner

from mcuforge.commands import bench, compile, deploy, plan
from mcuforge.commands.options import PlanFlags, with_flags
from mcuforge.compiler.compile import PlanOptions

FLAGS = [f.name for f in fields(PlanFlags)]
GIVEN: list[object] = []
small = typer.Typer()


@small.command()
@with_flags
def _small(name: str, *, before: int = 1, flags: PlanFlags, after: int = 2) -> None:
    """A command with flags of its own before and after."""
    GIVEN[:] = [name, before, flags, after]


@pytest.mark.parametrize(
    "command",
    [deploy.command, compile.command, plan.command, bench.command],
    ids=lambda c: c.__module__,
)
def test_every_command_that_plans_has_every_flag(command: Callable[..., None]) -> None:
    names = list(signature(command).parameters)
    first = names.index(FLAGS[0])
    assert names[first : first + len(FLAGS)] == FLAGS


def test_flags_stand_in_place_of_the_parameter() -> None:
    assert list(signature(_small).parameters) == ["name", "before", *FLAGS, "after"]
    said = CliRunner().invoke(small, ["--help"]).output
    assert "A command with flags of its own before and after." in said
    assert all(f"--{name}" in said for name in ("optimize", "ram-budget", "input", "weights"))


def test_a_command_gets_its_flags_as_one_record() -> None:
    words = ["net", "--optimize", "ram", "--ram-budget", "64KiB", "--after", "7"]
    assert CliRunner().invoke(small, words).exit_code == 0
    assert ["net", 1, PlanFlags("ram", 64 * 1024), 7] == GIVEN


def test_flags_become_the_options_of_the_compiler() -> None:
    assert PlanFlags().record() == PlanOptions()
    flags = PlanFlags("speed", 5500, "streamed", "external")
    assert flags.record() == PlanOptions("speed", 5500, streamed=True, weights="external")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "K", "64G", "64KM", "²", ""])
def test_what_is_not_a_number_of_bytes_is_wrong_usage(text: str) -> None:
    result = CliRunner().invoke(small, ["net", "--ram-budget", text])
    assert result.exit_code == 2
    assert "is not a number of bytes" in result.output
