# SPDX-License-Identifier: Apache-2.0
"""Checks that operators share; each raises Refusal with the value found and the value expected."""

from mcuforge.compiler.tensors import DType, Tensor
from mcuforge.errors import Advice, Phase, Refusal

SUPPORTED_INT8 = Advice(
    "convert with full-integer quantization (int8, representative dataset)", Phase.QUANTIZE
)
ONE_BATCH = Advice("export the model with batch size 1", Phase.EXPORT)
CONTRADICTING_SHAPES = Advice(
    "export the model again: its shapes contradict each other", Phase.EXPORT
)


class WrongShape(Refusal):
    """A tensor has another shape than the operator gives it; a front end may correct it."""

    def __init__(self, tensor: Tensor, shape: tuple[int, ...]) -> None:
        self.tensor = tensor
        self.shape = shape
        what = (
            f"tensor '{tensor.name}' has shape {list(tensor.shape)}, "
            f"this operator gives {list(shape)}"
        )
        super().__init__(what, CONTRADICTING_SHAPES)


def shape_refusal(what: str) -> Refusal:
    """Make the refusal of shapes that no correct file can have together."""
    return Refusal(what, CONTRADICTING_SHAPES)


def scale_refusal(what: str) -> Refusal:
    """Make the refusal of a scale that does not suit the values of its tensor."""
    hint = "quantize again with a representative dataset that exercises this tensor"
    return Refusal(what, hint)


def want_dtype(tensor: Tensor, *allowed: DType) -> None:
    """Refuse any element type not in `allowed`."""
    if tensor.dtype not in allowed:
        names = " or ".join(d.value for d in allowed)
        raise Refusal(
            f"tensor '{tensor.name}' is {tensor.dtype.value}, supported here: {names}",
            SUPPORTED_INT8,
        )


def want_rank(tensor: Tensor, *allowed: int) -> None:
    """Refuse any number of dimensions not in `allowed`."""
    if len(tensor.shape) not in allowed:
        names = " or ".join(str(r) for r in allowed)
        raise Refusal(
            f"tensor '{tensor.name}' has shape {list(tensor.shape)}, supported rank: {names}",
            "reshape it in the model before this operator",
        )


def want_one_image(tensor: Tensor) -> None:
    """Refuse anything except one image (1, height, width, channels)."""
    want_rank(tensor, 4)
    if tensor.shape[0] != 1:
        raise Refusal(
            f"tensor '{tensor.name}' holds a batch of {tensor.shape[0]}, supported: 1",
            ONE_BATCH,
        )


def want_shape(tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse a tensor whose shape differs from the one the operator computes."""
    if tensor.shape != shape:
        raise WrongShape(tensor, shape)


def want_quant(tensor: Tensor, axis: int | None = None) -> None:
    """Refuse missing, non-finite or non-positive scales, zero points out of range, wrong axis.

    With `axis`, one scale per slice of that axis is accepted too.
    """
    quant = tensor.quant
    if quant is None or not quant.scale:
        raise Refusal(f"tensor '{tensor.name}' has no scale", SUPPORTED_INT8)
    if quant.bad_scale is not None:
        raise scale_refusal(
            f"tensor '{tensor.name}' has scale {quant.bad_scale}, expected a finite number above 0"
        )
    low, high = {DType.INT8: (-128, 127), DType.UINT8: (0, 255)}.get(tensor.dtype, (0, 0))
    if not low <= quant.zero_point <= high:
        raise Refusal(
            f"tensor '{tensor.name}' has zero point {quant.zero_point}, expected {low} to {high}",
            "quantize the model again: the file contradicts itself",
        )
    if len(quant.scale) > 1:
        if axis is None or quant.axis != axis:
            raise Refusal(
                f"tensor '{tensor.name}' has one scale per slice of axis {quant.axis}, "
                f"supported here: {'one scale' if axis is None else f'axis {axis}'}",
                "quantize this tensor with one scale",
            )
        if len(quant.scale) != tensor.shape[axis]:
            raise Refusal(
                f"tensor '{tensor.name}' has {len(quant.scale)} scales for "
                f"{tensor.shape[axis]} slices of axis {axis}",
                "quantize the model again: the file contradicts itself",
            )


def want_int8(*tensors: Tensor) -> None:
    """Refuse anything except int8 activations with one scale each."""
    for tensor in tensors:
        want_dtype(tensor, DType.INT8)
        want_quant(tensor)


def want_constant(tensor: Tensor) -> None:
    """Refuse a tensor that must be known at compile time but is computed at run time."""
    if not tensor.is_constant:
        raise Refusal(
            f"tensor '{tensor.name}' is computed at run time, expected a constant",
            "export the model with this value frozen",
        )


def want_same_quant(tensor: Tensor, other: Tensor) -> None:
    """Refuse different quantization of two tensors between which an operator only moves values."""
    if tensor.quant != other.quant:
        raise Refusal(
            f"tensors '{tensor.name}' and '{other.name}' differ in scale or zero point, "
            "expected the same: this operator only moves values",
            "convert again with a current TFLite converter, which keeps them equal",
        )
