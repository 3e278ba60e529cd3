# SPDX-License-Identifier: Apache-2.0
"""Short layer names from what ONNX exporters write."""

from __future__ import annotations

import re

from mcuforge.compiler.frontends.onnx.file import OnnxNode
from mcuforge.compiler.frontends.tflite.names import LONGEST

REDUNDANT = ("Conv", "Gemm", "LayerNormalization")  # behind the layer's own name


def layer_name(node: OnnxNode) -> str:
    """ "/blocks.0/fc1/Gemm" becomes "blocks.0/fc1"; an unnamed node is called after its output."""
    source = node.name or (node.outputs[0] if node.outputs else "") or node.op.lower()
    parts = [p for p in (_clean(part) for part in source.split("/")) if p]
    if len(parts) > 1 and parts[-1] in REDUNDANT:
        parts = parts[:-1]
    return "/".join(parts[-3:])[:LONGEST] or _clean(node.op.lower()) or "node"


def _clean(part: str) -> str:
    """Letters, digits and _ . - only: names end up in C comments and file names."""
    return re.sub(r"_{2,}", "_", re.sub(r"[^A-Za-z0-9_.-]+", "_", part)).strip("_.-")
