# SPDX-License-Identifier: Apache-2.0
"""Makes names that a person recognizes: unique tensor names, and short layer names for nodes."""

import re

from mcuforge.compiler.frontends.common import LONGEST_LAYER_NAME, Unique, clean_name
from mcuforge.compiler.frontends.tflite.file import RawModel

# The parts that the converter adds around the layer's own name.
WRAPPERS = re.compile(
    r"^(StatefulPartitionedCall|PartitionedCall|serving_default_|Identity(_u?int8)?)[:_\d]*"
)
MODEL_PARTS = re.compile(r"^(model|functional|sequential)(_\d+)?$")
STEPS = re.compile(
    r"^(Relu6?|BiasAdd|Conv2D|depthwise\d*|MatMul|add|AddV2|mul|sub|Softmax|Sigmoid|Tanh|Reshape|"
    r"FusedBatchNormV\d|AvgPool|MaxPool|Mean|ReadVariableOp|resource\d*)$"
)
# The usual names of layers that become an operator.
HINTS = {
    "CONV_2D": re.compile(r"(?<!depthwise_)conv|pointwise", re.IGNORECASE),
    "DEPTHWISE_CONV_2D": re.compile(r"depthwise|dw", re.IGNORECASE),
    "FULLY_CONNECTED": re.compile(r"dense|matmul|linear|fc|logits", re.IGNORECASE),
}


def tensor_names(model: RawModel, unique: Unique) -> tuple[str, ...]:
    """Give each tensor a unique name: the signature's, else the file's, else "t<index>"."""
    asked = set(model.inputs + model.outputs)
    names = [
        (model.signature_names.get(i) if i in asked else None) or tensor.name or f"t{i}"
        for i, tensor in enumerate(model.tensors)
    ]
    return tuple(unique.take(name) for name in names)


def layer_name(operator: str, tensor: str) -> str:
    """Make a short name for the node that writes `tensor`, a name or the converter's chain.

    "model/conv2d/Relu;model/bn/FusedBatchNormV3;..." written by CONV_2D becomes "conv2d".
    """
    chains = [_parts(segment) for segment in tensor.split(";")]
    hint = HINTS.get(operator)
    hinted = [c for c in chains if hint is not None and any(hint.search(part) for part in c)]
    candidates = [c for c in hinted + chains if c]
    parts = [clean_name(part) for part in (candidates or [[]])[0][-2:]]
    joined = "/".join(part for part in parts if part)
    return joined[:LONGEST_LAYER_NAME] or clean_name(operator.lower())


def _parts(segment: str) -> list[str]:
    """Return the parts of a path, without the model's name and the layer's inner steps."""
    path = [part for part in WRAPPERS.sub("", segment.split(":")[0]).split("/") if part]
    while len(path) > 1 and MODEL_PARTS.match(path[0]):
        path = path[1:]
    while len(path) > 1 and STEPS.match(path[-1]):
        path = path[:-1]
    return path
