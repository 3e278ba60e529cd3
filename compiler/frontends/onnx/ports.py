# SPDX-License-Identifier: Apache-2.0
"""Reads a model's inputs and outputs: their shapes, how the graph stores them, their names."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod

from mcuforge.compiler.frontends.common import MOST_DIMENSIONS, contradiction, want_elements
from mcuforge.compiler.frontends.onnx.file import OnnxFile, OnnxNode, OnnxPort
from mcuforge.compiler.frontends.onnx.layout import Shape, channels_last, inverse
from mcuforge.compiler.frontends.onnx.ops.functions import UNARY
from mcuforge.compiler.frontends.onnx.ops.instead import IDS
from mcuforge.compiler.frontends.onnx.values import OFFSET, Stored
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.graph import Node, Port, Step
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Advice, Phase, Refusal

FIX_SHAPE = Advice(
    "export with fixed shapes and batch 1 (torch.onnx.export without dynamic axes), "
    "or onnxruntime.tools.make_dynamic_shape_fixed",
    Phase.EXPORT,
)
INPUT_HINTS = {
    **dict.fromkeys(("int64", "int32"), IDS),  # numbers of tokens
    **dict.fromkeys(
        ("float16", "float64", "bfloat16"),
        Advice("export the model in float32, and quantize that", Phase.EXPORT),
    ),
    "bool": "multiply by an input of float32 that holds 0 and 1 in its place",
}
OTHER_INPUT = "feed the model numbers of one of these types"
BATCH_ONE = Advice("export with a batch of 1, and quantize that model", Phase.EXPORT)
# Operators with channels at axis 1, and operators in front of them that keep the axes' order.
ON_IMAGES = frozenset(
    {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "Resize"}
    | {"GlobalMaxPool", "DepthToSpace", "SpaceToDepth"}
    | {"BatchNormalization"}
)
PATCH_DIMENSIONS = 6
KEEPS_AXES = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "Identity", "Cast", "Dropout", "Pad", "Concat"}
    | {"Add", "Sub", "Mul", "Div"}
    | set(UNARY)
)


def port_shape(port: OnnxPort) -> Shape:
    """Return an input's shape; an open batch becomes 1. Raises Refusal for other open ones."""
    if port.type_name not in ("float32", *OFFSET):
        raise Refusal(
            f"it is {port.type_name}, supported: float32, int8 and uint8",
            INPUT_HINTS.get(port.type_name, OTHER_INPUT),
        )
    if port.shape is None:
        raise Refusal("its shape is missing, expected a fixed one", FIX_SHAPE)
    if len(port.shape) > MOST_DIMENSIONS:
        raise contradiction(
            f"it has {len(port.shape)} dimensions, expected at most {MOST_DIMENSIONS}"
        )
    shape = tuple(
        1 if place == 0 and (n is None or n <= 0) else n for place, n in enumerate(port.shape)
    )
    fixed = tuple(n for n in shape if n is not None and n > 0)
    if len(fixed) != len(shape):
        open_dims = [place for place, n in enumerate(shape) if n is None or n <= 0]
        raise Refusal(
            f"it leaves dimension {open_dims[0]} open, supported: fixed shapes", FIX_SHAPE
        )
    if len(fixed) > 1 and fixed[0] != 1:
        raise Refusal(f"it has batch {fixed[0]}, supported: 1", BATCH_ONE)
    want_elements("it", prod(fixed), "use a smaller input resolution")
    return fixed


def layouts(model: OnnxFile) -> dict[str, Shape]:
    """Return the stored places of the axes of inputs that image operators read: channels last."""
    readers: dict[str, list[int]] = {}
    for place, node in enumerate(model.nodes):
        for name in node.inputs:
            readers.setdefault(name, []).append(place)
    found: dict[str, Shape] = {}
    for port in model.inputs:
        rank = 0 if port.shape is None else len(port.shape)
        if rank in (3, 4) and _reaches_image_operator(model, readers, port.name):
            found[port.name] = channels_last(rank)
    return found


def _reaches_image_operator(model: OnnxFile, readers: dict[str, list[int]], name: str) -> bool:
    seen: set[int] = set()
    pending = [name]
    while pending:
        current = pending.pop()
        for place in readers.get(current, ()):
            node = model.nodes[place]
            if node.op in ON_IMAGES and node.inputs[0] == current:
                return True
            if node.op == "Reshape" and _cuts_patches(model, node):
                return True
            if node.op in KEEPS_AXES and place not in seen:
                seen.add(place)
                pending.extend(node.outputs)
    return False


def _cuts_patches(model: OnnxFile, node: OnnxNode) -> bool:
    """True for a Reshape of an image to (batch, channels, rows, in one, columns, in one)."""
    shape = model.initializers.get(node.inputs[1]) if len(node.inputs) > 1 else None
    return shape is not None and list(shape.dims) == [PATCH_DIMENSIONS]


def ported_input(port: OnnxPort, shape: Shape, stored: Stored, steps: tuple[Step, ...]) -> Port:
    """Return the form in which the user feeds an input."""
    shift = OFFSET.get(port.type_name, 0)
    return Port(port.type_name, shape, inverse(stored.view.perm), shift, steps)


def ported_output(work: GraphBuilder, port: OnnxPort, value: Stored) -> tuple[Tensor, Port]:
    """Return the tensor of an output, and the form in which the user reads it."""
    view = value.view
    if not view.aligned and not view.in_order:
        view = work.ordered(view)
    perm = inverse(view.perm) if view.aligned else tuple(range(len(view.shape)))
    dtype = "float32" if value.real else value.scheme.dtype
    return view.tensor, Port(dtype, view.shape, perm, OFFSET.get(dtype, 0))


def with_output_names(
    nodes: Iterable[Node], outputs: Sequence[Tensor], names: Sequence[str]
) -> tuple[tuple[Node, ...], tuple[Tensor, ...]]:
    """Give the outputs their names of the file; returns the nodes and outputs."""
    named = {
        id(tensor): replace(tensor, name=name) for tensor, name in zip(outputs, names, strict=True)
    }
    changed = tuple(node.rewired(named) for node in nodes)
    return changed, tuple(named[id(t)] for t in outputs)
