# SPDX-License-Identifier: Apache-2.0
"""Nodes run on the host with every buffer between unreadable pages, and off word boundaries.

One C program (guarded.c) runs any number of them: kernel calls go in as data, with the answers.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.calls import (
    Argument,
    Blank,
    Blob,
    Call,
    Field,
    Params,
    RingRows,
    RowOf,
)
from mcuforge.compiler.graph import Node
from mcuforge.compiler.schedule.memory import ALIGNMENT
from mcuforge.compiler.tensors import Array
from mcuforge.runtime_c.sources import headers_dir
from tests.golden.host import SANITIZERS, kernel_objects

HARNESS = Path(__file__).resolve().with_name("guarded.c")
PLACEMENTS = ("at the end of a page", "at the begin of a page", *(f"{i} off a word" for i in "123"))
POINTER = 8  # bytes, on the hosts that run tests
INPUT, OUTPUT, SCRATCH = range(3)


@dataclass(frozen=True, eq=False)
class Guarded:
    """A node with its inputs' values (constants included) and its expected answer."""

    name: str
    node: Node
    values: tuple[Array, ...]
    wanted: Array


@dataclass(frozen=True)
class Place:
    """A field of a C struct: its name, offset and size."""

    name: str
    at: int
    size: int


@dataclass
class Laid:
    """A parameter struct as the host lays it out; `pointers`: offsets, and the blobs there."""

    data: bytes = b""
    places: list[Place] = field(default_factory=list)
    pointers: list[tuple[int, Blob]] = field(default_factory=list)

    def align(self, to: int) -> None:
        """Skip to a multiple of `to`."""
        self.data += bytes(-len(self.data) % to)


def laid_out(params: Params) -> Laid:
    """The bytes of the struct, pointers left null; rings are whole tensors."""
    laid = Laid()
    widest = 4
    for name, value in params.fields:
        packed = field_bytes(value)
        if len(packed) == POINTER and (value is None or isinstance(value, Blob)):
            laid.align(POINTER)
            widest = POINTER
        if isinstance(value, Blob):
            laid.pointers.append((len(laid.data), value))
        laid.places.append(Place(name, len(laid.data), len(packed)))
        laid.data += packed
    laid.align(widest)
    return laid


def field_bytes(value: Field) -> bytes:
    if value is None or isinstance(value, Blob):
        return bytes(POINTER)
    if isinstance(value, RingRows):
        return struct.pack("<i", value.tensor.rows if value.rows is None else value.rows)
    if isinstance(value, tuple):
        return struct.pack(f"<{len(value)}i", *value)
    return struct.pack("<f" if isinstance(value, float) else "<i", value)


class _Case:
    """The buffers and the calls of one node."""

    def __init__(self, guarded: Guarded, calls: Sequence[Call]) -> None:
        self.buffers: list[bytes] = []
        self.indices: dict[int, int] = {}
        node = guarded.node
        for tensor, value in zip(node.inputs, guarded.values, strict=True):
            if not tensor.is_constant:
                self.buffer(id(tensor), INPUT, np.ascontiguousarray(value))
        self.buffer(id(node.output), OUTPUT, np.ascontiguousarray(guarded.wanted))
        scratch = max(call.scratch_bytes for call in calls)
        self.scratch = len(self.buffers)
        self.buffers.append(struct.pack("<3i", SCRATCH, scratch, ALIGNMENT))
        self.rows = node.output.rows
        self.calls = calls

    def buffer(self, key: int, role: int, data: Array) -> int:
        """Number a buffer when it is first met."""
        if key not in self.indices:
            self.indices[key] = len(self.buffers)
            size = struct.pack("<3i", role, data.nbytes, data.dtype.itemsize)
            self.buffers.append(size + data.tobytes())
        return self.indices[key]

    def blob(self, blob: Blob) -> int:
        return self.buffer(id(blob), INPUT, np.ascontiguousarray(blob.data))

    def argument(self, argument: Argument) -> int:
        assert not isinstance(argument, RowOf)
        if isinstance(argument, Blob):
            return self.blob(argument)
        if argument is Blank.PARAMS:
            return -1
        return self.scratch if argument is Blank.SCRATCH else self.indices[id(argument)]

    def encoded(self, kernels: Sequence[str]) -> bytes:
        """The case as guarded.c reads it."""
        calls = b""
        for call in self.calls:
            assert call.params is not None
            laid = laid_out(call.params)
            pointers = [n for at, blob in laid.pointers for n in (at, self.blob(blob))]
            args = [self.argument(a) for a in call.args if a not in ROWS]
            numbers = (
                kernels.index(call.kernel), len(laid.data), len(pointers) // 2, len(args), 0,
                self.rows,
            )  # fmt: skip
            calls += struct.pack("<6i", *numbers) + laid.data
            calls += struct.pack(f"<{len(pointers) + len(args)}i", *pointers, *args)
        counts = struct.pack("<2i", len(self.buffers), len(self.calls))
        return counts + b"".join(self.buffers) + calls


ROWS = (Blank.FIRST_ROW, Blank.END_ROW)


def kernel_table(examples: Iterable[Call]) -> str:
    """Write kernels.h: run_kernel() for the given kernels, and checks of the structs' layout."""
    includes, proofs, arms, count = "", "", "", 0
    for count, call in enumerate(examples, 1):
        assert call.params is not None
        laid = laid_out(call.params)
        of = f"struct mcuforge_{call.params.struct}"
        includes += f'#include "mcuforge/{call.kernel}.h"\n'
        proofs += f'_Static_assert(sizeof({of}) == {len(laid.data)}, "size of {of}");\n'
        for place in laid.places:
            member = f"(({of} *)0)->{place.name}"
            lies = f"offsetof({of}, {place.name}) == {place.at} && sizeof({member}) == {place.size}"
            proofs += f'_Static_assert({lies}, "{place.name} of {of}");\n'
        args = [f"p[{i}]" for i in range(sum(a not in ROWS for a in call.args))]
        args += ["call->first_row", "call->end_row"] * (Blank.FIRST_ROW in call.args)
        arms += f"    case {count - 1}: mcuforge_{call.kernel}({', '.join(args)}); break;\n"
    return (
        f"#include <stddef.h>\n{includes}\nenum {{ KERNELS = {count} }};\n\n{proofs}\n"
        "static void run_kernel(const struct call *call, void *const *p)\n{\n"
        f"    switch (call->kernel) {{\n{arms}    }}\n}}\n"
    )


def build(examples: Sequence[Call], isa: str, folder: Path) -> Path:
    """The program with the kernels of `isa` that the calls name."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    (folder / "kernels.h").write_text(kernel_table(examples))
    includes = ["-I", str(folder), "-I", str(headers_dir())]
    objects = kernel_objects((call.kernel for call in examples), isa)
    program = folder / "guarded"
    command = ["gcc", "-std=gnu11", *SANITIZERS, *includes, str(HARNESS), *objects]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


def run_guarded(nodes: Sequence[Guarded], isa: str, folder: Path) -> Iterator[str]:
    """Run every node in every placement and yield failures in words; out of bounds is a failure."""
    calls = [n.node.op.calls(n.node.inputs, n.node.output, isa) for n in nodes]
    by_kernel = {call.kernel: call for of_node in calls for call in of_node}
    kernels = sorted(by_kernel)
    program = build([by_kernel[k] for k in kernels], isa, folder)
    cases = (_Case(node, made) for node, made in zip(nodes, calls, strict=True))
    fed = b"".join(case.encoded(kernels) for case in cases)
    done = subprocess.run([str(program)], input=fed, capture_output=True, timeout=600, check=False)
    told = done.stderr.decode(errors="replace")
    _, stopped, where = told.partition("stopped in case ")
    if stopped:
        number, _, rest = where.partition(",")
        told = f"{isa}, {nodes[int(number)].name}{rest}\n{told[:4000]}"
    assert done.returncode == 0, told
    for line in done.stdout.decode().splitlines():
        number, placement, what = line.split(" ", 2)
        yield f"{isa}, {nodes[int(number)].name}, {PLACEMENTS[int(placement)]}: {what}"
