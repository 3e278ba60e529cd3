# SPDX-License-Identifier: Apache-2.0
"""A linear layer on the last axis, int8, per-tensor or per-channel weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import (
    Argument,
    Blank,
    Blob,
    Call,
    Field,
    Params,
    Reads,
    RingRows,
    RowOf,
)
from mcuforge.compiler.graph import Activation, Op
from mcuforge.compiler.isa.packed import packed_conv2d, packed_vector
from mcuforge.compiler.ops.common.checks import want_int8, want_rank
from mcuforge.compiler.ops.common.fixed_point import Multiplier, activation_range, output_multiplier
from mcuforge.compiler.ops.common.summing import SUM_BYTES, SUMMING
from mcuforge.compiler.ops.common.weighted import (
    UNROLLED,
    bias_values,
    check_bias,
    check_summed,
    check_weights,
    finish,
    folded_bias,
    mantissas,
    shifts,
)
from mcuforge.compiler.ops.common.window import Window
from mcuforge.compiler.tensors import Array, Tensor
from mcuforge.compiler.work import CALLED, Counts, Work
from mcuforge.errors import Refusal

Fields = tuple[tuple[str, Field], ...]


@dataclass(frozen=True)
class FullyConnected(Op):
    """Products of x, read as (rows, i), with weights (o, i), plus an optional int32 bias (o).

    TFLite 2.14's reference kernel leaves part of the output unwritten if weights are per channel
    and the output has more than two dimensions; here such rows give what they give in two.
    """

    kind: ClassVar[str] = "fully_connected"
    act: Activation = "none"

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        x, weights = inputs[:2]
        want_int8(x)
        want_int8(output)
        want_rank(weights, 2)
        check_weights(weights, axis=0)
        out_features, in_features = weights.shape
        check_bias(inputs, channels=out_features)
        check_summed(in_features)
        if in_features == 0 or x.elements % in_features != 0:
            raise Refusal(
                f"{x.elements} inputs do not divide into vectors of {in_features}",
                "export the model again: its shapes contradict each other",
            )
        rows = x.elements // in_features
        if output.shape[-1:] != (out_features,) or output.elements != rows * out_features:
            raise Refusal(
                f"tensor '{output.name}' has shape {list(output.shape)}, "
                f"this operator gives {rows} vectors of {out_features}",
                "export the model again: its shapes contradict each other",
            )

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        x, weights = inputs[:2]
        rows = values[0].astype(np.float64).reshape(-1, weights.shape[1]) - x.zero_point
        acc = (rows @ values[1].astype(np.float64).T).astype(np.int64)  # below 2**53: exact
        acc += bias_values(inputs, weights.shape[0])
        return finish(acc, linear_multipliers(x, weights, output), self.act, output)

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        return output.elements * inputs[1].shape[1]

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        x, weights = inputs[:2]
        vectors = x.elements // weights.shape[1]
        packed = self._packed(inputs, output, isa)
        return (packed or self._call(inputs, output, vectors, x, output),)

    def _packed(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> Call | None:
        """Call a kernel with packed weights, for whole tensors and for rows."""
        x, weights = inputs[:2]
        out_features, in_features = weights.shape
        multipliers = linear_multipliers(x, weights, output)
        act_range = activation_range(self.act, output)
        if x.elements == in_features:
            return packed_vector(inputs, output, isa, multipliers, act_range)
        if self.row_reads(inputs, output) is None:
            return None
        vectors = (x.rows, x.row_bytes // in_features)
        shapes = ((*vectors, in_features), (*vectors, out_features))
        window = Window((1, 1))  # the vectors of a row count as pixels
        return packed_conv2d(inputs, output, isa, window, multipliers, act_range, shapes)

    def _call(
        self,
        inputs: tuple[Tensor, ...],
        output: Tensor,
        vectors: int,
        source: Argument,
        target: Argument,
    ) -> Call:
        """Call the kernel for `vectors` vectors that begin at `source` and go to `target`."""
        weights = inputs[1]
        sizes = (
            ("rows", vectors),
            ("in_features", weights.shape[1]),
            ("out_features", weights.shape[0]),
        )
        params = Params("fully_connected_params", sizes + self._fields(inputs, output))
        arguments = (source, Blob("weights", weights.values()), target, Blank.PARAMS)
        return Call("fully_connected_s8", arguments, params)

    def _fields(self, inputs: tuple[Tensor, ...], output: Tensor) -> Fields:
        """Return the fields that both forms of the kernel have after their sizes."""
        x, weights = inputs[:2]
        low, high = activation_range(self.act, output)
        multipliers = linear_multipliers(x, weights, output)
        return (
            ("multiplier_step", int(len(multipliers) > 1)),
            ("output_zero_point", output.zero_point),
            ("act_min", low),
            ("act_max", high),
            ("bias", folded_bias(inputs, weights.values())),
            ("multiplier", Blob("multiplier", mantissas(multipliers))),
            ("shift", Blob("shift", shifts(multipliers))),
        )

    def reads(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Reads | None, ...]:
        out_features, in_features = inputs[1].shape
        vectors = np.arange(inputs[0].elements // in_features, dtype=np.int64)
        per_vector = Reads(in_features, out_features, vectors, vectors + 1)
        return (per_vector, *(None for _ in inputs[1:]))

    def row_reads(
        self, inputs: tuple[Tensor, ...], output: Tensor
    ) -> tuple[Reads | None, ...] | None:
        x, weights = inputs[:2]
        if x.rows != output.rows or x.row_bytes % weights.shape[1] != 0:
            return None
        rows = np.arange(x.rows, dtype=np.int64)
        per_row = Reads(x.row_bytes, output.row_bytes, rows, rows + 1)
        return (per_row, *(None for _ in inputs[1:]))

    def row_calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        x, weights = inputs[:2]
        vectors = x.row_bytes // weights.shape[1]
        packed = self._packed(inputs, output, isa)
        return (packed or self._call(inputs, output, vectors, RowOf(x), RowOf(output)),)

    def accumulate(
        self, inputs: tuple[Tensor, ...], output: Tensor, isa: str, rows: int
    ) -> tuple[Call, ...] | None:
        x, weights = inputs[:2]
        out_features, in_features = weights.shape
        if x.elements != in_features or in_features % rows != 0:
            return None
        sizes = (
            ("rows", rows),
            ("row_features", in_features // rows),
            ("input_ring", RingRows(x, rows)),
            ("out_features", out_features),
        )
        params = Params("fully_connected_rows_params", sizes + self._fields(inputs, output))
        arguments = (x, Blob("weights", weights.values()), output, Blank.PARAMS, *SUMMING)
        return (Call("fully_connected_rows_s8", arguments, params, out_features * SUM_BYTES),)

    def work(self, inputs: tuple[Tensor, ...], output: Tensor) -> Work:
        counts = self._counts(inputs, output, output.elements)
        return Work("fully_connected_s8", counts._replace(call=1))

    def accumulate_work(self, inputs: tuple[Tensor, ...], output: Tensor, rows: int) -> Work:
        counts = self._counts(inputs, output, output.elements * rows)
        return Work("fully_connected_rows_s8", counts, CALLED)

    def _counts(self, inputs: tuple[Tensor, ...], output: Tensor, dots: int) -> Counts:
        """Count the products of the layer in `dots` parts of equal size."""
        size = self.macs(inputs, output) // max(dots, 1)
        rest = size % UNROLLED
        return Counts(
            position=output.elements // output.shape[-1],
            output=output.elements,
            run=dots,
            tap=dots * (size - rest),
            rest=dots * rest,
        )


def linear_multipliers(x: Tensor, weights: Tensor, output: Tensor) -> tuple[Multiplier, ...]:
    """Compute one multiplier per output feature, or one for all if the weights have one scale.

    TFLite multiplies the scales in float32 for a single multiplier, in doubles for several.
    """
    assert weights.quant is not None
    scales = weights.quant.scale
    if len(scales) == 1:
        product = float(np.float32(x.scale) * np.float32(scales[0]))
        return (output_multiplier(product / output.scale, output),)
    return tuple(output_multiplier(x.scale * s / output.scale, output) for s in scales)
