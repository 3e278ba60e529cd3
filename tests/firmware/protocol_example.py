# SPDX-License-Identifier: Apache-2.0
"""The worked example of docs/protocol.md: one inference, byte by byte, with the real firmware.

    python -m tests.firmware.protocol_example      writes it anew

The model is the toy with inputs of 8 and 16 bytes.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mcuforge.boards.link.frame import ANSWER, Kind, Splitter, encode
from tests.firmware.toy_board import TOY_HASH, compile_firmware, link_toy, say, toy_bias
from tests.golden.objects import VARIABLE

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
BLOCK = re.compile(r"(?<=```text example\n).*?(?=```)", re.DOTALL)
TOY = "-DINPUT_BYTES=8"
NONCE = 0x1234ABCD
X, BIAS = bytes([1, 2, 3, 4, 5, 6, 7, 8]), toy_bias(100, 200, 300, -400)
REQUESTS = (
    ("HELLO", Kind.HELLO, 0, b""),
    ("OPEN, epoch 0, SHA-256", Kind.OPEN, 1, struct.pack("<I", 0) + TOY_HASH),
    ("TENSOR, input 0", Kind.TENSOR, 2, struct.pack("<II", 0, 0)),
    ("WRITE, input 0 from byte 0", Kind.WRITE, 3, struct.pack("<II", 0, 0) + X),
    ("WRITE, input 1 from byte 0", Kind.WRITE, 4, struct.pack("<II", 1, 0) + BIAS),
    ("the first WRITE once more: stale", Kind.WRITE, 3, struct.pack("<II", 0, 0) + X),
    (
        "RUN, steps 0 to 2, plain, CRC-32 of both inputs",
        Kind.RUN,
        5,
        struct.pack("<IIII", 0, 2, 0, zlib.crc32(X + BIAS)),
    ),
    ("READ, output 1, bytes 0 to 16", Kind.READ, 6, struct.pack("<IIII", 1, 1, 0, 16)),
)


def hex_lines(arrow: str, data: bytes) -> Iterator[str]:
    """Bytes in hex, 24 to a line."""
    for at in range(0, len(data), 24):
        yield f"{arrow if at == 0 else '  '} {data[at : at + 24].hex(' ')}"


def example(program: Path) -> str:
    """The block of the document."""
    wires = [encode(kind, NONCE, sequence, body) for _, kind, sequence, body in REQUESTS]
    answers = [b"\0" + part + b"\0" for part in say(program, b"".join(wires)).split(b"\0") if part]
    lines = []
    for (words, kind, _, _), wire in zip(REQUESTS, wires, strict=True):
        lines += [words, *hex_lines("->", wire)]
        for _ in range(2 if kind is Kind.RUN else 1):
            lines += hex_lines("<-", answers.pop(0))
        lines.append("")
    assert not answers
    return "\n".join(lines)


def read_example(block: str) -> list[tuple[str, object]]:
    """The lines of an example as words and frames; the ticks of a run, which vary, are left out."""
    found: list[tuple[str, object]] = []
    joined = re.sub(r"\n   ", " ", block)
    for line in filter(None, joined.split("\n")):
        arrow, _, digits = line.partition(" ")
        if arrow not in ("->", "<-"):
            found.append(("words", line))
            continue
        (frame,) = Splitter().feed(bytes.fromhex(digits))
        timed = frame.kind == Kind.RUN | ANSWER and frame.body
        found.append((arrow, replace(frame, body=frame.body[8:]) if timed else frame))
    return found


def main() -> None:
    """Write the example into the document."""
    with TemporaryDirectory() as folder:
        os.environ[VARIABLE] = folder
        block = example(link_toy(Path(folder), compile_firmware(), TOY))
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(BLOCK.sub(lambda _: block, text), encoding="utf-8")


if __name__ == "__main__":
    main()
