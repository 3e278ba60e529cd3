# SPDX-License-Identifier: Apache-2.0
"""C in lines of at most 100 columns: calls, tables and comments, broken as people break them."""

import textwrap
from collections.abc import Sequence

COLUMNS = 100


def call(head: str, arguments: Sequence[str], tail: str = ";", indent: int = 0) -> str:
    """Write `head(arguments)tail`, indented by `indent` spaces except on the first line.

    Arguments that do not fit continue below the first one or, if one is too long, four spaces in.
    """
    line = f"{head}({', '.join(arguments)}){tail}"
    if indent + len(line) <= COLUMNS:
        return line
    below = indent + len(head) + 1
    longest = max(len(a) for a in arguments) + len(tail) + 1
    words = [f"{a}," for a in arguments[:-1]] + [f"{arguments[-1]}){tail}"]
    if below + longest > COLUMNS:
        return f"{head}(\n" + _filled(words, indent + 4)
    return f"{head}(" + _filled(words, below).lstrip()


def _filled(words: Sequence[str], below: int) -> str:
    """Fill words into as few lines as possible, each `below` spaces in."""
    lines, line = [], ""
    for word in words:
        if line and below + len(line) + 1 + len(word) > COLUMNS:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join(" " * below + text for text in [*lines, line])


def comment_block(text: str, indent: int = 0) -> str:
    """Write `text` as one comment, indented by `indent` spaces except on the first line."""
    if indent + len(text) + 6 <= COLUMNS:
        return f"/* {text} */"
    margin = " " * indent
    lines = textwrap.wrap(text, COLUMNS - indent - 3, break_on_hyphens=False)
    return "/*\n" + "".join(f"{margin} * {line}\n" for line in lines) + f"{margin} */"


def comment_lines(lines: Sequence[str]) -> str:
    """Write `lines` as one comment; a line that is too long continues deeper below it."""
    broken = []
    for line in lines:
        if not line:
            broken.append("")
            continue
        indent = len(line) - len(line.lstrip())
        deeper = " " * (indent + 4 if indent else 0)
        broken += textwrap.wrap(
            line,
            COLUMNS - 3,
            subsequent_indent=deeper,
            break_on_hyphens=False,
            break_long_words=False,
        )
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in broken) + " */"


def table(values: Sequence[int | str], indent: int) -> str:
    """Write the initializers of an array, every line `indent` spaces in."""
    return _filled([f"{v}," for v in values], indent)
