# SPDX-License-Identifier: Apache-2.0
"""Reads Resize: nearest and linear, in every mode of coordinates that stays inside the image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.common import contradiction, resolve_axes
from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.moving import moved_run_time
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.window import as_image, from_image
from mcuforge.compiler.frontends.onnx.values import Value
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.ops.resize_bilinear import MOST_BITS, ResizeBilinear, Taps
from mcuforge.compiler.ops.resize_nearest import MAX_SIZE, PickPixels, ResizeNearest
from mcuforge.errors import Refusal

Places = NDArray[np.float32]
ONE, HALF = np.float32(1), np.float32(0.5)
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class Scaled:
    """One dimension: its size, the output's, and the factor between them, a float32."""

    size: int
    count: int
    scale: np.float32


def resize(operator: Operator) -> Value:
    """Read inputs x, roi, scales, sizes; height and width of an image are scaled."""
    operator.arity(2, 4)
    x = operator.value(0)
    mode = operator.text_of("mode", "nearest")
    if mode not in ("nearest", "linear"):
        raise Refusal(
            f"the mode is '{mode[:20]}', supported: nearest and linear", "scale with mode='linear'"
        )
    if len(x.shape) not in (3, 4) or x.shape[0] != 1:
        raise Refusal(
            f"it scales {list(x.shape)}, supported: one image (1, c, h, w) or sequence (1, c, w)",
            "scale with batch 1, and volumes slice by slice",
        )
    dims = _scaled(operator, x.shape)
    sizes = tuple(d.count for d in dims)
    want_size(sizes)
    if sizes == x.shape:
        return x  # as onnxruntime: a factor that changes no size moves no pixel
    if sizes[:2] != x.shape[:2]:
        raise Refusal(
            f"it scales {list(x.shape)} to {list(sizes)}, supported: height and width",
            "scale the other dimensions with Expand or Concat",
        )
    if max(*x.shape[2:], *sizes[2:]) > MAX_SIZE:
        raise Refusal(
            f"it scales {list(x.shape)} to {list(sizes)}, expected at most {MAX_SIZE} per side",
            "scale to a smaller image",
        )
    if operator.flag_of("antialias") and any(d.count < d.size for d in dims):
        raise Refusal(
            "it shrinks with antialias, supported: without", "shrink with AveragePool instead"
        )
    height, width = (Scaled(1, 1, ONE), *dims[2:])[-2:]
    places = _places(operator, height), _places(operator, width)
    op = _linear(places, height, width) if mode == "linear" else _nearest(operator, places, dims)

    def on_view(work: GraphBuilder, view: View) -> View:
        shape = (1, height.count, width.count, sizes[1])
        output = work.emit_moved(op, (as_image(work, view),), shape)
        return from_image(work, output, sizes)

    return moved_run_time(operator, x, on_view, sizes)


def _scaled(operator: Operator, shape: Shape) -> tuple[Scaled, ...]:
    """Return how each dimension is scaled, from scales or sizes of all, or of `axes`."""
    rank = len(shape)
    listed = operator.ints_of("axes", tuple(range(rank)))
    axes = resolve_axes(listed, rank)
    if operator.text_of("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Refusal(
            "it keeps the aspect ratio, supported: sizes as they are",
            "write the size that results, without keep_aspect_ratio_policy",
        )
    dims = {axis: Scaled(n, n, ONE) for axis, n in enumerate(shape)}
    by_size = operator.has(3) and operator.constant(3).data.size > 0
    if by_size:
        sizes: tuple[int, ...] = operator.integers(3)
    else:
        scales = operator.constant(1 if operator.opset < 11 else 2).real.reshape(-1)
        if scales.size != len(axes) or not np.all((scales > 0) & (scales < 1e6)):
            raise contradiction(
                f"it has {scales.size} scales for {len(axes)} dimensions, "
                "expected one above 0 and below 1e6 per dimension"
            )
    if by_size and len(sizes) != len(axes):
        raise contradiction(
            f"it has {len(sizes)} sizes for {len(axes)} dimensions, expected one each"
        )
    for place, axis in enumerate(axes):
        n = shape[axis]
        if by_size:
            dims[axis] = Scaled(n, sizes[place], np.float32(sizes[place]) / np.float32(n))
        else:
            scale = np.float32(scales[place])
            dims[axis] = Scaled(n, int(np.floor(np.float32(n) * scale)), scale)
    return tuple(dims[axis] for axis in range(rank))


def _places(operator: Operator, dim: Scaled) -> Places:
    """Compute where each output row lies among the rows of the input: float32 (count,).

    In float32 and in onnxruntime's order: a place just below a whole number picks another pixel.
    """
    mode = operator.text_of(
        "coordinate_transformation_mode", "asymmetric" if operator.opset < 11 else "half_pixel"
    )
    out = np.arange(dim.count, dtype=np.float32)
    if dim.scale == ONE and dim.count == dim.size:
        return out
    half = (out + HALF) / dim.scale - HALF
    if mode == "asymmetric":
        return out / dim.scale
    if mode == "align_corners":
        return out * np.float32(dim.size - 1) / np.float32(max(dim.count - 1, 1))
    if mode == "half_pixel":
        return half
    if mode == "pytorch_half_pixel":
        return half if dim.count > 1 else out
    if mode == "half_pixel_symmetric":
        adjust = np.float32(dim.count) / (dim.scale * np.float32(dim.size))
        offset = np.float32(dim.size) / np.float32(2) * (ONE - adjust)
        return offset + (out + HALF) / dim.scale - HALF
    raise Refusal(
        f"its coordinates are '{mode[:30]}', supported: half_pixel, asymmetric, align_corners, "
        "pytorch_half_pixel and half_pixel_symmetric",
        "scale with coordinate_transformation_mode='half_pixel', and cut with Slice before",
    )


def _nearest(
    operator: Operator, places: tuple[Places, Places], dims: tuple[Scaled, ...]
) -> ResizeNearest | PickPixels:
    """Pick pixels by the rounding that it asks for; TFLite's operator where it does the same."""
    rounding = operator.text_of("nearest_mode", "round_prefer_floor")
    if rounding not in ROUNDINGS:
        raise contradiction(
            f"nearest_mode is '{rounding[:30]}', expected one of {', '.join(ROUNDINGS)}"
        )

    def rounding_of(dim: Scaled) -> str:
        """Before opset 11 nothing says how to round: onnxruntime rounds up where it shrinks."""
        if operator.opset >= 11:
            return rounding
        return "ceil" if dim.scale < ONE else "floor"

    height, width = (Scaled(1, 1, ONE), *dims[2:])[-2:]
    rows, columns = (
        tuple(int(i) for i in np.clip(_rounded(p, rounding_of(d)), 0, d.size - 1))
        for p, d in zip(places, (height, width), strict=True)
    )
    for corners, half in ((False, False), (False, True), (True, False)):
        op = ResizeNearest(corners, half)
        same_rows = tuple(op.sources(height.size, height.count)) == rows
        if same_rows and tuple(op.sources(width.size, width.count)) == columns:
            return op
    return PickPixels(rows, columns)


def _rounded(places: Places, rounding: str) -> NDArray[np.float64]:
    """Round as `rounding` says: float64 of places' shape, exactly."""
    halves = {"round_prefer_floor": -0.5, "round_prefer_ceil": 0.5}.get(rounding, 0.0)
    up = rounding in ("ceil", "round_prefer_floor")
    moved = places.astype(np.float64) + halves
    result: NDArray[np.float64] = np.ceil(moved) if up else np.floor(moved)
    return result


def _linear(places: tuple[Places, Places], height: Scaled, width: Scaled) -> ResizeBilinear:
    """Interpolate; beyond the image its edge goes on."""
    rows, columns = (_taps(p, d.size) for p, d in zip(places, (height, width), strict=True))
    return ResizeBilinear(rows, columns, MOST_BITS)


def _taps(places: Places, size: int) -> Taps:
    """Round the weights of neighbours to MOST_BITS fraction bits."""
    inside = np.clip(places.astype(np.float64), 0, size - 1)
    low = np.floor(inside).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    weight = np.rint((inside - low) * 2.0**MOST_BITS).astype(np.int64)
    weight = np.where(low == high, 0, weight)
    high = np.where(weight == 0, low, high)
    return Taps(*(tuple(int(v) for v in part) for part in (low, high, weight)))
