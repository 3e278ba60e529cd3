# SPDX-License-Identifier: Apache-2.0
"""Imports run one way between the rooms inside compiler/, boards/ and mcuforge/, without a cycle.

`tests/unit/test_layout.py` holds the same of the rooms at the top level.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.unit.test_layout import FACE, PACKAGED, PLATFORM, ROOMS, ROOT

# From the ground up: a file imports from its own room and from those on lower floors. Rooms on one
# floor do not know each other. A file is in the room with the longest name it begins with.
FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "mcuforge/errors.py",
        "mcuforge/garbage.py",
        "mcuforge/templates.py",
        "mcuforge/version.py",
        "compiler/lazy.py",
    ),
    ("memplan", "runtime_c", "boards/arch.py", "boards/link", "compiler/tensors.py"),
    ("compiler/calls.py", "compiler/work.py", "boards/catalog"),
    ("compiler/graph.py",),
    ("compiler/ops/common", "boards/build", "boards/ports.py"),
    ("compiler/isa", "boards/image", "boards/emulator", "boards/regions.py", "boards/instruments"),
    ("compiler/ops", "compiler/audio", "boards/cycles", "boards/doctor.py", "boards/virtual"),
    ("compiler/verify.py", "compiler/reference.py", "compiler/user_ports.py"),
    (
        "compiler/passes",
        "compiler/frontends/common.py",
        "compiler/frontends/detect.py",
        "compiler/frontends/extremes.py",
        "compiler/frontends/picking.py",
    ),
    ("compiler/attention", "compiler/frontends/onnx", "compiler/frontends/tflite"),
    ("compiler/schedule", "compiler/frontends"),
    ("compiler/codegen", "compiler/judges"),
    ("compiler/compile.py", "compiler/builders"),
    ("compiler/segment_cost.py",),
    ("compiler/estimate.py",),
    ("mcuforge/report",),
    ("mcuforge/picture",),
    ("mcuforge/flow",),
    ("nas",),  # the search stands on the flow; the command line stands above the search
    ("mcuforge/commands", "mcuforge/testing"),
    ("mcuforge",),
)


def floor_and_room(place: str) -> tuple[int, str]:
    """The floor and the room of a file, by its path below the root."""
    fits = [
        (len(room), floor, room)
        for floor, rooms in enumerate(FLOORS)
        for room in rooms
        if place == room or place.startswith(f"{room}/")
    ]
    _, floor, room = max(fits, default=(0, -1, ""))
    return floor, room


def imports(path: Path) -> Iterator[str]:
    """The files of ours that a file imports, by their paths; those for types alone too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == FACE and parts[1:]:  # of the package itself only the version is asked
                yield file_of(parts[1:] if parts[1:2] and parts[1] in ROOMS else parts)


def file_of(parts: list[str]) -> str:
    """The file a dotted name is in: of a module's own name, its module."""
    for count in (len(parts), len(parts) - 1):
        base = "/".join(parts[:count])
        for place in (f"{base}.py", f"{base}/__init__.py"):
            if (ROOT / place).is_file():
                return place
    raise AssertionError(f"no file of ours has {'.'.join(parts)}")


FILES = tuple(p for p in PACKAGED if not p.is_relative_to(ROOT / PLATFORM))
IMPORTS = {p.relative_to(ROOT).as_posix(): tuple(dict.fromkeys(imports(p))) for p in FILES}


def upward(imported: Mapping[str, Iterable[str]]) -> list[str]:
    """Imports that do not lead down."""
    wrong = []
    for place, targets in imported.items():
        floor, room = floor_and_room(place)
        for target in targets:
            below, other = floor_and_room(target)
            if other != room and below >= floor:
                wrong.append(f"{place} imports {target}")
    return wrong


def in_cycles(imported: Mapping[str, Iterable[str]]) -> list[str]:
    """Files that lead back to themselves, and those between two of them: what is left when files
    without imports, and files that nobody imports, are taken away again and again.
    """
    left = {place: set(targets) - {place} for place, targets in imported.items()}
    while True:
        targets = set().union(*left.values())
        loose = {p for p, found in left.items() if not found & left.keys() or p not in targets}
        if not loose:
            return sorted(left)
        left = {place: found for place, found in left.items() if place not in loose}


def test_every_file_is_in_a_room() -> None:
    homeless = [place for place in IMPORTS if floor_and_room(place)[0] < 0]
    assert [place for place in homeless if place.count("/") != 1 or "__init__" not in place] == []
    rooms = {floor_and_room(place)[1] for place in IMPORTS}
    assert not [room for floor in FLOORS for room in floor if room not in rooms]


def test_imports_lead_down() -> None:
    assert not upward(IMPORTS)


def test_no_file_imports_itself_through_others() -> None:
    assert not in_cycles(IMPORTS)


def test_an_import_that_leads_up_or_round_would_be_seen() -> None:
    assert upward({"compiler/graph.py": ["compiler/schedule/cost.py"]})
    assert upward({"compiler/frontends/onnx/file.py": ["compiler/frontends/tflite/file.py"]})
    assert not upward({"compiler/schedule/cost.py": ["compiler/graph.py"]})
    assert in_cycles({"a.py": ["b.py"], "b.py": ["c.py", "d.py"], "c.py": ["a.py"], "d.py": []})
    assert not in_cycles({"a.py": ["b.py", "c.py"], "b.py": ["c.py"], "c.py": []})
