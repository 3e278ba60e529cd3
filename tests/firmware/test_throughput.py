# SPDX-License-Identifier: Apache-2.0
"""What share of a line of 921600 baud a long input fills, by the line's delay. Time is counted.

python -m tests.firmware.test_throughput      prints the table
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mcuforge.boards.build.project import WIDE_LINK
from mcuforge.boards.link.client import Link
from tests.firmware.linked_board import BITS_PER_BYTE, CountedLine, LinkedBoard, build_library
from tests.firmware.protocol_example import DOCUMENT
from tests.firmware.toy_board import toy_answers, toy_bias

INPUT_BYTES = 27648  # of vww01
BAUD = 921_600
LATENCIES_MS = (0, 1, 2, 4, 8, 16)
USUAL, WIDE = "256 bytes, ring of 1 KB", "1024 bytes, ring of 4 KB"
RINGS = {USUAL: 1024, WIDE: 4096}


def build(folder: Path, frames: str) -> Path:
    """The toy with a long input, as a board with little or with much RAM has it."""
    flags = WIDE_LINK if frames == WIDE else ()
    return build_library(folder, f"-DINPUT_BYTES={INPUT_BYTES}", *flags)


def share(library: Path, ring_bytes: int, latency_ms: float, baud: int = BAUD) -> float:
    """Bytes of the input per second, as a share of the bytes that the line takes."""
    line = CountedLine(
        LinkedBoard(library), baud=baud, latency_s=latency_ms / 1000, ring_bytes=ring_bytes
    )
    link = Link(line.port())
    link.hello()
    draw = random.Random(1)
    inputs = (draw.randbytes(INPUT_BYTES), toy_bias(1, 2, 3, 4))
    begun_s = line.now_s
    link.write_input(0, inputs[0])
    seconds = line.now_s - begun_s
    link.write_input(1, inputs[1])
    link.run()
    assert (link.read_output(0), link.read_output(1)) == toy_answers(*inputs)
    assert line.lost == 0, "the window fits the ring"
    return INPUT_BYTES * BITS_PER_BYTE / baud / seconds


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wide"), WIDE)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("usual"), USUAL)


@pytest.mark.parametrize("latency_ms", [0, 1, 2, 4, 8])
def test_a_long_input_fills_the_line_up_to_a_delay_of_8_ms(wide: Path, latency_ms: float) -> None:
    assert share(wide, RINGS[WIDE], latency_ms) >= 0.85


@pytest.mark.parametrize(("latency_ms", "baud"), [(1, BAUD), (2, BAUD), (8, 115_200)])
def test_short_frames_fill_it_where_delays_are_short(
    usual: Path, latency_ms: float, baud: int
) -> None:
    assert share(usual, RINGS[USUAL], latency_ms, baud) >= 0.85


def test_an_inference_takes_two_turns_of_the_line(usual: Path) -> None:
    line = CountedLine(LinkedBoard(usual), latency_s=0.1)
    link = Link(line.port())
    link.hello()
    inputs = (bytes(INPUT_BYTES), toy_bias(1, 2, 3, 4))
    sent_s = INPUT_BYTES / 256 / 3 * 0.2  # the window of short frames, not what is tested here
    begun_s = line.now_s
    outputs, counters = link.infer(inputs)
    assert tuple(outputs) == toy_answers(*inputs)
    assert counters.end == 2
    assert line.now_s - begun_s < sent_s + 2 * 0.2 + 0.5


def test_the_table_of_the_document_is_what_is_counted(usual: Path, wide: Path) -> None:
    assert table({USUAL: usual, WIDE: wide}) in DOCUMENT.read_text(encoding="utf-8")


def table(libraries: Mapping[str, Path]) -> str:
    """The table of docs/protocol.md."""
    lines = ["| delay each way | " + " | ".join(RINGS) + " |", "|---|---|---|"]
    for latency_ms in LATENCIES_MS:
        shares = (share(libraries[frames], ring, latency_ms) for frames, ring in RINGS.items())
        cells = " | ".join(f"{100 * part:.0f} %" for part in shares)
        lines.append(f"| {latency_ms} ms | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table."""
    with TemporaryDirectory() as name:
        libraries = {}
        for frames in RINGS:
            folder = Path(name) / frames[:4].strip()
            folder.mkdir()
            libraries[frames] = build(folder, frames)
        print(table(libraries), end="")


if __name__ == "__main__":
    main()
