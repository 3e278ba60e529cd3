# SPDX-License-Identifier: Apache-2.0
"""Reads a convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND as a dilated convolution.

Converters write it so where the batch is open. The first operator puts every n-th pixel into an
image of its own, the convolution runs on each, the last one puts the pixels back. A convolution
with dilation n computes the same sums in the same order of channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from mcuforge.compiler.frontends.common import LARGEST_STEP, SupportedOperator, contradiction
from mcuforge.compiler.frontends.tflite.ops.instead import FIXED_DILATION
from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator
from mcuforge.compiler.frontends.tflite.tensors import Values
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.checks import want_rank, want_same_quant, want_shape
from mcuforge.compiler.ops.common.window import Pair, Window
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Refusal

AROUND = "around one convolution: its dilation"
SUPPORTED: Mapping[str, SupportedOperator] = MappingProxyType(
    {
        name: SupportedOperator(("Conv2D", "DepthwiseConv2D"), ("int8",), AROUND)
        for name in ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND")
    }
)
VIEWS = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")
CONVOLUTIONS: Mapping[str, tuple[type[Conv2D | DepthwiseConv2D], str, int]] = MappingProxyType(
    {  # its class, its options, the slot of its activation
        "CONV_2D": (Conv2D, "Conv2DOptions", 3),
        "DEPTHWISE_CONV_2D": (DepthwiseConv2D, "DepthwiseConv2DOptions", 4),
    }
)
VALID = 1


@dataclass(frozen=True, eq=False)
class Blocked:
    """An image or sequence `x` that is cut into a batch, and what has been computed of it."""

    x: Tensor
    block: tuple[int, ...]  # per dimension behind the batch
    before: tuple[int, ...]  # padding in front of each
    after: tuple[int, ...]
    axis: int = 1  # where a sequence (1, t, c) gets the missing dimension of an image
    kind: type[Conv2D | DepthwiseConv2D] | None = None
    act: Activation = "none"
    weights: tuple[Tensor, ...] = ()  # and the bias


@dataclass(frozen=True, eq=False)
class Dilations:
    """The tensors of one file that lie between the two operators."""

    values: Values
    _known: dict[int, Blocked] = field(default_factory=dict)

    def new_nodes(self, operator: Operator) -> NewNodes | None:
        """Read an operator between the two; None for any other.

        Raises Refusal for an operator other than a convolution that reads what was cut.
        """
        raw = operator.raw
        if raw.name == "SPACE_TO_BATCH_ND":
            operator.arity(3)
            self._known[raw.outputs[0]] = _cut(operator)
            return ()
        known = next((self._known[i] for i in raw.inputs if i in self._known), None)
        if raw.name == "BATCH_TO_SPACE_ND":
            operator.arity(3)
            if known is None or known.kind is None:
                raise Refusal("no convolution is in front of it", FIXED_DILATION)
            return _joined(operator, known)
        if known is None:
            return None
        if raw.name in CONVOLUTIONS and known.kind is None and raw.inputs[0] in self._known:
            self._known[raw.outputs[0]] = _convolved(operator, known)
            return ()
        if raw.name in VIEWS and raw.inputs[0] in self._known:
            self._known[raw.outputs[0]] = _viewed(operator, known)
            return ()
        raise Refusal(
            f"{raw.name} reads what SPACE_TO_BATCH_ND has cut, supported: one convolution",
            FIXED_DILATION,
        )


def _cut(operator: Operator) -> Blocked:
    """Read inputs x, constant block and constant paddings (dimensions, 2)."""
    operator.options("SpaceToBatchNDOptions")
    x, block, widths = operator.input(0), operator.integers(1), operator.array(2)
    want_rank(x, 3, 4)
    if x.shape[0] != 1:
        raise Refusal(f"'{x.name}' has batch {x.shape[0]}, supported: 1", FIXED_DILATION)
    count = len(block)
    spatial = len(x.shape) - 2
    fit = 1 <= count <= spatial and widths.shape == (count, 2)
    if not fit or min(block) < 1 or max(block) > LARGEST_STEP or widths.min(initial=0) < 0:
        raise contradiction(
            f"it cuts {list(x.shape)} into blocks of {list(block[:4])} with paddings of shape "
            f"{list(widths.shape)}, expected one block and two paddings for each dimension"
        )
    rest = spatial - count
    before, after = (tuple(int(n) for n in widths[:, side]) + (0,) * rest for side in (0, 1))
    return Blocked(x, block + (1,) * rest, before, after)


def _viewed(operator: Operator, known: Blocked) -> Blocked:
    """Note where a view in front of the convolution makes an image of a sequence."""
    if known.kind is not None or len(known.x.shape) == 4:
        return known
    if operator.raw.name == "EXPAND_DIMS":
        axis = operator.integer(1) % 4
    else:
        shape = operator.integers(1) if operator.has(1) else ()
        axis = 1 if len(shape) == 4 and shape[1] == 1 else 2
    if axis not in (1, 2):
        raise Refusal(f"it adds dimension {axis} to what was cut, supported: 1, 2", FIXED_DILATION)
    return replace(known, axis=axis)


def _convolved(operator: Operator, known: Blocked) -> Blocked:
    """Read a convolution's options and constants."""
    operator.arity(2, 3)
    kind, table, slot = CONVOLUTIONS[operator.raw.name]
    options = operator.options(table, required=True)
    steps = (options.integer(1), options.integer(2))
    holes = (options.integer(slot + 1, 1), options.integer(slot + 2, 1))
    if steps != (1, 1) or holes != (1, 1) or options.code(0) != VALID:
        raise Refusal(
            f"it has strides {list(steps)}, dilations {list(holes)} and padding "
            f"{options.code(0)} between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, "
            "supported: 1, 1 and VALID",
            FIXED_DILATION,
        )
    places = (1, 2) if operator.has(2) else (1,)
    weights = tuple(operator.input(place) for place in places)
    want_rank(weights[0], 4)
    want_same_quant(operator.input(0), known.x)
    return replace(known, kind=kind, act=options.activation(slot), weights=weights)


def _joined(operator: Operator, known: Blocked) -> NewNodes:
    """Read constant block and crops (dimensions, 2), and make the dilated convolution."""
    operator.options("BatchToSpaceNDOptions")
    block, widths, output, x = operator.integers(1), operator.array(2), operator.output(), known.x
    count = len(block)
    spatial = len(x.shape) - 2
    if (
        count > spatial
        or widths.shape != (count, 2)
        or block + (1,) * (spatial - count) != known.block
    ):
        raise Refusal(
            f"it joins blocks of {list(block[:4])}, but {list(known.block)} were cut",
            FIXED_DILATION,
        )
    crops = [(int(b), int(a)) for b, a in widths] + [(0, 0)] * (spatial - count)
    before = [p - c for p, (c, _) in zip(known.before, crops, strict=True)]
    after = [p - c for p, (_, c) in zip(known.after, crops, strict=True)]
    if min(*before, *after) < 0:
        raise Refusal("it crops more than was padded, supported: at most that", FIXED_DILATION)
    place = known.axis - 1 if spatial == 1 else None  # of the dimension that a sequence lacks

    def pair(values: list[int] | tuple[int, ...], lacking: int) -> Pair:
        full = [*values] if place is None else [*values[:place], lacking, *values[place:]]
        return full[0], full[1]

    size, dilation = pair(x.shape[1:-1], 1), pair(known.block, 1)
    (top, left), (bottom, right) = pair(before, 0), pair(after, 0)
    weights = known.weights[0]
    kernel = (weights.shape[1], weights.shape[2])
    window = Window(kernel, (1, 1), (top, left, bottom, right), dilation)
    filters = weights.shape[0 if known.kind is Conv2D else 3]
    shape = (1, *window.output_size(size), filters)
    wanted = shape if place is None else tuple(n for i, n in enumerate(shape) if i != known.axis)
    want_shape(output, wanted)
    assert known.kind is not None
    op = known.kind((1, 1), window.pad, dilation, known.act)
    if place is None:
        return (NewNode(op, (x, *known.weights), output),)
    fresh = operator.values.fresh
    image = replace(x, name=fresh(f"{output.name}/image"), shape=(1, *size, x.shape[2]), data=None)
    made = replace(output, name=fresh(f"{output.name}/dilated"), shape=shape)
    return (
        NewNode(Reshape(), (x,), image),
        NewNode(op, (image, *known.weights), made),
        NewNode(Reshape(), (made,), output),
    )
