# SPDX-License-Identifier: Apache-2.0
"""Loads the templates of every room: the C, the linker script, the project, the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def templates(folder: Path, *, html: bool = False) -> Environment:
    """Open the templates of a folder, which refuse undefined names; `html`: they escape values."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # a plan needs none

    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=html,
    )
