# SPDX-License-Identifier: Apache-2.0
"""Measure the code that a model needs in flash, for estimates that build nothing.

    python -m scripts.measure_code [--networks 4 | --kernels] [--isa armv7em ...]

Builds check firmware for random networks (nas/sampling.py) on an emulated board of each CPU, and
writes compiler/isa/<isa>/code.toml from the linker's maps. A kernel takes the same bytes in every
image, so the file lists what each takes alone, compiled with the board's flags. What model.c takes
beside its parameters is fitted to calls and pipelines, and raised until no network measured needs
more. The last lines of a table say how far above the map they are. `--kernels` measures only what
each kernel takes, after one was added, and leaves the rest as it is.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from mcuforge.boards.build.build import build
from mcuforge.boards.build.project import write_project
from mcuforge.boards.catalog.board import Board, all_boards
from mcuforge.boards.image.footprint import model_parts
from mcuforge.compiler.codegen.stages import table_bytes
from mcuforge.compiler.estimate import counted_calls
from mcuforge.compiler.isa.code_size import code_file
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.flow.firmware import Built, build_check
from mcuforge.flow.session import Session, compile_session
from mcuforge.nas.sampling import FAMILIES
from mcuforge.runtime_c import sources
from scripts.least_squares import Vector, not_negative

SEED = 11
LOADED = (".text", ".rodata", ".data", ".srodata")
MOST_PARAMETERS = 400_000  # of a network: the smallest flash holds it


@dataclass(frozen=True)
class Sample:
    """One image: what a network has, and what it took."""

    whole: int  # calls of whole layers, calls of pipelines, and pipelines
    by_rows: int
    pipelines: int
    text: int  # of model.c
    libc: int  # and libgcc
    static: int
    stack: int
    firmware: int


def kernel_bytes(board: Board) -> dict[str, int]:
    """Build a project with every kernel for `board` and count the bytes that each takes."""
    kernels = sources.kernel_names(board.isa)
    tool = f"{board.toolchain.prefix}size"
    found = {}
    with TemporaryDirectory() as folder:
        main_c = {"main.c": "int main(void)\n{\n    return 0;\n}\n"}
        project = write_project(Path(folder) / "project", board, main_c, kernels, firmware=False)
        firmware = build(project)
        for kernel in kernels:
            source = sources.kernel_source(kernel, board.isa)
            made = firmware.build_dir / "src" / "kernels" / source.parent.name / f"{kernel}.o"
            size = subprocess.run([tool, "-A", made], check=True, capture_output=True, text=True)
            found[kernel] = sum(
                int(words[1])
                for words in map(str.split, size.stdout.splitlines())
                if words and words[0].startswith(LOADED)
            )
    return found


def measure(board: Board, networks: int) -> list[Sample]:
    """Build `networks` of each family for `board`."""
    random = Random(SEED)
    samples = []
    for family, sample in FAMILIES.items():
        left = networks
        while left:
            graph = sample(random).graph(SEED)
            if graph.parameters > MOST_PARAMETERS:
                continue
            left -= 1
            session = Session(Path(f"{family}.onnx"), b"", graph, board)
            compiled = compile_session(session)
            with TemporaryDirectory() as folder:
                built = build_check(session, compiled, Path(folder) / "project")
                samples.append(_sample(built, compiled.schedule))
            print(f"{board.id}: {family}, {samples[-1]}", flush=True)
    return samples


def _sample(built: Built, schedule: Schedule) -> Sample:
    parts = model_parts(built.firmware)
    footprint = built.footprint
    return Sample(
        *counted_calls(schedule),
        parts["model"] - table_bytes(schedule),
        parts["library"],
        footprint.ram.static,
        built.stack.bytes,
        footprint.flash.firmware,
    )


def fitted(samples: Sequence[Sample]) -> tuple[dict[str, float], Vector]:
    """Fit the bytes of model.c's code relatively, then raise all of it above every sample.

    Returns the fields of CodeSize, and what is above each sample, relatively.
    """
    counts = np.array(
        [[1, s.whole, s.whole**2, s.by_rows, s.pipelines] for s in samples], np.float64
    )
    text = np.array([s.text for s in samples], np.float64)
    found = not_negative(counts / text[:, None], np.ones(len(text)))
    found *= (text / (counts @ found)).max()
    names = ("base", "whole", "per_pair", "by_rows", "pipeline")
    return dict(zip(names, found.tolist(), strict=True)), counts @ found / text - 1


def table(board: Board, networks: int) -> str:
    """The table of one CPU, as TOML."""
    samples = measure(board, networks)
    found, over = fitted(samples)
    lines = [
        f"[{board.cpu}]  # {len(samples)} networks on {board.id}",
        *(f"{name} = {value:.2f}" for name, value in found.items()),
        f"libc = {max(s.libc for s in samples)}",
        f"static = {max(s.static for s in samples)}",
        f"stack = {max(s.stack for s in samples)}",
        f"firmware = {max(s.firmware for s in samples)}",
        f"# model.c's code: {np.median(over):.1%} above the map in the median, at most "
        f"{over.max():.1%}",
        f"[{board.cpu}.kernels]",
        *kernel_lines(board),
    ]
    return "\n".join(lines) + "\n"


def kernel_lines(board: Board) -> list[str]:
    """What each kernel takes on `board`, one line of TOML each."""
    return [f"{kernel} = {size}" for kernel, size in kernel_bytes(board).items()]


def with_kernels(text: str, board: Board) -> str:
    """The file `text` with the kernels of one CPU measured again."""
    title = f"[{board.cpu}.kernels]\n"
    before, _, after = text.partition(title)
    rest = after.partition("\n\n")[2]
    measured = "\n".join(kernel_lines(board)) + "\n"
    return before + title + measured + (f"\n{rest}" if rest else "")


HEADER = """\
# Bytes of flash and RAM that a model's code takes, by CPU: {compiler} at -O2.
# `python -m scripts.measure_code` measures them; its docstring says what they are.

"""


def main() -> None:
    """Measure the CPUs asked for, by default all that are emulated."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=4, help="of each family")
    parser.add_argument("--kernels", action="store_true", help="measure only kernels")
    parser.add_argument("--isa", nargs="*", help="instruction sets, by default all")
    options = parser.parse_args()
    boards: dict[str, dict[str, Board]] = {}
    for board in all_boards():
        if board.emulator is not None and board.id.startswith("qemu"):
            boards.setdefault(board.isa, {}).setdefault(board.cpu, board)
    for isa, of_cpu in boards.items():
        if options.isa and isa not in options.isa:
            continue
        if options.kernels:
            for board in of_cpu.values():
                text = code_file(isa).read_text(encoding="utf-8")
                code_file(isa).write_text(with_kernels(text, board), encoding="utf-8")
            continue
        tables = [table(board, options.networks) for board in of_cpu.values()]
        prefix = next(iter(of_cpu.values())).toolchain.prefix
        version = subprocess.run(
            [f"{prefix}gcc", "-dumpversion"], check=True, capture_output=True, text=True
        )
        header = HEADER.format(compiler=f"{prefix}gcc {version.stdout.strip()}")
        code_file(isa).write_text(header + "\n".join(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
