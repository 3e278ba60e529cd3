# SPDX-License-Identifier: Apache-2.0
"""Names of the user's model as C identifiers."""

import re

LONGEST_COMMENT = 80  # characters of a name in a comment: converters make much longer names
# the check firmware and the board support have functions <word>_init or <word>_run of their own
FIRMWARE_WORDS = ("board", "check", "copy", "family", "measure", "serve")


def identifier(name: str) -> str:
    """Turn `name` into a prefix of lower-case C identifiers: 'kws' of kws_init.

    'm_' is put in front of a prefix that C does not allow or that other code already uses.
    """
    text = re.sub(r"[^0-9a-z_]+", "_", name.lower()).strip("_")[:48].rstrip("_")
    taken = text in FIRMWARE_WORDS or text.startswith("mcuforge")
    if not text or text[0].isdigit() or taken:
        text = f"m_{text}".rstrip("_")
    return text


def comment(text: str) -> str:
    """Make `text` safe inside a C comment: one short line of ASCII without comment marks."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text).replace("\\", "/")
    if len(plain) > LONGEST_COMMENT:
        plain = plain[: LONGEST_COMMENT - 3] + "..."
    return plain.replace("*/", "* /").replace("/*", "/ *")


def string_literal(text: str) -> str:
    """Write `text` as a C string literal of printable ASCII, without the `??` of trigraphs."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'


def distinct(names: list[str]) -> list[str]:
    """Number later duplicates of names: a, a_2, a_3."""
    taken: set[str] = set()
    return [numbered(name, taken) for name in names]


def numbered(name: str, taken: set[str]) -> str:
    """Return `name`, with a number while it is taken, and take it."""
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    taken.add(unique)
    return unique
