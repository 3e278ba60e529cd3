# SPDX-License-Identifier: Apache-2.0
"""Loads the templates of every room: the C, the linker script, the project, the pictures."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates(folder: Path, *, html: bool = False) -> Environment:
    """Open the templates of a folder, which refuse undefined names; `html`: they escape values."""
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=html,
    )
