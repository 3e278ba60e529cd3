# SPDX-License-Identifier: Apache-2.0
"""docs/report.md as data: per command the keys it describes and their types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "report.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|", re.MULTILINE)
BORROWED = {  # what a section takes over from deploy's
    "check": ("model", "board", "verdict", "reasons", "check"),
    "bench": ("model", "board", "toolchain", "run", "layers"),
    "plan": ("model", "board", "plan", "layers"),
}


def documented(command: str) -> Mapping[str, str]:
    """Path -> type of every key of a command's JSON, `schema` and `mcuforge` included."""
    sections = _sections()
    rows = [*sections[""], *sections[command]]
    assert len({key for key, _ in rows}) == len(rows), f"{command}: a key is described twice"
    for top in BORROWED.get(command, ()):
        rows += [(k, t) for k, t in sections["deploy"] if re.split(r"[.\[]", k)[0] == top]
    return dict(rows)


def commands() -> tuple[str, ...]:
    """The sections there are."""
    return tuple(name for name in _sections() if name)


def _sections() -> dict[str, list[tuple[str, str]]]:
    text = DOCUMENT.read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    titles = ["", *parts[1::2]]
    bodies = [parts[0], *parts[2::2]]
    return {
        title: [(key, kind.strip()) for key, kind in ROW.findall(body)]
        for title, body in zip(titles, bodies, strict=True)
    }


def leaves(value: object, path: str = "", names: tuple[str, ...] = ()) -> list[tuple[str, object]]:
    """List (path, value) of everything in a JSON object that is not a container.

    Below the keys of `names`, whatever key comes is called by the word that follows: names
    ("operators:NAME",) reads operators.ADD.note as operators.NAME.note.
    """
    if isinstance(value, dict):
        generic = {above: word for above, _, word in (name.partition(":") for name in names)}
        found = []
        for key, below in value.items():
            word = generic.get(path) or str(key)
            found += leaves(below, f"{path}.{word}" if path else word, names)
        return found
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, f"{path}[]", names)]
    return [(path, value)]


def fits(value: object, kind: str) -> bool:
    """Whether a value is of a documented type."""
    if value is None:
        return kind == "null" or kind.endswith(" or null")
    kind = kind.removesuffix(" or null")
    if kind.startswith('"'):
        return value in [word.strip('"') for word in kind.split(" or ")]
    types: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    if isinstance(value, bool) and kind != "boolean":
        return False
    return kind in types and isinstance(value, types[kind])
