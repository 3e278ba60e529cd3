# SPDX-License-Identifier: Apache-2.0
"""The loadable bytes of an ELF file, and the source line of an address.

Format: System V ABI, chapter "Program Header".
"""

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mcuforge.boards.build.tools import locate
from mcuforge.errors import BoardError

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_SEGMENT = struct.Struct("<IIIIIIII")
_IDENT = b"\x7fELF\x01\x01"  # 32-bit, little-endian
_LOAD = 1
FILLER = b"\xff"  # of erased flash


def flash_image(elf: Path, origin: int, size: int, others: Sequence[tuple[int, int]] = ()) -> bytes:
    """Read what a flasher writes to the flash at `origin`: up to the last byte, at most `size`.

    others: (origin, bytes) of further flashes, whose contents are left out. BoardError when `elf`
    is no such file, or has bytes for other addresses.
    """
    data = elf.read_bytes()
    if len(data) < _HEADER.size or not data.startswith(_IDENT):
        raise BoardError(
            "this file is not a 32-bit little-endian ELF file", str(elf), "build it again"
        )
    header = _HEADER.unpack_from(data)
    first, count = header[5], header[10]
    image = bytearray()
    for number in range(count):
        kind, offset, _, address, filled, *_ = _SEGMENT.unpack_from(
            data, first + number * _SEGMENT.size
        )
        if kind != _LOAD or not filled:
            continue
        at = address - origin
        if at < 0 or at + filled > size:
            if any(start <= address <= start + room - filled for start, room in others):
                continue
            raise BoardError(
                f"{filled} B are to be flashed at {address:#010x}, where the virtual chip has no "
                "flash",
                str(elf),
                "use `--weights internal`, so that all weights lie in internal flash",
            )
        image.extend(FILLER * (at + filled - len(image)))
        image[at : at + filled] = data[offset : offset + filled]
    image.extend(FILLER * (len(image) % 2))
    return bytes(image)


def source_place(elf: Path, prefix: str, address: int) -> str:
    """Name function, file and line of a code address, from the debug information; "" if unknown.

    prefix: of the GNU tools that built the file.
    """
    try:
        tool = locate(f"{prefix}addr2line", str(elf))
    except BoardError:
        return ""
    command = [str(tool), "-f", "-e", str(elf), f"{address:#x}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")
    if len(lines) < 2 or lines[1].startswith("??"):
        return ""
    place = lines[1].partition(" (")[0].removeprefix("./")
    return place if lines[0] == "??" else f"{place} in {lines[0]}"
