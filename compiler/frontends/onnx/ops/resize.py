# SPDX-License-Identifier: Apache-2.0
"""Reads Resize with nearest interpolation."""

import numpy as np

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.moving import moved_run_time
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.window import as_image, from_image
from mcuforge.compiler.frontends.onnx.values import Value
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.resize_nearest import ResizeNearest
from mcuforge.errors import Refusal


def resize(operator: Operator) -> Value:
    """Read inputs x, roi, scales, sizes."""
    operator.arity(2, 4)
    x = operator.value(0)
    mode = operator.text_of("mode", "nearest")
    if mode != "nearest":
        raise Refusal(f"the mode is '{mode[:20]}', supported: nearest", "scale with mode='nearest'")
    if len(x.shape) != 4 or x.shape[0] != 1 or operator.ints_of("axes"):
        raise contradiction(f"it scales {list(x.shape)}, supported: one image (1, c, h, w)")
    sizes = _sizes(operator, x.shape)
    want_size(sizes)
    if sizes[:2] != x.shape[:2]:
        raise contradiction(
            f"it scales {list(x.shape)} to {list(sizes)}, supported: height and width"
        )
    op = _nearest(operator, x.shape, sizes)

    def on_view(work: GraphBuilder, view: View) -> View:
        shape = (1, sizes[2], sizes[3], sizes[1])
        output = work.emit_moved(op, (as_image(work, view),), shape)
        return from_image(work, output, sizes)

    return moved_run_time(operator, x, on_view, sizes)


def _sizes(operator: Operator, shape: Shape) -> Shape:
    """Return the output's shape, from scales or sizes."""
    if operator.has(3):
        sizes = operator.integers(3)
    else:
        scales = operator.constant(1 if operator.opset < 11 else 2).real.reshape(-1)
        if scales.size != len(shape) or not np.all((scales > 0) & (scales < 1e6)):
            raise contradiction(
                f"it has {scales.size} scales for {len(shape)} dimensions, "
                "expected one above 0 and below 1e6 per dimension"
            )
        sizes = tuple(int(np.floor(n * s)) for n, s in zip(shape, scales, strict=True))
    if len(sizes) != len(shape):
        raise contradiction(
            f"it has {len(sizes)} sizes for {len(shape)} dimensions, expected one each"
        )
    return sizes


def _nearest(operator: Operator, before: Shape, after: Shape) -> ResizeNearest:
    """Find the TFLite operator that takes the same rows and columns. Raises Refusal."""
    old = operator.opset < 11  # without these attributes
    transform = operator.text_of(
        "coordinate_transformation_mode", "asymmetric" if old else "half_pixel"
    )
    rounding = operator.text_of("nearest_mode", "floor" if old else "round_prefer_floor")
    for corners, half in ((False, False), (False, True), (True, False)):
        op = ResizeNearest(corners, half)
        if all(
            np.array_equal(
                _sources(transform, rounding, before[a], after[a]), op.sources(before[a], after[a])
            )
            for a in (2, 3)
        ):
            return op
    raise Refusal(
        f"it picks pixels by {transform[:30]} and {rounding[:30]}, "
        "which no kernel can do at this size",
        "scale by a whole number, with coordinate_transformation_mode='asymmetric' and "
        "nearest_mode='floor'",
    )


def _sources(transform: str, rounding: str, size: int, count: int) -> Int64:
    """Compute, for each of `count` rows, the one of `size` rows that ONNX takes."""
    out = np.arange(min(count, 1 << 15), dtype=np.float64)
    scale = count / size
    if transform == "asymmetric":
        places = out / scale
    elif transform == "align_corners":
        places = out * (size - 1) / (count - 1) if count > 1 else out * 0
    elif transform == "half_pixel" or (transform == "pytorch_half_pixel" and count > 1):
        places = (out + 0.5) / scale - 0.5
    elif transform == "pytorch_half_pixel":
        places = out * 0
    else:
        return np.full(1, -1)
    rounded = {
        "floor": np.floor(places),
        "ceil": np.ceil(places),
        "round_prefer_floor": np.ceil(places - 0.5),
        "round_prefer_ceil": np.floor(places + 0.5),
    }.get(rounding)
    if rounded is None:
        return np.full(1, -1)
    result: Int64 = np.clip(rounded, 0, size - 1).astype(np.int64)
    return result
