# SPDX-License-Identifier: Apache-2.0
"""Bounds from call-graph files alone: the longest path, and what has no bound."""

from pathlib import Path

import pytest

from mcuforge.boards.image.stack import ASSUMED_BYTES, StackBound, bound_of
from mcuforge.errors import InternalError


def bound(folder: Path, entry: str) -> StackBound:
    # every callee below is in the call graph: neither image nor objdump is looked at
    return bound_of(folder, folder / "no.elf", folder / "no-objdump", entry)


def node(title: str, frame: str) -> str:
    name = title.rpartition(":")[2]
    return f'node: {{ title: "{title}" label: "{name}\\nsrc/a.c:1:5\\n{frame}" }}\n'


def external(title: str) -> str:
    return f'node: {{ title: "{title}" label: "{title}\\nb.h:1:6" shape : ellipse }}\n'


def edge(source: str, target: str) -> str:
    return f'edge: {{ sourcename: "{source}" targetname: "{target}" label: "src/a.c:2:3" }}\n'


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('graph: { title: "src/a.c"\n' + "".join(lines) + "}\n")


def test_the_bound_is_the_deepest_path_across_files(tmp_path: Path) -> None:
    write(
        tmp_path / "src" / "model.ci",
        node("kws_run", "24 bytes (static)"),
        external("conv"),
        external("add"),
        edge("kws_run", "add"),
        edge("kws_run", "conv"),
    )
    write(
        tmp_path / "src" / "kernels" / "conv.ci",
        node("conv.c:dot", "40 bytes (static)"),
        node("conv", "64 bytes (static)"),
        edge("conv", "conv.c:dot"),
    )
    write(tmp_path / "src" / "kernels" / "add.ci", node("add", "96 bytes (static)"))
    found = bound(tmp_path, "kws_run")
    assert found == StackBound(24 + 64 + 40, ("kws_run", "conv", "dot"), ())


def test_static_functions_of_one_name_in_two_files_are_two_functions(tmp_path: Path) -> None:
    write(
        tmp_path / "a.ci",
        node("a.c:dot", "8 bytes (static)"),
        node("f", "0 bytes (static)"),
        edge("f", "a.c:dot"),
    )
    write(tmp_path / "b.ci", node("b.c:dot", "800 bytes (static)"))
    assert bound(tmp_path, "f").bytes == 8


def test_recursion_has_no_bound(tmp_path: Path) -> None:
    write(
        tmp_path / "a.ci",
        node("f", "8 bytes (static)"),
        node("g", "8 bytes (static)"),
        edge("f", "g"),
        edge("g", "f"),
    )
    with pytest.raises(InternalError, match="'f' calls itself: f > g"):
        bound(tmp_path, "f")


def test_a_frame_of_variable_size_has_no_bound_a_bounded_one_has(tmp_path: Path) -> None:
    write(
        tmp_path / "a.ci",
        node("f", "16 bytes (dynamic)"),
        node("g", "160 bytes (dynamic,bounded)"),
    )
    with pytest.raises(InternalError, match="'f' has a stack frame of variable size"):
        bound(tmp_path, "f")
    assert bound(tmp_path, "g").bytes == 160


def test_a_call_through_a_pointer_is_charged_and_named(tmp_path: Path) -> None:
    write(
        tmp_path / "a.ci",
        node("f", "16 bytes (static)"),
        'node: { title: "__indirect_call" label: "Indirect Call Placeholder" shape : ellipse }\n',
        edge("f", "__indirect_call"),
    )
    found = bound(tmp_path, "f")
    assert found.bytes == 16 + 256
    assert found.unknown == ("a call through a pointer in f",)
    assert found.assumed_bytes == ASSUMED_BYTES


def test_two_definitions_of_one_function_count_as_the_worse(tmp_path: Path) -> None:
    write(tmp_path / "weak.ci", node("f", "8 bytes (static)"))
    write(tmp_path / "strong.ci", node("f", "32 bytes (static)"))
    assert bound(tmp_path, "f").bytes == 32


def test_a_missing_entry_or_call_graph_is_our_own_bug(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="no call-graph files"):
        bound(tmp_path, "f")
    write(tmp_path / "a.ci", node("f", "8 bytes (static)"))
    with pytest.raises(InternalError, match="no function 'g'"):
        bound(tmp_path, "g")
