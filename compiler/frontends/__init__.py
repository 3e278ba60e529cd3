# SPDX-License-Identifier: Apache-2.0
"""Reads model files into graphs. Only these modules know the file formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mcuforge.compiler.frontends.common import Survey, unknown_signature
from mcuforge.compiler.frontends.detect import is_onnx, read_file
from mcuforge.compiler.frontends.tflite.reader import TfliteReading, open_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.errors import CompileError

if TYPE_CHECKING:
    from mcuforge.compiler.frontends.onnx.reader import OnnxReading


def read_model(path: str | Path, signature: str | None = None) -> Graph:
    """Read the graph of a model file; signature: which one of a TFLite file that has several.

    Raises CompileError for every file that is not a supported model.
    """
    return _opened(Path(path), signature).graph()


def survey_model(path: Path, signature: str | None = None) -> Survey:
    """Survey every operator of a model file in the file's order, and what is wrong with it.

    Raises CompileError for a file that cannot be read at all.
    """
    return _opened(path, signature).survey


def _opened(path: Path, signature: str | None) -> TfliteReading | OnnxReading:
    """Pass over a model file once; its content and its suffix tell the format."""
    data = read_file(path)
    if is_onnx(data) or path.suffix == ".onnx":
        from mcuforge.compiler.frontends.onnx.reader import open_onnx  # loads onnx: not for TFLite

        if signature is not None:
            problem = unknown_signature(signature, ())
            raise CompileError(problem.what, path.name, problem.hint)
        return open_onnx(data, path.name, path.parent)
    return open_tflite(data, path.name, signature)
