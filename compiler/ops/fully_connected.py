# SPDX-License-Identifier: Apache-2.0
"""A linear layer on the last axis, int8, per-tensor or per-channel weights."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import (
    Argument,
    Blank,
    Blob,
    Call,
    Fields,
    Reads,
    RingRows,
    RowOf,
    kernel_call,
)
from mcuforge.compiler.graph import Activation, Op
from mcuforge.compiler.isa.packed import PackedLayer, packed_conv2d, packed_vector
from mcuforge.compiler.ops.common.by_row import each_row
from mcuforge.compiler.ops.common.checks import shape_refusal, want_int8, want_rank
from mcuforge.compiler.ops.common.fixed_point import Multiplier, output_multiplier
from mcuforge.compiler.ops.common.summing import summing
from mcuforge.compiler.ops.common.weighted import (
    UNROLLED,
    bias_values,
    check_bias,
    check_summed,
    check_weights,
    conv_multipliers,
    finish,
    weighted_fields,
)
from mcuforge.compiler.ops.common.window import Window
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import CALLED, Counts, Work


@dataclass(frozen=True)
class FullyConnected(Op):
    """Products of x, read as (rows, i), with weights (o, i), plus an optional int32 bias (o).

    TFLite 2.14's reference kernel leaves part of the output unwritten if weights are per channel
    and the output has more than two dimensions; here such rows give what they give in two.
    """

    act: Activation = "none"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x, weights = inputs[:2]
        want_int8(x, output)
        want_rank(weights, 2)
        check_weights(weights, axis=0)
        out_features, in_features = weights.shape
        check_bias(inputs, channels=out_features)
        check_summed(in_features)
        if in_features == 0 or x.elements % in_features != 0:
            raise shape_refusal(f"{x.elements} inputs do not divide into vectors of {in_features}")
        rows = x.elements // in_features
        if output.shape[-1:] != (out_features,) or output.elements != rows * out_features:
            raise shape_refusal(
                f"tensor '{output.name}' has shape {list(output.shape)}, "
                f"this operator gives {rows} vectors of {out_features}"
            )

    def multipliers(self, inputs: Tensors, output: Tensor) -> tuple[Multiplier, ...]:
        """Compute one multiplier per output feature, or one for all if the weights have one scale.

        TFLite multiplies the scales in float32 for a single multiplier, in doubles for several.
        """
        x, weights = inputs[:2]
        assert weights.quant is not None
        scales = weights.quant.scale
        if len(scales) == 1:
            product = float(np.float32(x.scale) * np.float32(scales[0]))
            return (output_multiplier(product / output.scale, output),)
        return conv_multipliers(inputs, output)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x, weights = inputs[:2]
        rows = values[0].astype(np.float64).reshape(-1, weights.shape[1]) - x.zero_point
        acc = (rows @ values[1].astype(np.float64).T).astype(np.int64)  # below 2**53: exact
        acc += bias_values(inputs, weights.shape[0])
        return finish(acc, self.multipliers(inputs, output), self.act, output)

    def macs(self, inputs: Tensors, output: Tensor) -> int:
        return output.elements * inputs[1].shape[1]

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        x, weights = inputs[:2]
        vectors = x.elements // weights.shape[1]
        packed = self._packed(inputs, output, isa)
        return (packed or self._unpacked(inputs, output, x, output, vectors),)

    def _packed(self, inputs: Tensors, output: Tensor, isa: str) -> Call | None:
        """Call a kernel with packed weights, for whole tensors and for rows."""
        x, weights = inputs[:2]
        out_features, in_features = weights.shape
        layer = PackedLayer(inputs, output, isa, self.multipliers(inputs, output), self.act)
        if x.elements == in_features:
            return packed_vector(layer)
        if self.row_reads(inputs, output) is None:
            return None
        vectors = (x.rows, x.row_bytes // in_features)
        shapes = ((*vectors, in_features), (*vectors, out_features))
        return packed_conv2d(layer, Window((1, 1)), shapes)  # vectors of a row count as pixels

    def _unpacked(
        self, inputs: Tensors, output: Tensor, source: Argument, target: Argument, vectors: int
    ) -> Call:
        """Call the kernel for `vectors` vectors that begin at `source` and go to `target`."""
        out_features, in_features = inputs[1].shape
        weights = Blob("weights", inputs[1].values())
        return kernel_call(
            self.kernel_name,
            *(source, weights, target, Blank.PARAMS),
            rows=vectors,
            in_features=in_features,
            out_features=out_features,
            **self._fields(inputs, output),
        )

    def _fields(self, inputs: Tensors, output: Tensor) -> Fields:
        """Return the fields that both forms of the kernel have after their sizes."""
        factors = self.multipliers(inputs, output)
        finishing = weighted_fields(inputs, output, inputs[1].values(), factors, self.act)
        return {"multiplier_step": int(len(factors) > 1), **finishing}

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        out_features, in_features = inputs[1].shape
        vectors = np.arange(inputs[0].elements // in_features, dtype=np.int64)
        per_vector = Reads(in_features, out_features, vectors, vectors + 1)
        return (per_vector, *(None for _ in inputs[1:]))

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        x, weights = inputs[:2]
        if x.rows != output.rows or x.row_bytes % weights.shape[1] != 0:
            return None
        return (each_row(x, output), *(None for _ in inputs[1:]))

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        x, weights = inputs[:2]
        vectors = x.row_bytes // weights.shape[1]
        packed = self._packed(inputs, output, isa)
        return (packed or self._unpacked(inputs, output, RowOf(x), RowOf(output), vectors),)

    def accumulate(
        self, inputs: Tensors, output: Tensor, isa: str, rows: int
    ) -> tuple[Call, ...] | None:
        x, weights = inputs[:2]
        out_features, in_features = weights.shape
        if x.elements != in_features or in_features % rows != 0:
            return None
        call = kernel_call(
            "fully_connected_rows_s8",
            *(x, Blob("weights", weights.values()), output, Blank.PARAMS),
            rows=rows,
            row_features=in_features // rows,
            input_ring=RingRows(x, rows),
            out_features=out_features,
            **self._fields(inputs, output),
        )
        return (summing(call, call.kernel, out_features),)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        counts = self._counts(inputs, output, output.elements)
        return Work(self.kernel_name, counts._replace(call=1))

    def accumulate_work(self, inputs: Tensors, output: Tensor, rows: int) -> Work:
        counts = self._counts(inputs, output, output.elements * rows)
        return Work("fully_connected_rows_s8", counts, CALLED)

    def _counts(self, inputs: Tensors, output: Tensor, dots: int) -> Counts:
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
