# SPDX-License-Identifier: Apache-2.0
"""From a neural network file to a verdict from the microcontroller board.

The public API, for scripts and notebooks. The whole way, as the command `mcuforge deploy` goes it:

    from mcuforge import DeployRequest, deploy
    report = deploy(DeployRequest(Path("kws.tflite"), "hifive1", emulate=True))
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from mcuforge.errors import BoardError, CompileError, InternalError, UserError
from mcuforge.version import VERSION as __version__

if TYPE_CHECKING:
    from mcuforge.boards.catalog.board import Board, load_board
    from mcuforge.commands.deploy import Request as DeployRequest
    from mcuforge.commands.deploy import deploy
    from mcuforge.compiler.compile import PlanOptions, compile_graph
    from mcuforge.compiler.frontends import read_model
    from mcuforge.flow.gate import Limits, Tolerance
    from mcuforge.report.model import Report

# onnxruntime's own releases report what they run, from 1.29 on also on Linux: names, hashes and
# sizes of models. People judge models with it that they may not tell others about. It reads this
# once, when it is loaded; 0 lets it report.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Where a name lives. It is loaded when first asked for, so that `mcuforge --help` loads no numpy.
_HOMES = {
    "Board": ("mcuforge.boards.catalog.board", "Board"),
    "DeployRequest": ("mcuforge.commands.deploy", "Request"),
    "Limits": ("mcuforge.flow.gate", "Limits"),
    "PlanOptions": ("mcuforge.compiler.compile", "PlanOptions"),
    "Report": ("mcuforge.report.model", "Report"),
    "Tolerance": ("mcuforge.flow.gate", "Tolerance"),
    "compile_graph": ("mcuforge.compiler.compile", "compile_graph"),
    "deploy": ("mcuforge.commands.deploy", "deploy"),
    "load_board": ("mcuforge.boards.catalog.board", "load_board"),
    "read_model": ("mcuforge.compiler.frontends", "read_model"),
}

__all__ = [
    "Board",
    "BoardError",
    "CompileError",
    "DeployRequest",
    "InternalError",
    "Limits",
    "PlanOptions",
    "Report",
    "Tolerance",
    "UserError",
    "__version__",
    "compile_graph",
    "deploy",
    "load_board",
    "read_model",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        module, attribute = _HOMES[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module 'mcuforge' has no attribute '{name}'")
