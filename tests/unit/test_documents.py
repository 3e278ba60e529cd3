# SPDX-License-Identifier: Apache-2.0
"""Markdown documents: links lead to files, anchors to headings, the glossary to the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.test_layout import ROOT, files

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]*)+)`")
ELSEWHERE = ("http://", "https://", "mailto:")


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives a document's headings: a repeated one is numbered from 1."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCED.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        numbered = (f"{anchor}-{count}" for count in range(1, len(found) + 1))
        found.add(anchor if anchor not in found else next(a for a in numbered if a not in found))
    return found


def broken_links(document: Path) -> list[str]:
    """Relative links of a document that lead nowhere; other sites are not asked."""
    text = document.read_text(encoding="utf-8")
    found = []
    for link in LINK.findall(CODE.sub("", FENCED.sub("", text))):
        if link.startswith(ELSEWHERE):
            continue
        place, _, anchor = link.partition("#")
        target = document.parent / place if place else document
        if not target.exists():
            found.append(f"{link}: there is no such file")
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            found.append(f"{link}: there is no such heading")
    return found


@pytest.mark.parametrize("document", files(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    assert broken_links(document) == []


def test_every_file_of_the_glossary_exists() -> None:
    named = set(PATH.findall((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")))
    assert len(named) > 50
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# The `b.c` of it\n## Twice\n## Twice\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n[here](#a-page) [b](other.md#the-bc-of-it) [c](other.md#twice-1)\n"
        "[web](https://example.org)\n"
        "`[code](none)`\n```\n[block](none)\n```\n"
        "[gone](none.md) [lost](other.md#thrice) [no](#b)\n",
        encoding="utf-8",
    )
    assert broken_links(page) == [
        "none.md: there is no such file",
        "other.md#thrice: there is no such heading",
        "#b: there is no such heading",
    ]
