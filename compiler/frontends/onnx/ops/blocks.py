# SPDX-License-Identifier: Apache-2.0
"""Reads DepthToSpace and SpaceToDepth: squares of pixels and channels change places."""

from mcuforge.compiler.frontends import picking
from mcuforge.compiler.frontends.common import LARGEST_STEP, contradiction
from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.moving import moved_run_time
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.window import as_image, from_image
from mcuforge.compiler.frontends.onnx.values import Constant, Value
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.tensors import Tensor


def depth_to_space(operator: Operator) -> Value:
    """Spread channels over squares of pixels; in mode CRD those of a square lie together."""
    x, block = _blocked(operator)
    mode = operator.text_of("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise contradiction(f"its mode is '{mode[:20]}', expected DCR or CRD")
    channels, height, width = x.shape[1:]
    if channels % block**2:
        raise contradiction(
            f"it spreads {channels} channels over {block}x{block} pixels, expected a multiple"
        )
    shape = (1, channels // block**2, height * block, width * block)

    def on_view(work: GraphBuilder, view: View) -> View:
        image = as_image(work, view)
        sizes = image.shape
        if mode == "CRD" and shape[1] > 1:  # bring the channels of a pixel together
            split = work.reshaped(image, (height, width, shape[1], block**2))
            swapped = (height, width, block**2, shape[1])
            image = work.emit_moved(Transpose((0, 1, 3, 2)), (split,), swapped)
        return _step(work, image, picking.depth_to_space(sizes, block), shape)

    want_size(shape)
    return moved_run_time(operator, x, on_view, shape)


def space_to_depth(operator: Operator) -> Value:
    """Gather squares of pixels into channels."""
    x, block = _blocked(operator)
    channels, height, width = x.shape[1:]
    if height % block or width % block:
        raise contradiction(
            f"it cuts {height}x{width} pixels into squares of {block}, expected a multiple"
        )
    shape = (1, channels * block**2, height // block, width // block)

    def on_view(work: GraphBuilder, view: View) -> View:
        image = as_image(work, view)
        return _step(work, image, picking.space_to_depth(image.shape, block), shape)

    want_size(shape)
    return moved_run_time(operator, x, on_view, shape)


def _step(work: GraphBuilder, image: Tensor, step: picking.Step, shape: Shape) -> View:
    seen = work.reshaped(image, step.before)
    output = work.emit_moved(step.op, (seen,), step.after)
    return from_image(work, work.reshaped(output, step.shape), shape)


def _blocked(operator: Operator) -> tuple[Value, int]:
    """Return the image and the side of its squares."""
    operator.arity(1)
    x, block = operator.value(0), operator.int_of("blocksize", 0)
    if len(x.shape) != 4 or x.shape[0] != 1 or isinstance(x, Constant):
        raise contradiction(f"the input has shape {list(x.shape)}, expected one computed image")
    if not 1 <= block <= LARGEST_STEP:
        raise contradiction(f"blocksize is {block}, expected 1 to {LARGEST_STEP}")
    return x, block
