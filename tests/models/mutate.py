# SPDX-License-Identifier: Apache-2.0
"""Damages .tflite files: at random places, and at the fields that a reader looks at."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from mcuforge.compiler.builders.tflite_writer import (
    TYPES,
    Field,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.file import parse
from mcuforge.compiler.frontends.tflite.flatbuffer import SCALARS, FileBytes
from mcuforge.compiler.frontends.tflite.ops.table import ARMS
from tests.models.case_model import case_model, case_spec
from tests.models.elementwise_samples import JUDGED, UNJUDGED, float_island
from tests.models.gathering_samples import GATHERING
from tests.models.odd_writer import odd_tensor, write_external, write_odd
from tests.models.samples import SAMPLES, open_batch_flatten, two_in_two_out

INTEGERS = (0, 1, 2, 3, 4, 5, 8, 16, 127, 128, 255, 256, 32767, 65535, 65536, 1 << 20, 1 << 24)
EXTREMES = tuple(
    {
        value * sign + step
        for value in (*INTEGERS, 1 << 30, 1 << 31)
        for sign in (1, -1)
        for step in (-1, 0)
    }
)
REALS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-45,
    1e-38,
    1e-12,
    1e-6,
    1e6,
    1e12,
    3e38,
    float("inf"),
    float("nan"),
)


Places = tuple[tuple[str, int], ...]  # kind, offset in the file
LINKS = ("offset", "length", "vtable")


@dataclass(frozen=True)
class Seed:
    """A sound file, and the places of all that a reader reads of it."""

    data: bytes
    values: Places
    links: Places  # offsets and lengths


class Recorder(FileBytes):
    """Notes every scalar that is read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.fields: set[tuple[str, int]] = set()

    def read_many(self, kind: str, at: int, count: int) -> tuple[int | float, ...]:
        size = struct.calcsize(SCALARS[kind])
        self.fields.update((kind, at + i * size) for i in range(min(count, 64)))
        return super().read_many(kind, at, count)


def seed_models(shared: Path) -> tuple[Seed, ...]:
    """Return the samples, their constants inside or behind the file, and the third-party models."""
    samples = (*SAMPLES, *GATHERING, *JUDGED, *UNJUDGED)
    files = [case_model(sample.case) for sample in samples]
    specs = (open_batch_flatten(), two_in_two_out(), float_island())
    files += [write_model(spec) for spec in specs]
    files += [
        write_external(spec)
        for spec in (*specs, *(case_spec(sample.case) for sample in SAMPLES[:8]))
    ]
    files += [path.read_bytes() for path in sorted(shared.glob("models/mlperf_tiny/*.tflite"))]
    return tuple(seed_of(data) for data in files)


def mutate(seeds: tuple[Seed, ...], seed: int, index: int) -> bytes:
    """Make file `index` of the series `seed`.

    Three in four are seeds damaged one to four times; the others are sound flatbuffers whose parts
    contradict each other.
    """
    rng = Random(f"{seed}/{index}")
    if rng.random() < 0.25:
        return _contradict(rng)
    chosen = rng.choice(seeds)
    data = bytearray(chosen.data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        damage = rng.random()
        if damage < 0.55:
            _set_field(data, chosen.values, rng)
        elif damage < 0.70:
            _swap_fields(data, chosen.values, rng)
        elif damage < 0.77:
            _set_field(data, chosen.links, rng)
        elif damage < 0.81:
            _swap_fields(data, chosen.links, rng)
        elif damage < 0.85:
            _set_words(data, rng)
        elif damage < 0.93:
            _flip_bits(data, rng)
        elif damage < 0.97:
            _splice(data, rng.choice(seeds).data, rng)
        else:
            del data[rng.randrange(8, len(data) + 1) :]
        if len(data) < 9:
            break
    return bytes(data)


def seed_of(data: bytes) -> Seed:
    """Return a sound file with the places that a reader of it looks at."""
    recorder = Recorder(data)
    model = parse(recorder)
    for operator in model.operators:
        if operator.options is not None:
            for slot, offset in enumerate(operator.options.fields):
                if offset:
                    kind = "u8" if slot == 0 else "i32"
                    recorder.fields.add((kind, operator.options.at + offset))
    fields = sorted(recorder.fields)
    return Seed(
        data,
        tuple(f for f in fields if f[0] not in LINKS),
        tuple(f for f in fields if f[0] in LINKS),
    )


def _contradict(rng: Random) -> bytes:
    """Write a sound flatbuffer of a model whose parts may not fit together."""
    specs = [case_spec(sample.case) for sample in SAMPLES]
    spec = rng.choice((*specs, open_batch_flatten(), two_in_two_out()))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if rng.random() < 0.6:
            place = rng.randrange(len(spec.tensors))
            changed = _change_tensor(spec.tensors[place], rng)
            tensors = (*spec.tensors[:place], changed, *spec.tensors[place + 1 :])
            spec = replace(spec, tensors=tensors)
        else:
            place = rng.randrange(len(spec.operators))
            operator = _change_operator(spec.operators[place], rng)
            operators = (*spec.operators[:place], operator, *spec.operators[place + 1 :])
            spec = replace(spec, operators=operators)
    return write_odd(spec)


def _change_tensor(tensor: TensorSpec, rng: Random) -> TensorSpec:
    change = rng.randrange(6)
    if change == 0 and tensor.shape:
        shape = list(tensor.shape)
        shape[rng.randrange(len(shape))] = rng.choice((1, 1, 2, 3, 7, 64, 1000, 1 << 16, 0, -1))
        return replace(tensor, shape=tuple(shape))
    if change == 1:
        return replace(tensor, dtype=rng.choice(tuple(TYPES)))
    if change == 2:
        return replace(tensor, scale=rng.choice((None, (rng.choice(REALS),), (0.1,) * 3)))
    if change == 3:
        return replace(tensor, zero_point=(rng.choice((-129, -128, 0, 127, 128, 255)),))
    if isinstance(tensor.data, np.ndarray) and tensor.data.dtype.kind == "i":
        limits = np.iinfo(tensor.data.dtype.name)
        values = [
            rng.choice((-2, -1, 0, 1, 2, 3, limits.min, limits.max)) for _ in tensor.data.flat
        ]
        if change == 4:  # one value of a list
            kept = tensor.data.reshape(-1).tolist()
            kept[: len(values) // 2] = values[: len(values) // 2]
            values = kept
        return replace(tensor, data=np.array(values, tensor.data.dtype).reshape(tensor.data.shape))
    return odd_tensor(tensor, variable=rng.random() < 0.1, signature=tuple(tensor.shape))


def _change_operator(operator: OperatorSpec, rng: Random) -> OperatorSpec:
    change = rng.randrange(4)
    if change < 2 and operator.options is not None and operator.options[1]:
        table, fields = operator.options
        name = rng.choice(tuple(fields))
        value: Field = fields[name]
        if isinstance(value, tuple):
            value = tuple(rng.choice((-1, 0, 1, 2, 6, 2**31 - 1)) for _ in value)
        elif isinstance(value, bool):
            value = not value
        elif isinstance(value, float):
            value = rng.choice(REALS)
        else:
            value = rng.choice((0, 1, 2, 3, 4, 5, 7, 100, 127))
        return replace(operator, options=(table, {**fields, name: value}))
    if change == 2:
        return replace(operator, code=rng.choice(tuple(ARMS)))
    inputs = [rng.choice((i, i, -1, 0)) for i in operator.inputs]
    return replace(operator, inputs=tuple(inputs[: rng.randrange(len(inputs) + 2)]))


def _set_field(data: bytearray, fields: Places, rng: Random) -> None:
    """Set some fields to extreme values of their type, or to one more or less."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind, at = rng.choice(fields)
        layout = f"<{SCALARS[kind]}"
        size = struct.calcsize(layout)
        if at + size > len(data):
            continue
        if kind == "f32":
            struct.pack_into(layout, data, at, rng.choice(REALS))
            continue
        old = int.from_bytes(data[at : at + size], "little")
        new = rng.choice((old + 1, old - 1, old ^ 4, rng.choice(EXTREMES), rng.getrandbits(32)))
        data[at : at + size] = (new % (1 << 8 * size)).to_bytes(size, "little")


def _swap_fields(data: bytearray, fields: Places, rng: Random) -> None:
    """Exchange the values of two fields of one kind, so that tensors, shapes or offsets mix."""
    kind, first = rng.choice(fields)
    others = [at for k, at in fields if k == kind and abs(at - first) >= 8]
    size = struct.calcsize(SCALARS[kind])
    if others:
        second = rng.choice(others)
        if max(first, second) + size <= len(data):
            a, b = data[first : first + size], data[second : second + size]
            data[first : first + size], data[second : second + size] = b, a


def _set_words(data: bytearray, rng: Random) -> None:
    """Set a few aligned 32-bit words anywhere to extreme values."""
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(0, max(len(data) - 4, 1)) & ~3
        data[at : at + 4] = (rng.choice(EXTREMES) % (1 << 32)).to_bytes(4, "little")


def _flip_bits(data: bytearray, rng: Random) -> None:
    for _ in range(rng.choice((1, 2, 8, 32))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _splice(data: bytearray, other: bytes, rng: Random) -> None:
    """Write a piece of another file over this one, or insert it."""
    size = rng.choice((4, 8, 16, 64, 256))
    begin = rng.randrange(max(len(other) - size, 1)) & ~3
    at = rng.randrange(len(data)) & ~3
    data[at : at + (size if rng.random() < 0.8 else 0)] = other[begin : begin + size]
