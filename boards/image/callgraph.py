# SPDX-License-Identifier: Apache-2.0
"""The call-graph files that GCC writes with each object under -fcallgraph-info=su.

A `.ci` file is VCG text: one node per function with its stack frame, one node (an ellipse) per
function of another file, one edge per call (GCC manual, "Developer Options"). Functions are
identified by title: the symbol, and `file.c:symbol` for static ones.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from mcuforge.errors import InternalError

INDIRECT = "__indirect_call"
_NODE = re.compile(r'^node: \{ title: "([^"]*)" label: "([^"]*)"(.*)\}$')
_EDGE = re.compile(r'^edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"')
_FRAME = re.compile(r"(\d+) bytes \(([a-z,]+)\)")


@dataclass(frozen=True)
class Function:
    """A compiled function; `dynamic`: its frame has a part of unbounded size (alloca, VLA)."""

    name: str
    frame_bytes: int
    dynamic: bool
    callees: tuple[str, ...]  # titles, INDIRECT among them


def read_callgraph(build_dir: Path) -> dict[str, Function]:
    """Read every function of the objects under `build_dir`, by title.

    InternalError when no .ci file exists: the project was built without -fcallgraph-info=su.
    """
    files = sorted(build_dir.rglob("*.ci"))
    if not files:
        raise InternalError(f"no call-graph files under {build_dir}")
    functions: dict[str, Function] = {}
    for file in files:
        for title, function in _read(file).items():
            known = functions.get(title)
            functions[title] = _worse(known, function) if known else function
    return functions


def _read(file: Path) -> dict[str, Function]:
    frames: dict[str, tuple[str, int, bool]] = {}
    callees: dict[str, list[str]] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if node := _NODE.match(line):
            title, label, rest = node.groups()
            frame = _FRAME.search(label)
            if frame is not None:
                name = label.split(r"\n")[0]
                frames[title] = (name, int(frame[1]), frame[2] == "dynamic")
            elif "ellipse" not in rest:
                raise InternalError(f"{file}: no stack frame for '{title}'")
        elif edge := _EDGE.match(line):
            callees.setdefault(edge[1], []).append(edge[2])
    return {
        title: Function(name, size, dynamic, tuple(dict.fromkeys(callees.get(title, ()))))
        for title, (name, size, dynamic) in frames.items()
    }


def _worse(a: Function, b: Function) -> Function:
    """Take the worst of one symbol in two objects: a weak default and its replacement."""
    callees = tuple(dict.fromkeys(a.callees + b.callees))
    return Function(a.name, max(a.frame_bytes, b.frame_bytes), a.dynamic or b.dynamic, callees)
