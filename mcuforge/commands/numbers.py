# SPDX-License-Identifier: Apache-2.0
"""Reads the numbers of options: sizes in bytes, counts of instructions, tolerances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mcuforge.flow.gate import Tolerance

KIB, MIB = 1024, 1024 * 1024
UNITS = {"kib": KIB, "kb": KIB, "k": KIB, "mib": MIB, "mb": MIB, "m": MIB, "b": 1}
THOUSANDS = {"k": 1e3, "m": 1e6, "g": 1e9}


def bytes_of(text: str) -> int:
    """Read '5500', '64K', '64KiB' or '2M' as a number of bytes: K is 1,024, M is 1,048,576."""
    digits, unit = text.strip().lower(), 1
    suffix = next((suffix for suffix in UNITS if digits.endswith(suffix)), None)
    if suffix is not None:
        digits, unit = digits.removesuffix(suffix).strip(), UNITS[suffix]
    if not (digits.isascii() and digits.isdecimal()) or int(digits) * unit < 1:
        raise typer.BadParameter(
            f"'{text}' is not a number of bytes, expected for example 5500, 64K, 64KiB or 2M"
        )
    return int(digits) * unit


def count_of(text: str) -> float:
    """Read '5000000', '12.9e6', '900k' or '5M' as a count: k is 1,000, M is 1,000,000."""
    number, unit = text.strip().lower(), 1.0
    if number[-1:] in THOUSANDS:
        number, unit = number[:-1].strip(), THOUSANDS[number[-1]]
    try:
        count = float(number) * unit
    except ValueError:
        count = math.nan
    if not 1 <= count < math.inf:
        raise typer.BadParameter(
            f"'{text}' is not a count, expected 1 or more, for example 12900000, 12.9e6, 900k or 5M"
        )
    return count


def tolerance_of(words: Sequence[str]) -> Tolerance:
    """Read 'ram=5%', 'accuracy=0.01' and the like, each one figure; others keep their default.

    A percentage is of the baseline's figure. Accuracy is a difference, and takes no percentage: it
    could be meant either way.
    """
    from mcuforge.flow.gate import Tolerance

    found: dict[str, float] = {}
    for word in words:
        figure, _, value = word.partition("=")
        known = [field.name for field in fields(Tolerance)]
        percent = value.endswith("%")
        try:
            number = float(value.removesuffix("%")) / (100 if percent else 1)
        except ValueError:
            number = math.nan
        if figure not in known or not 0 <= number < math.inf or percent != (figure != "accuracy"):
            raise typer.BadParameter(
                f"--tolerance: '{word}' is not FIGURE=VALUE, expected for example ram=5% or "
                f"accuracy=0.01; figures are {', '.join(known)}"
            )
        if figure in found:
            raise typer.BadParameter(f"--tolerance: '{figure}' is given twice: give it once")
        found[figure] = number
    return replace(Tolerance(), **found)
