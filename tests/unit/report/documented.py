# SPDX-License-Identifier: Apache-2.0
"""docs/report.md as data: per command the keys it describes and their types."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Literal, Union, get_args, get_origin, get_type_hints

DOCS = Path(__file__).resolve().parents[3] / "docs"
DOCUMENT = DOCS / "report.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|", re.MULTILINE)
BORROWED = {  # what a section takes over from deploy's
    "check": ("model", "board", "verdict", "reasons", "check"),
    "bench": ("model", "board", "toolchain", "run", "layers"),
    "compile": ("model", "board", "plan", "layers"),
    "plan": ("model", "board", "plan", "layers"),
    "mlperf": ("model", "board", "reasons"),
}
SEARCH_BORROWED = ("board", "verdict", "reasons")  # of deploy's, by docs/search_report.md


def documented(command: str) -> Mapping[str, str]:
    """Path -> type of every key of a command's JSON, `schema` and `mcuforge` included."""
    sections = _sections()
    rows = [*sections[""], *sections[command]]
    assert len({key for key, _ in rows}) == len(rows), f"{command}: a key is described twice"
    for top in BORROWED.get(command, ()):
        rows += [(k, t) for k, t in sections["deploy"] if re.split(r"[.\[]", k)[0] == top]
    return dict(rows)


def documented_search() -> Mapping[str, str]:
    """The same of docs/search_report.md; `winner` holds the keys of deploy's report."""
    text = (DOCS / "search_report.md").read_text(encoding="utf-8")
    rows = [(key, kind.strip()) for key, kind in ROW.findall(text)]
    assert len(dict(rows)) == len(rows), "a key is described twice"
    deploy = _sections()["deploy"]
    rows += [(k, t) for k, t in deploy if re.split(r"[.\[]", k)[0] in SEARCH_BORROWED]
    return dict([*rows, *((f"winner.{key}", kind) for key, kind in deploy)])


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


def declared(kind: type, path: str = "") -> dict[str, str]:
    """Path -> type, in the document's words, of every leaf of a report's dataclass."""
    found: dict[str, str] = {}
    hints = get_type_hints(kind)
    for field in fields(kind):
        found |= _declared(hints[field.name], f"{path}.{field.name}" if path else field.name)
    return found


def _declared(hint: object, path: str) -> dict[str, str]:
    if isinstance(hint, type) and is_dataclass(hint):
        return declared(hint, path)
    if get_origin(hint) is tuple:
        return _declared(get_args(hint)[0], f"{path}[]")
    if get_origin(hint) is Mapping:
        return _declared(get_args(hint)[1], f"{path}.NAME")
    if get_origin(hint) is Literal:
        return {path: " or ".join(f'"{word}"' for word in get_args(hint))}
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = [h for h in get_args(hint) if h is not type(None)]
        parts = _declared(inner, path).items()
        return {key: f"{word.removesuffix(' or null')} or null" for key, word in parts}
    words = {str: "string", int: "integer", float: "number", bool: "boolean", object: "any"}
    assert isinstance(hint, type)
    return {path: words[hint]}
