# SPDX-License-Identifier: Apache-2.0
"""Reads model files into graphs. Only these modules know the file formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mcuforge.compiler.frontends.common import OperatorSupport
from mcuforge.compiler.frontends.detect import is_onnx, read_file
from mcuforge.compiler.frontends.tflite.reader import TfliteReading, open_tflite
from mcuforge.compiler.graph import Graph

if TYPE_CHECKING:
    from mcuforge.compiler.frontends.onnx.reader import OnnxReading


def read_model(path: str | Path) -> Graph:
    """Read the graph of a model file.

    Raises CompileError for every file that is not a supported model.
    """
    return _opened(Path(path)).graph()


def survey_model(path: Path) -> tuple[OperatorSupport, ...]:
    """List every operator of a model file in the file's order, and what is wrong with it.

    Raises CompileError for a file that cannot be read at all.
    """
    return tuple(_opened(path).survey.rows)


def _opened(path: Path) -> TfliteReading | OnnxReading:
    """Pass over a model file once; its content and its suffix tell the format."""
    data = read_file(path)
    if is_onnx(data) or path.suffix == ".onnx":
        from mcuforge.compiler.frontends.onnx.reader import open_onnx  # loads onnx: not for TFLite

        return open_onnx(data, path.name, path.parent)
    return open_tflite(data, path.name)
