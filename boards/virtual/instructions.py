# SPDX-License-Identifier: Apache-2.0
"""What instructions a block of code has: the Python twin of hook.c."""


def instructions_of(code: bytes, offset: int, size: int, *, thumb: bool) -> int:
    """Count the instructions in `size` bytes from `offset`: as count_block() of hook.c."""
    if offset < 0 or offset + size > len(code):
        return size // 2
    found, at = 0, offset
    while at < offset + size:
        long = code[at + 1] >> 3 >= 0x1D if thumb else code[at] & 3 == 3
        at += 4 if long else 2
        found += 1
    return found


def first_lacking(
    code: bytes, offset: int, size: int, *, doubles: bool, armv6m: bool
) -> int | None:
    """Find the first instruction in a block that the core lacks: as hook.c does.

    doubles: the FPU computes with doubles; armv6m: the core has ARMv6-M's instructions alone.
    """
    if offset < 0 or offset + size > len(code) or (doubles and not armv6m):
        return None
    at = offset
    while at < offset + size:
        first = code[at] | code[at + 1] << 8
        if first >> 11 < 0x1D:
            if armv6m and is_of_armv7m(first):
                return at
            at += 2
            continue
        if not doubles and is_double(first, code[at + 2] | code[at + 3] << 8):
            return at
        at += 4
    return None


def is_of_armv7m(first: int) -> bool:
    """Tell whether a halfword is CBZ, CBNZ or IT, which ARMv6-M lacks (DDI 0403, A5.2.5)."""
    return first & 0xF500 == 0xB100 or (first >> 8 == 0xBF and first & 0xF != 0)


def is_double(first: int, second: int) -> bool:
    """Tell whether the FPU computes with doubles here (DDI 0403, A6.4 and A6.5).

    These are the data-processing instructions of coprocessor 11, and the conversion of a float to a
    double, which belongs to coprocessor 10. Moves of 64 bits belong to 11 and are none.
    """
    if first & 0xEF00 != 0xEE00 or second & 0x10:
        return False
    return second & 0xF00 == 0xB00 or (first & 0xFFBF == 0xEEB7 and second & 0xFD0 == 0xAC0)
