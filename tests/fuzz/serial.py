# SPDX-License-Identifier: Apache-2.0
"""Feeds hostile serial input to the check firmware, under sanitizers.

    python -m tests.fuzz.serial [--seconds 300] [--corpus DIR] [MODEL.tflite]

The firmware is built five times for this machine with clang's libFuzzer, AddressSanitizer and
UndefinedBehaviorSanitizer: with the toy model of the tests, fed bytes, floats, rows and audio, and
with the generated C of MODEL (default: the demo's). They share the seconds. On a finding
it exits with 1 and leaves the input in out/fuzz.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mcuforge.compiler.codegen.check import check_model
from mcuforge.compiler.compile import compile_graph
from mcuforge.compiler.frontends import read_model
from mcuforge.runtime_c.sources import (
    firmware_dir,
    firmware_sources,
    headers_dir,
    kernel_source,
)

ROOT = Path(__file__).resolve().parents[2]
HARNESS = ROOT / "tests" / "fuzz" / "fuzz_serial.c"
DICTIONARY = ROOT / "tests" / "fuzz" / "serial.dict"
TOY = ROOT / "tests" / "firmware" / "toy" / "check_model.c"
DEMO = ROOT / "examples" / "digits" / "digits_cnn.tflite"
FINDINGS = ROOT / "out" / "fuzz"

FLAGS = ("-std=c99", "-g", "-O1", "-fsanitize=fuzzer,address,undefined")
HARD = ("-fno-sanitize-recover=all", "-DCHECK_INFER_MAX=2")
FLOATS = ("-DTOY_FEED=CHECK_FEED_F32", "-DTOY_WIRE_BYTES=160", "-DTOY_ANSWER=CHECK_ANSWER_MSE")
SMALL = ("-DINPUT_BYTES=40",)  # every end of a buffer is near
WIRE = ("-DTOY_WIRE_BYTES=40", "-DTOY_FEED=CHECK_FEED_RAW")
ROWS = ("-DTOY_ROW_BYTES=8", "-DTOY_WIRE_BYTES=40", "-DTOY_FEED=CHECK_FEED_U8")
AUDIO = ("-DCHECK_AUDIO",)
SECONDS_PER_INPUT = 10
LONGEST_TOY = 4096
LONGEST_MODEL = 512  # bytes of an input: each frame in it may run the whole model
ANY_RAM_BYTES = 1 << 30

GOES_ON = 0x100  # in the mode of a RUN
RAW, FRAME, DAMAGED, SILENCE = range(4)  # what a piece of an input is, as the harness reads it


@dataclass(frozen=True)
class Variant:
    """A firmware to fuzz."""

    name: str
    sources: tuple[Path, ...]
    flags: tuple[str, ...]
    longest_bytes: int


def piece(kind: int, data: bytes) -> bytes:
    """Return one piece of an input."""
    return bytes([kind, len(data)]) + data


def request(kind: int, *numbers: int, data: bytes = b"", away: int = 0, foreign: int = 0) -> bytes:
    """Return a piece that is a well-formed frame; `away`: its number from the next one."""
    body = struct.pack(f"<BbB{len(numbers)}I", kind, away, foreign, *numbers)
    return piece(FRAME, body + data)


def seeds() -> tuple[bytes, ...]:
    """Return inputs that reach every command and request."""
    text = (
        b"name%profile%timestamp%help%results%",
        b"db load 700%db 0001feff%db print%db print 3 1%",
        b"db load 4%db 00112233%infer 1 0%results%",
        b"db load 160%" + b"db 0000c03f0000803f%" * 4 + b"infer 1 1%",
        b"start%db load 16%db " + b"0a" * 16 + b"%stop%extract_uart_stream%start%start%",
        b"db load 16%db 0a0b%db getptr%db setptr 1%db setptr 17%extract_uart_stream%infer 1 0%",
        b"infer%infer 2 1%infer 0%infer 1 -1%db%db load%db load 0%db 0%db zz%nonsense%",
    )
    too_much = piece(RAW, (b"db " + b"5a" * 35 + b"%") * 3)
    write = request(3, 0, 0, data=bytes(range(200)))
    run, again = (request(5, 0, 2, 0, away=away) for away in (0, -1))
    read = request(4, 1, 0, 0, 4)
    frames = (
        request(1) + request(2, 0, 0) + request(2, 1, 0) + request(2, 1, 1),
        write
        + request(3, 1, 0, data=bytes(16))
        + run
        + again
        + read
        + request(5, 0, 2, 0, away=-2),
        request(5, 0, 1, 0) + request(4, 2, 0, 0, 256) + request(5, 1, 2, GOES_ON) + request(6),
        write + request(3, 0, 0, data=b"x", away=2) + request(6, foreign=7) + request(7, 0) + run,
        request(7, 1) + request(7, 1, foreign=7) + read + request(7, 1, away=-1) + request(5, 0, 2),
        request(3, 1, 8, data=bytes(8)) + request(3, 0, 690, data=bytes(10)),
        request(3, 0, 30, data=bytes(10)) + request(4, 2, 0, 40, 16) + request(4, 0, 0, 8, 32),
        request(4, 2, 0, 700, 16) + request(4, 0, 0, 600, 100) + request(4, 1, 1, 12, 4),
        request(4, 0, 1, 0, 16) + request(5, 2, 1, 0) + request(77) + request(3, 9, 9),
    )
    row = request(3, 0, 0, data=bytes(8))
    rows = (
        request(5, 0, 6, 0) + row + request(5, 0, 6, GOES_ON) + request(3, 0, 8, data=row),
        request(3, 0, 6, data=bytes(4)) + request(3, 0, 39, data=b"1") + request(5, 0, 1, 1),
        request(5, 0, 1, 0)
        + row
        + request(5, 0, 1, GOES_ON)
        + request(3, 0, 8, data=bytes(8))
        + run,
    )
    mixed = (
        piece(RAW, b"db load 4%") + too_much + too_much,
        piece(RAW, b"name") + request(6) + piece(RAW, b"%name%"),
        piece(RAW, b"\0\xa5\x05ab") + piece(SILENCE, b"") + piece(RAW, b"name%"),
        piece(DAMAGED, b"\x01\0\0") + piece(DAMAGED + 16, b"\x06\0\0") + request(6),
        piece(RAW, b"\0\xa5" + b"x" * 250) + piece(RAW, b"y" * 250 + b"\0") + request(6),
    )
    return (*(piece(RAW, line) for line in text), *frames, *rows, *mixed)


def toy_variants() -> tuple[Variant, ...]:
    """Return the hand-written model's variants: they are fast, so most inputs go there."""
    return (
        Variant("toy", (TOY,), (), LONGEST_TOY),
        Variant("toy-floats", (TOY,), FLOATS + SMALL, LONGEST_TOY),
        Variant("toy-rows", (TOY,), ROWS + SMALL, LONGEST_TOY),
        Variant("toy-audio", (TOY,), AUDIO + SMALL + WIRE, LONGEST_TOY),
    )


def model_variant(path: Path, folder: Path) -> Variant:
    """Write the generated C of a model file to `folder`."""
    compiled = compile_graph(read_model(path), "portable", ANY_RAM_BYTES)
    digest = hashlib.sha256(path.read_bytes()).digest()
    files = dict(compiled.model.files)
    files["check_model.c"] = check_model(compiled.model, digest, "fuzz")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    own = tuple(folder / name for name in files if name.endswith(".c"))
    kernels = tuple(kernel_source(kernel, "portable") for kernel in compiled.model.kernels)
    includes = (f"-I{folder}", f"-I{headers_dir()}")
    return Variant(path.stem, own + kernels, includes, LONGEST_MODEL)


def build(variant: Variant, folder: Path) -> Path:
    """Compile the firmware of `variant` with the harness; return the fuzzer's path."""
    program = folder / f"fuzz-{variant.name}"
    firmware = [source for source in firmware_sources() if source.name != "main.c"]
    flags = [*FLAGS, *HARD, *variant.flags, f"-I{firmware_dir()}"]
    sources = [HARNESS, *firmware, *variant.sources]
    subprocess.run(["clang", *flags, *sources, "-o", program], check=True)
    return program


def fuzz(variant: Variant, program: Path, corpus: Path, limits: Sequence[str]) -> bool:
    """Run the fuzzer; return True when it found nothing."""
    corpus.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(seeds()):
        (corpus / f"seed-{index}").write_bytes(seed)
    FINDINGS.mkdir(parents=True, exist_ok=True)
    command = [
        str(program),
        str(corpus),
        *limits,
        f"-max_len={variant.longest_bytes}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-dict={DICTIONARY}",
        f"-artifact_prefix={FINDINGS}/{variant.name}-",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr)
    else:
        print("".join(re.findall(r"^stat::number_of_executed_units: .*\n", done.stderr, re.M)))
    return done.returncode == 0


def main() -> int:
    """Fuzz every variant; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", nargs="?", type=Path, default=DEMO)
    parser.add_argument("--seconds", type=int, default=300, help="altogether (default 300)")
    parser.add_argument("--corpus", type=Path, help="folder to keep the corpus in between runs")
    arguments = parser.parse_args()
    if shutil.which("clang") is None:
        print("clang is not installed: `apt install clang` (libFuzzer comes with it)")
        return 1
    with TemporaryDirectory(prefix="mcuforge-fuzz-") as name:
        folder = Path(name)
        variants = (*toy_variants(), model_variant(arguments.model, folder))
        share = max(1, arguments.seconds // len(variants))
        for variant in variants:
            corpus = (arguments.corpus or folder) / f"corpus-{variant.name}"
            program = build(variant, folder)
            print(f"fuzzing {variant.name} for {share} s", flush=True)
            if not fuzz(variant, program, corpus, [f"-max_total_time={share}"]):
                print(f"finding: the input is in {FINDINGS}")
                return 1
    print("no finding")
    return 0


if __name__ == "__main__":
    sys.exit(main())
