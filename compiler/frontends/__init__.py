# SPDX-License-Identifier: Apache-2.0
"""Model files to graphs: the only modules that know a file format."""

from __future__ import annotations

from pathlib import Path

from mcuforge.compiler.frontends.detect import is_onnx, read_file
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.ir import Graph


def read_model(path: str | Path) -> Graph:
    """The graph of a model file, its format told from its content and its suffix.

    Raises CompileError for every file that is no supported model.
    """
    path = Path(path)
    data = read_file(path)
    if is_onnx(data) or path.suffix == ".onnx":
        from mcuforge.compiler.frontends.onnx.reader import read_onnx  # loads onnx: not for TFLite

        return read_onnx(data, name=path.name, folder=path.parent)
    return read_tflite(data, name=path.name)
