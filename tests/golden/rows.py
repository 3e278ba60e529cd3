# SPDX-License-Identifier: Apache-2.0
"""Row forms of single nodes as one C program: each run through rings of its own, on the host.

Every run loads no more than the rows an operator says a call reads, everything else in the ring is
poisoned, and finds nothing written beside the rows the call was asked for.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.calls import Argument, Blank, Blob, Call, Reads, RingRows, RowOf
from mcuforge.compiler.codegen.constants import ConstantPool, literal
from mcuforge.compiler.graph import Node
from mcuforge.compiler.tensors import Array
from mcuforge.runtime_c.sources import headers_dir
from tests.golden.host import SANITIZERS, WARNINGS, kernel_objects


@dataclass(frozen=True, eq=False)
class RowRun:
    """One node, `step` rows per call, from a ring of `input_ring` rows into one of `output_ring`.

    `summed`: the rows are those of the input, added up; else they are the output's.
    """

    name: str
    node: Node
    calls: tuple[Call, ...]
    summed: bool
    step: int
    input_rows: int
    input_ring: int
    output_ring: int
    first: tuple[int, ...]  # of each row walked: the input rows it needs
    end: tuple[int, ...]

    @property
    def scratch_bytes(self) -> int:
        """Scratch of the largest call."""
        return max(c.scratch_bytes for c in self.calls)


def row_runs(name: str, node: Node, isa: str) -> Iterator[RowRun]:
    """The node by rows in rings just large enough and larger; nothing if it has no row form."""
    reads = node.op.row_reads(node.inputs, node.output)
    if reads is None or reads[0] is None:
        return
    rows = node.output.rows
    calls = node.op.row_calls(node.inputs, node.output, isa)
    first, end = tuple(reads[0].first.tolist()), tuple(reads[0].end.tolist())
    for step, more_in, more_out in ((1, 0, 0), (1, 1, 2), (2, 0, 1), (3, 2, 0), (rows, 0, 0)):
        held = max(_span(reads[0], at, min(at + step, rows)) for at in range(0, rows, step))
        ring = max(held, 1) + more_in
        where = f"{name}, {step} rows per call, rings of {ring} and {step + more_out}"
        yield RowRun(
            where, node, calls, False, step, node.inputs[0].rows, ring, step + more_out, first, end
        )


def summed_runs(name: str, node: Node, rows: int, isa: str) -> Iterator[RowRun]:
    """Run the node on an input of `rows` rows that it adds up; empty if it cannot."""
    calls = node.op.accumulate(node.inputs, node.output, isa, rows)
    if calls is None:
        return
    first, end = tuple(range(rows)), tuple(range(1, rows + 1))
    for step, more in ((1, 0), (1, 3), (2, 1), (3, 0), (rows, 0)):
        held = min(step, rows) + more
        where = f"{name}, {step} of {rows} rows added per call, a ring of {held}"
        yield RowRun(where, node, calls, True, step, rows, held, 1, first, end)


def _span(reads: Reads, begin: int, end: int) -> int:
    return int(reads.end[end - 1] - reads.first[begin])


MAIN = """
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
%(includes)s

struct run {
    void (*call)(int8_t *x, int8_t *y, int8_t *scratch, int32_t first_row, int32_t end_row);
    int32_t rows, step, summed;
    int32_t in_rows, in_row, in_ring;  /* bytes of a row */
    int32_t out_rows, out_row, out_ring;
    int32_t scratch;
    const int32_t *first, *end;
};

%(constants)s
%(runs)s
static const struct run runs[] = {
%(table)s
};

static void load(const struct run *r, const int8_t *x, int8_t *ring, int32_t first, int32_t end)
{
    const size_t row = (size_t)r->in_row;
    ASAN_UNPOISON_MEMORY_REGION(ring, (size_t)r->in_ring * row);
    memset(ring, 0x5A, (size_t)r->in_ring * row);
    ASAN_POISON_MEMORY_REGION(ring, (size_t)r->in_ring * row);
    for (int32_t y = first; y < end; y++) {
        int8_t *to = ring + (size_t)(y %% r->in_ring) * row;
        ASAN_UNPOISON_MEMORY_REGION(to, row);
        memcpy(to, x + (size_t)y * row, row);
    }
}

static void take(const struct run *r, const int8_t *ring, int8_t *y, int32_t first, int32_t end)
{
    const size_t row = (size_t)r->out_row;
    for (int32_t place = 0; place < r->out_ring; place++) {
        int32_t owner = -1;
        for (int32_t i = first; i < end; i++)
            if (i %% r->out_ring == place) owner = i;
        for (size_t i = 0; owner < 0 && i < row; i++)
            if (ring[(size_t)place * row + i] != 0x33) exit(6);
        if (owner >= 0) memcpy(y + (size_t)owner * row, ring + (size_t)place * row, row);
    }
}

static void run(const struct run *r, const int8_t *x, int8_t *y)
{
    int8_t *in = malloc((size_t)(r->in_ring * r->in_row));
    int8_t *out = malloc((size_t)(r->out_ring * r->out_row));
    int8_t *scratch = malloc((size_t)r->scratch);
    memset(scratch, 0x77, (size_t)r->scratch);
    for (int32_t begin = 0; begin < r->rows; begin += r->step) {
        const int32_t end = begin + r->step < r->rows ? begin + r->step : r->rows;
        load(r, x, in, r->first[begin], r->end[end - 1]);
        memset(out, 0x33, (size_t)(r->out_ring * r->out_row));
        r->call(in, out, scratch, begin, end);
        if (!r->summed) take(r, out, y, begin, end);
        else take(r, out, y, 0, end == r->rows ? 1 : 0);
    }
    free(in);
    free(out);
    free(scratch);
}

int main(void)
{
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        const struct run *r = &runs[i];
        const size_t in = (size_t)(r->in_rows * r->in_row);
        const size_t out = (size_t)(r->out_rows * r->out_row);
        int8_t *x = malloc(in), *y = malloc(out);
        for (int32_t feed = 0; feed < %(feeds)d; feed++) {
            if (fread(x, 1, in, stdin) != in) return 3;
            run(r, x, y);
            fwrite(y, 1, out, stdout);
        }
        free(x);
        free(y);
    }
    return 0;
}
"""


class _Printer:
    """The C of runs: parameter structs, one function each, constants met."""

    def __init__(self) -> None:
        self.pool = ConstantPool("rows")

    def run(self, number: int, run: RowRun) -> str:
        text, body = "", ""
        for i, call in enumerate(run.calls):
            assert call.rows is None
            params = f"p{number}_{i}"
            assert call.params is not None
            text += f"static const struct mcuforge_{call.params.struct} {params} = {{\n"
            for field, value in call.params.fields:
                if isinstance(value, Blob):
                    shown = self.pool.name(value, "run")
                elif isinstance(value, RingRows):
                    is_output = value.tensor is run.node.output
                    shown = str(run.output_ring if is_output else run.input_ring)
                elif isinstance(value, tuple):
                    shown = "{" + ", ".join(literal(v) for v in value) + "}"
                else:
                    shown = "0" if value is None else literal(value)
                text += f"    .{field} = {shown},\n"
            text += "};\n"
            arguments = ", ".join(self.argument(a, run, params) for a in call.args)
            one_row = any(isinstance(a, RowOf) for a in call.args)
            each = "for (int32_t row = first_row; row < end_row; row++) " if one_row else ""
            body += f"    {each}mcuforge_{call.kernel}({arguments});\n"
        unused = "".join(f"    (void){x};\n" for x in ("scratch", "first_row", "end_row"))
        text += f"static void call{number}(int8_t *x, int8_t *y, int8_t *scratch, "
        text += "int32_t first_row, int32_t end_row)\n{\n" + unused + body + "}\n"
        for end, rows in (("first", run.first), ("end", run.end)):
            numbers = ", ".join(map(str, rows))
            text += f"static const int32_t {end}{number}[] = {{{numbers}}};\n"
        return text

    def argument(self, argument: Argument, run: RowRun, params: str) -> str:
        if isinstance(argument, Blob):
            return self.pool.name(argument, "run")
        if isinstance(argument, RowOf):
            assert not isinstance(argument.source, Blob)
            is_output = argument.source is run.node.output
            base, ring = ("y", run.output_ring) if is_output else ("x", run.input_ring)
            row = f"(row * {argument.step} + {argument.first}) % {ring}"
            return f"{base} + {row} * {argument.source.row_bytes}"
        if isinstance(argument, Blank):
            return {
                Blank.PARAMS: f"&{params}",
                Blank.SCRATCH: "scratch",
                Blank.FIRST_ROW: "first_row",
                Blank.END_ROW: "end_row",
            }[argument]
        return "y" if argument is run.node.output else "x"

    def row(self, number: int, run: RowRun) -> str:
        x, y = run.node.inputs[0], run.node.output
        numbers = (
            len(run.first), run.step, int(run.summed), run.input_rows, x.bytes // run.input_rows,
            run.input_ring, y.rows, y.row_bytes, run.output_ring, max(run.scratch_bytes, 1),
        )  # fmt: skip
        return (
            f"    {{call{number}, {', '.join(map(str, numbers))}, first{number}, end{number}}},\n"
        )

    def constants(self) -> str:
        return "".join(
            f"static const {a.c_type} {a.name}[{a.elements}] = {{\n"
            + "".join(f"    {line}\n" for line in a.lines)
            + "};\n"
            for a in self.pool.arrays()
        )


def run_rows(
    runs: Sequence[RowRun], feeds: Sequence[Sequence[Array]], isa: str, folder: Path
) -> list[list[Array]]:
    """Each run's answers to its feeds, flat; a finding of a sanitizer or canary fails the test.

    feeds: for each run as many inputs, the same number for all.
    """
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    printer = _Printer()
    kernels = sorted({call.kernel for run in runs for call in run.calls})
    text = "".join(printer.run(i, run) for i, run in enumerate(runs))
    main = folder / "main.c"
    main.write_text(
        MAIN
        % {
            "includes": "\n".join(f'#include "mcuforge/{k}.h"' for k in kernels),
            "runs": text,
            "table": "".join(printer.row(i, run) for i, run in enumerate(runs)),
            "constants": printer.constants(),
            "feeds": len(feeds[0]),
        }
    )
    linked = kernel_objects(kernels, isa)
    command = ["gcc", *WARNINGS, *SANITIZERS, "-I", str(headers_dir()), str(main), *linked]
    subprocess.run([*command, "-o", str(folder / "program")], check=True)
    fed = b"".join(np.ascontiguousarray(x).tobytes() for of_run in feeds for x in of_run)
    done = subprocess.run(
        [str(folder / "program")], input=fed, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{done.returncode}: " + done.stderr.decode()[-4000:]
    answers: list[list[Array]] = []
    at = 0
    for run in runs:
        size = run.node.output.bytes
        dtype = run.node.output.dtype.numpy
        answers.append([])
        for _ in feeds[0]:
            answers[-1].append(np.frombuffer(done.stdout[at : at + size], dtype))
            at += size
    assert at == len(done.stdout)
    return answers
