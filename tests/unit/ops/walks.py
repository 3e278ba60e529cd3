# SPDX-License-Identifier: Apache-2.0
"""The order in which the portable C kernels touch memory, byte by byte, in plain Python.

Each walk follows its C file's loops over one memory in which inputs and output may share bytes.
Arithmetic is replaced by anything that depends on every value read: what is judged is which byte is
read when.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

from mcuforge.compiler.ops.base import Call

Fields = Mapping[str, object]


def fields(call: Call) -> Fields:
    """A call's parameters by name."""
    return dict(call.params.fields) if call.params is not None else {}


def vector(params: Fields, name: str) -> tuple[int, ...]:
    """A parameter that is an array."""
    value = params[name]
    assert isinstance(value, tuple)
    return tuple(int(v) for v in value)


def number(params: Fields, name: str) -> int:
    """A parameter that is an integer."""
    value = params[name]
    assert isinstance(value, int)
    return value


def walk(call: Call, memory: bytearray, inputs: Sequence[int], out: int) -> None:
    """Run `call` with its tensors, the constants among them too, at these addresses."""
    WALKS[call.kernel](memory, tuple(inputs), out, fields(call))


def _move(memory: bytearray, to: int, start: int, n: int) -> None:
    memory[to : to + n] = bytes(memory[start : start + n])  # move.h: all is read first


def _fill(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
    count = number(params, "count")
    memory[out : out + count] = bytes([number(params, "value") & 0xFF]) * count


def _pad(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
    (start,) = inputs
    before, extent, after = (vector(params, name) for name in ("before", "extent", "after"))
    value = bytes([number(params, "value") & 0xFF])
    width = before[4] + extent[4] + after[4]
    for index in itertools.product(
        *(range(b + n + a) for b, n, a in zip(before[:4], extent, after, strict=False))
    ):
        if all(b <= i < b + n for i, b, n in zip(index, before, extent, strict=False)):
            _move(memory, out + before[4], start, extent[4])
            memory[out : out + before[4]] = value * before[4]
            memory[out + before[4] + extent[4] : out + width] = value * after[4]
            start += extent[4]
        else:
            memory[out : out + width] = value * width
        out += width


def _strided_copy(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
    dims, steps_in, steps_out = (vector(params, n) for n in ("dims", "in_stride", "out_stride"))
    start, out = inputs[0] + number(params, "in_offset"), out + number(params, "out_offset")
    for index in itertools.product(*(range(n) for n in dims[:4])):
        at = start + sum(i * s for i, s in zip(index, steps_in, strict=False))
        to = out + sum(i * s for i, s in zip(index, steps_out, strict=False))
        if steps_in[4] == 1 and steps_out[4] == 1:
            _move(memory, to, at, dims[4])
        else:
            for i in range(dims[4]):
                memory[to + i * steps_out[4]] = memory[at + i * steps_in[4]]


def _two_inputs(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
    dims, steps_a, steps_b = (vector(params, n) for n in ("dims", "stride_a", "stride_b"))
    for index in itertools.product(*(range(n) for n in dims)):
        a, b = (
            memory[at + sum(i * s for i, s in zip(index, steps, strict=True))]
            for at, steps in zip(inputs, (steps_a, steps_b), strict=True)
        )
        memory[out] = (3 * a + 5 * b + 1) & 0xFF
        out += 1


def _each(size_in: int, size_out: int) -> Callable[..., None]:
    """An input element read, an output element written, `count` times."""

    def walk_each(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
        (start,) = inputs
        for i in range(number(params, "count")):
            element = memory[start + i * size_in : start + (i + 1) * size_in]
            for byte in range(size_out):
                mixed = sum((7 + byte + place) * value for place, value in enumerate(element))
                memory[out + i * size_out + byte] = mixed & 0xFF

    return walk_each


def _softmax(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
    (start,), depth = inputs, number(params, "depth")
    for row in range(number(params, "rows")):
        at = row * depth
        seen = sum((i + 1) * v for i, v in enumerate(memory[start + at : start + at + depth]))
        for i in range(at, at + depth):
            memory[out + i] = (seen + memory[start + i]) & 0xFF


WALKS: Mapping[str, Callable[[bytearray, tuple[int, ...], int, Fields], None]] = {
    "fill_s8": _fill,
    "pad_s8": _pad,
    "strided_copy_s8": _strided_copy,
    "add_s8": _two_inputs,
    "mul_s8": _two_inputs,
    "div_s8": _two_inputs,
    "squared_difference_s8": _two_inputs,
    "extremum_s8": _two_inputs,
    "table_s8": _each(1, 1),
    "quantize_f32": _each(4, 1),
    "dequantize_f32": _each(1, 4),
    "softmax_s8": _softmax,
    "softmax_qdq_s8": _softmax,
}
