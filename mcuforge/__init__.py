# SPDX-License-Identifier: Apache-2.0
"""From a neural network file to a verdict from the microcontroller board.

The public API: what the command line calls, for scripts and tests. The whole way, as the command
`mcuforge deploy` goes it, is `mcuforge.commands.deploy.deploy(Request(...), stages)`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mcuforge.errors import BoardError, CompileError, InternalError, UserError

if TYPE_CHECKING:
    from mcuforge.boards.catalog.board import Board, load_board
    from mcuforge.compiler.compile import compile_graph
    from mcuforge.compiler.frontends import read_model
    from mcuforge.report.model import Report

# where a name lives: loaded when first asked for, so that `mcuforge --help` does not load numpy
_HOMES = {
    "Board": "mcuforge.boards.catalog.board",
    "Report": "mcuforge.report.model",
    "compile_graph": "mcuforge.compiler.compile",
    "load_board": "mcuforge.boards.catalog.board",
    "read_model": "mcuforge.compiler.frontends",
}

__version__ = "0.1.0"
__all__ = [
    "Board",
    "BoardError",
    "CompileError",
    "InternalError",
    "Report",
    "UserError",
    "__version__",
    "compile_graph",
    "load_board",
    "read_model",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'mcuforge' has no attribute '{name}'")
