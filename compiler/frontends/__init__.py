# SPDX-License-Identifier: Apache-2.0
"""Reads model files into graphs. Only these modules know the file formats."""

from __future__ import annotations

from pathlib import Path

from mcuforge.compiler.frontends.common import OperatorSupport
from mcuforge.compiler.frontends.detect import is_onnx, read_file
from mcuforge.compiler.frontends.tflite.reader import read_tflite, survey_tflite
from mcuforge.compiler.graph import Graph


def read_model(path: str | Path) -> Graph:
    """Read the graph of a model file; its content and its suffix tell the format.

    Raises CompileError for every file that is not a supported model.
    """
    path = Path(path)
    data = read_file(path)
    if is_onnx(data) or path.suffix == ".onnx":
        from mcuforge.compiler.frontends.onnx.reader import read_onnx  # loads onnx: not for TFLite

        return read_onnx(data, path.name, path.parent)
    return read_tflite(data, path.name)


def survey_model(path: Path) -> tuple[OperatorSupport, ...]:
    """List every operator of a model file in the file's order, and what is wrong with it.

    Raises CompileError for a file that cannot be read at all.
    """
    data = read_file(path)
    if is_onnx(data) or path.suffix == ".onnx":
        from mcuforge.compiler.frontends.onnx.reader import survey_onnx

        return survey_onnx(data, path.name, path.parent)
    return survey_tflite(data, path.name)
