# SPDX-License-Identifier: Apache-2.0
"""Makes short layer names from the names that ONNX exporters write."""

from mcuforge.compiler.frontends.common import LONGEST_LAYER_NAME, clean_name
from mcuforge.compiler.frontends.onnx.file import OnnxNode

REDUNDANT = ("Conv", "Gemm", "LayerNormalization")  # dropped after the layer's own name


def layer_name(node: OnnxNode) -> str:
    """Shorten "/blocks.0/fc1/Gemm" to "blocks.0/fc1"; an unnamed node gets its output's name."""
    source = node.name or (node.outputs[0] if node.outputs else "") or node.op.lower()
    parts = [p for p in (clean_name(part) for part in source.split("/")) if p]
    if len(parts) > 1 and parts[-1] in REDUNDANT:
        parts = parts[:-1]
    return "/".join(parts[-3:])[:LONGEST_LAYER_NAME] or clean_name(node.op.lower()) or "node"
