# SPDX-License-Identifier: Apache-2.0
"""Words are spelled one way everywhere, and messages for people use one word for one thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.unit.test_layout import PACKAGED, ROOT, files

TEXTS = files(".py", ".c", ".h", ".j2", ".js", ".md", ".sh", ".toml")
# verbs that end in -ize here, also inside identifiers
STEMS = (
    "final|general|initial|linear|maxim|memo|minim|normal|optim|organ|parallel|priorit|quant|real"
    "|recogn|serial|special|summar|synchron|util|vector"
)
ENDING = re.compile(r"is(?:e|ing|ation)")
STEM = re.compile(rf"(?:{STEMS})\Z")
LONGEST = max(map(len, STEMS.split("|")))
WANTED = re.compile(r"\b(?:wanted|wants)\b")


def british(text: str) -> list[str]:
    """The beginnings of lines up to words that are spelled with -ise instead of -ize."""
    low = text.lower()
    return [
        low[low.rfind("\n", 0, end.start()) + 1 : end.end()]
        for end in ENDING.finditer(low)
        if STEM.search(low, max(0, end.start() - LONGEST), end.start())
    ]


def messages(tree: ast.Module) -> Iterator[str]:
    """Every string of a module that no docstring holds."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield text


def test_verbs_end_in_ize() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): words
        for path in TEXTS
        if (words := british(f"{path.name}\n{path.read_text(encoding='utf-8')}"))
    }
    assert not found


def test_messages_say_what_is_expected() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in PACKAGED
        for text in messages(ast.parse(path.read_text(encoding="utf-8")))
        if WANTED.search(text)
    ]
    assert not found


def test_both_are_found_where_they_are() -> None:
    words = ["optim" + "ise", "Normal" + "ised", "re_quant" + "isation_", "un" + "initial" + "ised"]
    assert len(british(" ".join(words))) == len(words)
    assert not british("optimistic, real isers, wise, precise, raised, normal is, otherwise")
    tree = ast.parse('"""wanted"""\nraise ValueError(f"{x} wanted {y}")')
    assert [text for text in messages(tree) if WANTED.search(text)] == [" wanted "]
