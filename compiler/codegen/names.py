# SPDX-License-Identifier: Apache-2.0
"""Names of the user's model as C identifiers."""

from __future__ import annotations

import re

C_WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while main
""".split()


def identifier(name: str) -> str:
    """`name` as a lower-case C identifier; 'm_' is put before what C could not take."""
    text = re.sub(r"[^0-9a-z_]+", "_", name.lower()).strip("_")[:48].rstrip("_")
    if not text or text[0].isdigit() or text in C_WORDS or text.startswith("mcuforge"):
        text = f"m_{text}".rstrip("_")
    return text


def comment(text: str) -> str:
    """`text` as it may stand inside a C comment: printable ASCII, no comment marks."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/")


def string_literal(text: str) -> str:
    """`text` as a C string literal of printable ASCII."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("??", "?\\?") + '"'


def distinct(names: list[str]) -> list[str]:
    """The names, later duplicates numbered: a, a_2, a_3."""
    seen: set[str] = set()
    result = []
    for name in names:
        unique, count = name, 1
        while unique in seen:
            count += 1
            unique = f"{name}_{count}"
        seen.add(unique)
        result.append(unique)
    return result
