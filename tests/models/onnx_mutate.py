# SPDX-License-Identifier: Apache-2.0
"""Damages .onnx files: at random places, and at the fields that a reader looks at."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import onnx
from onnx import numpy_helper

from mcuforge.compiler.frontends.onnx.ops.table import ARMS
from tests.models import onnx_images, onnx_tokens
from tests.models.mutate import EXTREMES, REALS
from tests.models.qdq_builder import Qdq

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_vit.onnx"
INTEGERS = (-(2**63), -(2**31), -129, -2, -1, 0, 1, 2, 3, 4, 7, 64, 255, 1 << 16, 2**31, 2**62)
LEAST_BYTES = 4


def seed_models() -> tuple[bytes, ...]:
    """Return a small model for every arm, and a transformer that uses all of them."""
    cases = {**onnx_images.CASES, **onnx_tokens.CASES}
    small = []
    for place, (build, _) in enumerate(cases.values()):
        q = Qdq(dtype="uint8" if place % 5 == 0 else "int8")
        if q.dtype == "uint8":
            _unsigned(q)
        small.append(q.model(build(q)).SerializeToString())
    return (*small, DIGITS.read_bytes())


def _unsigned(q: Qdq) -> None:
    """Make `q` write the zero points of int8 as those of uint8."""
    signed = q.requantized
    q.requantized = lambda x, scale, zero: signed(x, scale, zero + 128)  # type: ignore[method-assign]


def mutate(seeds: tuple[bytes, ...], seed: int, index: int) -> bytes:
    """Make file `index` of the series `seed`: a seed damaged one to four times."""
    rng = Random(f"{seed}/{index}")
    data = rng.choice(seeds)
    if rng.random() < 0.6:
        model = onnx.ModelProto.FromString(data)
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
            with suppress(IndexError, ValueError, TypeError):  # nothing of that kind is left
                rng.choice(CHANGES)(model, rng)
        return bytes(model.SerializeToString())
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if len(damaged) > LEAST_BYTES:
            _damage(damaged, seeds, rng)
    return bytes(damaged)


def _damage(data: bytearray, seeds: tuple[bytes, ...], rng: Random) -> None:
    """Change bits, bytes, words or pieces, lengths of messages among them."""
    kind, at = rng.random(), rng.randrange(len(data))
    if kind < 0.4:
        data[at] = rng.choice((0, 1, 2, 8, 0x7F, 0x80, 0xFF, data[at] ^ 1 << rng.randrange(8)))
    elif kind < 0.6:
        for _ in range(rng.choice((2, 8, 32))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind < 0.7:
        data[at : at + 4] = (rng.choice(EXTREMES) % (1 << 32)).to_bytes(4, "little")
    elif kind < 0.8:
        data[at : at + 4] = struct.pack("<f", rng.choice(REALS))
    elif kind < 0.9:
        other = rng.choice(seeds)
        size = rng.choice((4, 8, 16, 64, 256))
        begin = rng.randrange(max(len(other) - size, 1))
        data[at : at + (size if rng.random() < 0.6 else 0)] = other[begin : begin + size]
    else:
        del data[at : at + rng.choice((1, 2, 8, len(data)))]


def _change_input_of_node(model: onnx.ModelProto, rng: Random) -> None:
    """Exchange an input, leave one out, add one or remove one."""
    node = rng.choice(model.graph.node)
    names = [n for other in model.graph.node for n in (*other.input, *other.output)]
    change = rng.randrange(4)
    if change == 0 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif change == 1 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(("", "nobody"))
    elif change == 2:
        node.input.append(rng.choice(names))
    elif node.input:
        node.input.pop()


def _change_kind(model: onnx.ModelProto, rng: Random) -> None:
    rng.choice(model.graph.node).op_type = rng.choice((*ARMS, "If", "Unheard", ""))


def _change_attribute(model: onnx.ModelProto, rng: Random) -> None:
    """Change an attribute's value or type, or add an attribute."""
    node = rng.choice(model.graph.node)
    names = ("axis", "axes", "perm", "kernel_shape", "strides", "pads", "group", "keepdims", "to")
    if not node.attribute or rng.random() < 0.2:
        value = rng.choice((1, -1, 2.5, "SAME_UPPER", [0, 1], [1, 1, 1, 1], [2**40]))
        node.attribute.append(onnx.helper.make_attribute(rng.choice(names), value))
        return
    attribute = rng.choice(node.attribute)
    change = rng.randrange(5)
    if change == 0:
        attribute.i = rng.choice(INTEGERS)
    elif change == 1:
        attribute.f = rng.choice(REALS)
    elif change == 2 and attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(INTEGERS)
    elif change == 3 and attribute.ints:
        del attribute.ints[rng.randrange(len(attribute.ints)) :]
    else:
        attribute.type = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8))


def _change_constant(model: onnx.ModelProto, rng: Random) -> None:
    """Change the values, shape, type, data or place of a constant."""
    tensor = rng.choice(model.graph.initializer)
    change = rng.randrange(7)
    if change == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(INTEGERS)
    elif change == 1:
        tensor.dims.append(rng.choice(INTEGERS))
    elif change == 2:
        tensor.data_type = rng.randrange(25)
    elif change == 3:
        del tensor.dims[:]
    elif change == 4:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    elif change == 5:
        tensor.data_location = 1
        entry = tensor.external_data.add()
        entry.key = "location"
        entry.value = rng.choice(("", "weights.bin", "../../etc/passwd", "/dev/zero", "\0"))
    else:
        tensor.name = rng.choice(("", "x", *(t.name for t in model.graph.initializer)))


def _change_values(model: onnx.ModelProto, rng: Random) -> None:
    """Set scales, zero points, shapes and weights to extreme values of their types."""
    stored = [t for t in model.graph.initializer if t.HasField("raw_data")]
    tensor = rng.choice([t for t in stored if t.data_location != 1])
    values = numpy_helper.to_array(tensor).copy().reshape(-1)
    for _ in range(rng.choice((1, 1, 3))):
        if values.size == 0:
            return
        at = rng.randrange(values.size)
        if values.dtype.kind == "f":
            values[at] = np.float64(rng.choice(REALS)).astype(values.dtype)
        elif values.dtype.kind in "iu":
            limits = np.iinfo(values.dtype)
            values[at] = np.clip(rng.choice(INTEGERS), limits.min, limits.max)
    tensor.raw_data = values.tobytes()


def _change_list(model: onnx.ModelProto, rng: Random) -> None:
    """Drop, double or exchange nodes, constants, inputs and outputs."""
    graph = model.graph
    listed = rng.choice((graph.node, graph.node, graph.initializer, graph.input, graph.output))
    if not listed:
        return
    at, change = rng.randrange(len(listed)), rng.randrange(3)
    if change == 0:
        del listed[at]
    elif change == 1:
        listed.add().CopyFrom(listed[at])
    else:
        other = rng.randrange(len(listed))
        kept = type(listed[at])()
        kept.CopyFrom(listed[at])
        listed[at].CopyFrom(listed[other])
        listed[other].CopyFrom(kept)


def _change_port(model: onnx.ModelProto, rng: Random) -> None:
    """Change the shape, type or name of an input or output."""
    port = rng.choice((*model.graph.input, *model.graph.output))
    change, dims = rng.randrange(4), port.type.tensor_type.shape.dim
    if change == 0 and dims:
        rng.choice(dims).dim_value = rng.choice(INTEGERS)
    elif change == 1 and dims:
        rng.choice(dims).dim_param = "n"
    elif change == 2:
        port.type.tensor_type.elem_type = rng.randrange(25)
    else:
        port.name = rng.choice(("", "x", "nobody", rng.choice(model.graph.node).output[0]))


def _change_opset(model: onnx.ModelProto, rng: Random) -> None:
    if rng.random() < 0.3:
        del model.opset_import[:]
    else:
        model.opset_import[0].version = rng.choice((0, 7, 12, 13, 18, 21, 22, 2**40))


Change = Callable[[onnx.ModelProto, Random], None]
CHANGES: tuple[Change, ...] = (
    *(_change_input_of_node, _change_attribute, _change_constant, _change_values) * 3,
    *(_change_kind, _change_list, _change_port) * 2,
    _change_opset,
)
