# SPDX-License-Identifier: Apache-2.0
"""The order in which the portable C kernels touch memory, byte by byte, in plain Python.

A walk follows the loops of C files over one memory in which inputs and output may share bytes.
Arithmetic is replaced by anything that depends on every value read: what is judged is which byte is
read when. Kernels whose parameters have the same fields have the same loops, so a new kernel needs
a walk only where its loops are new.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

from mcuforge.compiler.calls import Argument, Blob, Call, RowOf
from mcuforge.compiler.tensors import Tensor

Fields = Mapping[str, object]
Walk = Callable[[bytearray, tuple[int, ...], int, Fields], None]


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
    found = walk_of(call)
    assert found is not None, f"tests/unit/ops/walks.py does not know the loops of {call.kernel}"
    found(memory, tuple(inputs), out, fields(call))


def walk_of(call: Call) -> Walk | None:
    """The walk of kernels with these parameters; None where their loops are not known."""
    names = fields(call).keys()
    if names & {"count", "value"} == {"count"}:
        operands = [size for argument in call.args if (size := _itemsize(argument))]
        return _each(operands[0], operands[-1])
    return next((found for needed, found in WALKS if names >= needed), None)


def _itemsize(argument: Argument) -> int:
    """Bytes of an element; 0 of what is neither tensor nor constant."""
    source = argument.source if isinstance(argument, RowOf) else argument
    if isinstance(source, Blob):
        return source.data.itemsize
    return source.dtype.itemsize if isinstance(source, Tensor) else 0


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


def _each(size_in: int, size_out: int) -> Walk:
    """An input element read, an output element written, `count` times."""

    def walk_each(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
        start = inputs[0]
        for i in range(number(params, "count")):
            element = memory[start + i * size_in : start + (i + 1) * size_in]
            for byte in range(size_out):
                mixed = sum((7 + byte + place) * value for place, value in enumerate(element))
                memory[out + i * size_out + byte] = mixed & 0xFF

    return walk_each


def _vectors(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
    start, depth = inputs[0], number(params, "depth")
    for row in range(number(params, "rows")):
        at = row * depth
        seen = sum((i + 1) * v for i, v in enumerate(memory[start + at : start + at + depth]))
        for i in range(at, at + depth):
            memory[out + i] = (seen + memory[start + i]) & 0xFF


def _matrices(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
    """Each element from a row of a, all of it where that is transposed, and a matrix of b."""
    rows, depth, columns = (number(params, name) for name in ("rows", "depth", "columns"))
    steps = [vector(params, name) for name in ("a_batch", "b_batch")]
    for index in itertools.product(*(range(n) for n in vector(params, "batch"))):
        a, b = (
            at + sum(i * s for i, s in zip(index, step, strict=True))
            for at, step in zip(inputs, steps, strict=True)
        )
        for row in range(rows):
            of_a = (a, rows * depth) if number(params, "a_step") > 1 else (a + row * depth, depth)
            for column in range(columns):
                seen = column
                for start, count in (of_a, (b, depth * columns)):
                    seen += sum((i + 1) * v for i, v in enumerate(memory[start : start + count]))
                memory[out] = seen & 0xFF
                out += 1


def _along_axis(memory: bytearray, inputs: tuple[int, ...], out: int, params: Fields) -> None:
    """An int32 from the elements along an axis, all of them read before it is written."""
    (start,) = inputs
    outer, along, inner = (number(params, name) for name in ("outer", "along", "inner"))
    for o, i in itertools.product(range(outer), range(inner)):
        at = start + o * along * inner + i
        seen = sum((n + 1) * memory[at + n * inner] for n in range(along))
        memory[out : out + 4] = (seen + 1).to_bytes(4, "little")
        out += 4


WALKS: Sequence[tuple[set[str], Walk]] = (  # the fields that tell the loops
    ({"count", "value"}, _fill),
    ({"before", "extent", "after"}, _pad),
    ({"dims", "in_stride", "out_stride"}, _strided_copy),
    ({"dims", "stride_a", "stride_b"}, _two_inputs),
    ({"batch", "a_batch", "b_batch"}, _matrices),
    ({"rows", "depth"}, _vectors),
    ({"outer", "along", "inner"}, _along_axis),
)


def is_exact(call: Call) -> bool:
    """True where `reads` of the operator are exact to the byte: what a kernel writes at once."""
    return walk_of(call) not in (None, _matrices)
