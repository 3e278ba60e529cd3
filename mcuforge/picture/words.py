# SPDX-License-Identifier: Apache-2.0
"""Writes names and numbers of a plan as text that is safe and short enough to draw."""

import unicodedata

from mcuforge.picture.record import DrawnBuffer, PlanPicture

LONGEST_NAME = 160  # characters of a name in a picture: converters make names of a thousand
LONGEST_OF_MANY = 60  # of a name that is not what the text is about
MOST_NAMES = 6  # names listed before "and 3 more"
# control characters, half surrogates, invisible and turning ones: no document may hold them raw
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(name: str) -> str:
    """`name` with invisible characters escaped, shortened to `LONGEST_NAME` cells."""
    if len(name) > 2 * LONGEST_NAME:
        name = name[:LONGEST_NAME] + name[-LONGEST_NAME:]  # the middle is cut below
    return shortened(visible(name), LONGEST_NAME)


def visible(text: str) -> str:
    """`text` with invisible characters escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in UNSEEN else c
        for c in text
    )


def brief(name: str) -> str:
    """`name` printable, and short enough for a line with other names."""
    return shortened(printable(name), LONGEST_OF_MANY)


def shortened(text: str, cells: int) -> str:
    """`text` in at most `cells` monospaced cells; the middle is left out, as ends tell names apart.

    Empty when there is no room for a readable name.
    """
    if cells_of(text) <= cells:
        return text
    if cells < 3:
        return ""
    tail = _leading(text[::-1], cells // 2)[::-1]
    return f"{_leading(text, cells - 1 - cells_of(tail))}…{tail}"


def _leading(text: str, cells: int) -> str:
    """The first characters of `text`, as many as fit in `cells`."""
    if text.isascii():
        return text[:cells]
    used = 0
    for count, character in enumerate(text):
        used += cells_of(character)
        if used > cells:
            return text[:count]
    return text


def cells_of(text: str) -> int:
    """Monospaced cells `text` takes: two for each wide character of East Asia and emoji."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shape_words(shape: tuple[int, ...]) -> str:
    """'1x49x10x1'."""
    return "x".join(str(d) for d in shape)


def share(part: int, whole: int) -> str:
    """'12.5 %'; never '0.0 %' for a part above zero, never '100.0 %' for less than the whole."""
    if not part or not whole:
        return "0 %"
    percent = 100 * part / whole
    if percent < 0.1:
        return "< 0.1 %"
    if part < whole and percent >= 99.95:
        return "99.9 %"
    return f"{percent:.1f} %"


def listed(names: tuple[str, ...]) -> str:
    """'a, b and 3 more'."""
    shown = ", ".join(brief(name) for name in names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def layer_words(picture: PlanPicture, column: int) -> str:
    """'3 block1/conv': a layer by its number, as in every table, and its name."""
    return f"{column} {brief(picture.columns[column].label)}"


def layers_words(picture: PlanPicture, begin: int, end: int) -> str:
    """'2 conv to 5 add': the first and the last of columns [begin, end), or the only one."""
    first, last = layer_words(picture, begin), layer_words(picture, end - 1)
    return first if end - begin == 1 else f"{first} to {last}"


def place_words(buffer: DrawnBuffer) -> str:
    """'ram + 4,096 (0x1000)'."""
    return f"{printable(buffer.region)} + {buffer.offset:,} ({buffer.offset:#x})"


def rows_words(buffer: DrawnBuffer) -> str:
    """'3 of 48 rows' for a ring; empty for any other."""
    return "" if buffer.rows is None else f"{buffer.rows[0]} of {buffer.rows[1]} rows"


def bound_words(picture: PlanPicture) -> str:
    """How good the plan is: proved minimal, or how far above the lower bound."""
    if picture.optimal:
        return "no plan is smaller"
    if picture.arena <= picture.lower_bound:
        return "reaches the lower bound"
    gap = picture.arena - picture.lower_bound
    return f"{gap:,} bytes above the lower bound {picture.lower_bound:,}"


def hover_lines(picture: PlanPicture, buffer: DrawnBuffer) -> tuple[str, ...]:
    """Everything known about a buffer, one fact per line, its name first."""
    about = " ".join(filter(None, (buffer.dtype, shape_words(buffer.shape))))
    facts = [
        printable(buffer.name),
        f"{buffer.bytes:,} bytes, {buffer.kind}" + (f" {about}" if about else ""),
        f"at {place_words(buffer)}",
        f"alive: {layers_words(picture, buffer.begin, buffer.end)}",
    ]
    if buffer.rows is not None:
        facts.append(f"ring: {rows_words(buffer)}")
    if buffer.overlaps:
        facts.append(f"shares bytes with: {listed(buffer.overlaps)}")
    return tuple(facts)
