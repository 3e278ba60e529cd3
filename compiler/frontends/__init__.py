# SPDX-License-Identifier: Apache-2.0
"""Model files to graphs: the only modules that know a file format."""

from __future__ import annotations

from pathlib import Path

from mcuforge.compiler.frontends.detect import ONNX_LATER, is_onnx, read_file
from mcuforge.compiler.frontends.tflite import read_tflite
from mcuforge.compiler.ir import Graph
from mcuforge.errors import CompileError


def read_model(path: str | Path) -> Graph:
    """The graph of a model file, its format told from its content and its suffix.

    Raises CompileError for every file that is no supported model.
    """
    path = Path(path)
    data = read_file(path)
    if is_onnx(data) or (path.suffix == ".onnx" and data):
        raise CompileError("this is an ONNX model, supported: TFLite", path.name, ONNX_LATER)
    return read_tflite(data, name=path.name)
