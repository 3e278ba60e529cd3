# SPDX-License-Identifier: Apache-2.0
"""Reads TILE, MIRROR_PAD, DEPTH_TO_SPACE, ...: elements repeated or taken in another order."""

from dataclasses import replace

from mcuforge.compiler.frontends import picking
from mcuforge.compiler.frontends.common import (
    LARGEST_INTEGER_LIST,
    LARGEST_STEP,
    contradiction,
    resolve_axes,
)
from mcuforge.compiler.frontends.picking import Picks
from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator
from mcuforge.compiler.frontends.tflite.tensors import FIX_SHAPE
from mcuforge.compiler.ops.common.checks import want_one_image, want_same_quant, want_shape
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Refusal


def tile(operator: Operator) -> NewNodes:
    """Read inputs x and constant repetitions, one per dimension."""
    operator.arity(2)
    operator.options("TileOptions")
    x, output = operator.input(0), operator.output()
    times = operator.integers(1)
    if len(times) != len(x.shape) or not all(1 <= n <= LARGEST_STEP for n in times):
        raise contradiction(
            f"it repeats {list(x.shape)} by {list(times[:8])}, "
            f"expected 1 to {LARGEST_STEP} for each dimension"
        )
    if operator.values.batch > 1 and times[0] != 1:
        raise Refusal(
            f"it repeats a batch {times[0]} times, supported: samples apart from each other",
            FIX_SHAPE,
        )
    want_shape(output, tuple(n * t for n, t in zip(x.shape, times, strict=True)))
    pairs = enumerate(zip(x.shape, times, strict=True))
    return _picked(operator, x, {a: picking.repeated(n, t) for a, (n, t) in pairs}, output)


def mirror_pad(operator: Operator) -> NewNodes:
    """Read inputs x and constant paddings (rank, 2); MirrorPadOptions: mode 0."""
    operator.arity(2)
    mode = operator.options("MirrorPadOptions").code(0)
    if mode not in (0, 1):
        raise contradiction(f"its mode is {mode}, expected 0 (REFLECT) or 1 (SYMMETRIC)")
    x, output, widths = operator.input(0), operator.output(), operator.array(1)
    if widths.shape != (len(x.shape), 2):
        raise contradiction(
            f"the paddings have shape {list(widths.shape)}, expected {[len(x.shape), 2]}"
        )
    picks = {}
    for axis, (size, (before, after)) in enumerate(zip(x.shape, widths.tolist(), strict=True)):
        if min(before, after) < 0 or max(before, after) > size - (mode == 0):
            raise contradiction(
                f"it mirrors {before} and {after} elements at the ends of {size}, "
                f"expected 0 to {size - (mode == 0)}"
            )
        picks[axis] = picking.mirrored(size, before, after, edge_twice=mode == 1)
    want_shape(output, tuple(len(p) for p in picks.values()))
    return _picked(operator, x, picks, output)


def reverse(operator: Operator) -> NewNodes:
    """Read inputs x and constant axes: a slice with steps of -1."""
    operator.arity(2)
    operator.options("ReverseV2Options")
    x, output = operator.input(0), operator.output()
    axes = resolve_axes(operator.integers(1), len(x.shape))
    want_shape(output, x.shape)
    begin = tuple(n - 1 if i in axes else 0 for i, n in enumerate(x.shape))
    stride = tuple(-1 if i in axes else 1 for i in range(len(x.shape)))
    return (NewNode(Slice(begin, stride), (x,), output),)


def depth_to_space(operator: Operator) -> NewNodes:
    """Read DepthToSpaceOptions: block_size 0."""
    x, block = _blocked(operator, "DepthToSpaceOptions")
    if x.shape[3] % block**2:
        raise contradiction(
            f"it spreads {x.shape[3]} channels over {block}x{block} pixels, expected a multiple"
        )
    return _stepped(operator, x, (picking.depth_to_space(x.shape, block),), operator.output())


def space_to_depth(operator: Operator) -> NewNodes:
    """Read SpaceToDepthOptions: block_size 0."""
    x, block = _blocked(operator, "SpaceToDepthOptions")
    if x.shape[1] % block or x.shape[2] % block:
        raise contradiction(
            f"it cuts {x.shape[1]}x{x.shape[2]} pixels into squares of {block}, expected a multiple"
        )
    return _stepped(operator, x, (picking.space_to_depth(x.shape, block),), operator.output())


def _blocked(operator: Operator, table: str) -> tuple[Tensor, int]:
    """Return the image and the side of its squares."""
    operator.arity(1)
    x, block = operator.input(0), operator.options(table, required=True).integer(0)
    want_one_image(x)
    if not 1 <= block <= LARGEST_STEP:
        raise contradiction(f"block_size is {block}, expected 1 to {LARGEST_STEP}")
    return x, block


def _picked(operator: Operator, x: Tensor, picks: Picks, output: Tensor) -> NewNodes:
    """Make the nodes that pick along axes, with views between them."""
    want_same_quant(x, output)
    if sum(map(len, picks.values())) > 8 * LARGEST_INTEGER_LIST:
        raise Refusal(
            f"its output has shape {list(output.shape)}, "
            f"expected at most {8 * LARGEST_INTEGER_LIST} places to copy from",
            "use a smaller tensor",
        )
    return _stepped(operator, x, tuple(picking.steps(x.shape, picks)), output)


def _stepped(
    operator: Operator, x: Tensor, every: tuple[picking.Step, ...], output: Tensor
) -> NewNodes:
    """Make the nodes of `every` step, with views between them."""
    want_same_quant(x, output)
    if every:
        want_shape(output, every[-1].shape)
    nodes: list[NewNode] = []

    def seen_as(tensor: Tensor, shape: tuple[int, ...], target: Tensor | None = None) -> Tensor:
        if tensor.shape == shape and target is None:
            return tensor
        name = operator.values.fresh(f"{output.name}/view")
        made = target or replace(tensor, name=name, shape=shape, data=None)
        nodes.append(NewNode(Reshape(), (tensor,), made))
        return made

    for place, step in enumerate(every):
        image = seen_as(x, step.before)
        last = place == len(every) - 1
        if last and step.after == output.shape:
            nodes.append(NewNode(step.op, (image,), output))
            return tuple(nodes)
        name = operator.values.fresh(f"{output.name}/{step.op.kind}")
        x = replace(output, name=name, shape=step.after)
        nodes.append(NewNode(step.op, (image,), x))
    seen_as(x, output.shape, output)
    return tuple(nodes)
