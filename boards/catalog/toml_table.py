# SPDX-License-Identifier: Apache-2.0
"""Reads a TOML table key by key; a wrong, missing or unknown key is refused with its place."""

import difflib
from typing import NoReturn

from mcuforge.errors import BoardError

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "Hz": 1, "kHz": 10**3, "MHz": 10**6, "GHz": 10**9}


def parse_quantity(text: str) -> int:
    """Parse '128 KiB' to 131072, '25 MHz' to 25000000; ValueError for any other form."""
    number, _, unit = text.partition(" ")
    if unit not in _UNITS or not (number.isascii() and number.isdecimal()):
        units = ", ".join(_UNITS)
        raise ValueError(f"'{text}' is not a whole number, a space and one of {units}")
    return int(number) * _UNITS[unit]


class TomlTable:
    """One table of a board's file; every key is taken once, and keys that remain are unknown."""

    def __init__(self, file: str, values: object, place: str = "") -> None:
        self._file = file
        self._place = place
        self._known: list[str] = []
        self._values: dict[str, object] = {}
        if not isinstance(values, dict):
            hint = "write its name in brackets, [like.this], then its keys"
            self.refuse("", "is not a table", hint)
        self._values.update(values)

    def refuse(self, key: str, what: str, hint: str) -> NoReturn:
        """Refuse a key, or the table itself (""): BoardError with the file and the key."""
        name = f"{self._place}{key}".rstrip(".")
        raise BoardError(f"'{name}' {what}", f"boards/catalog/{self._file}, key {name}", hint)

    def has(self, key: str) -> bool:
        """Tell whether an optional key is there."""
        if key not in self._known:
            self._known.append(key)
        return key in self._values

    def _take(self, key: str) -> object:
        if not self.has(key):
            self.refuse(key, "is missing", "boards/catalog/board.py lists the keys of a board")
        return self._values.pop(key)

    def text(self, key: str) -> str:
        """Take a string that is not empty."""
        value = self._take(key)
        if not isinstance(value, str) or not value:
            self.refuse(key, f"is {value!r}, expected a string", "write it in quotes")
        return value

    def optional_text(self, key: str) -> str | None:
        """Take a string, or None if the key is absent."""
        return self.text(key) if self.has(key) else None

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Take one of the given strings."""
        text = self.text(key)
        if text not in choices:
            self.refuse(key, f"is '{text}'", f"write one of {', '.join(choices)}")
        return text

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of strings."""
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.refuse(key, f"is {value!r}, expected a list of strings", 'write ["a", "b"]')
        return tuple(str(item) for item in value)

    def integer(self, key: str) -> int:
        """Take a whole number that is not negative."""
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.refuse(key, f"is {value!r}, expected a whole number", "write it without quotes")
        return value

    def flag(self, key: str) -> bool:
        """Take true or false; false if the key is absent."""
        value = self._take(key) if self.has(key) else False
        if not isinstance(value, bool):
            self.refuse(key, f"is {value!r}, expected true or false", "write it without quotes")
        return value

    def quantity(self, key: str) -> int:
        """Take a number with its unit, above zero; returns bytes or hertz."""
        text = self.text(key)
        try:
            value = parse_quantity(text)
        except ValueError as error:
            self.refuse(key, f"cannot be read: {error}", 'write "128 KiB" or "25 MHz"')
        if value == 0:
            self.refuse(key, "is zero", "write what the data sheet says")
        return value

    def table(self, key: str) -> "TomlTable":
        """Take a table inside this one."""
        return TomlTable(self._file, self._take(key), f"{self._place}{key}.")

    def tables(self, key: str) -> tuple["TomlTable", ...]:
        """Take an array of tables, at least one."""
        value = self._take(key)
        if not isinstance(value, list) or not value:
            self.refuse(key, "has no entry", f"write [[{key}]] once per entry")
        return tuple(
            TomlTable(self._file, v, f"{self._place}{key}[{i}].") for i, v in enumerate(value)
        )

    def finish(self) -> None:
        """Refuse keys that were not taken: a key that is never read is a spelling mistake."""
        for key in self._values:
            near = difflib.get_close_matches(key, self._known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(self._known)}"
            self.refuse(key, "is not a key of a board", hint)
