# SPDX-License-Identifier: Apache-2.0
"""Consistent Overhead Byte Stuffing: bytes without zeros, one byte longer per 254 at most.

Source: Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999.
"""

BLOCK_MAX = 254  # bytes of the longest block; its code 255 stands for no zero


def encode(data: bytes) -> bytes:
    """Encode `data` without zero bytes."""
    out = bytearray()
    for run in data.split(b"\0"):
        for start in range(0, len(run) - BLOCK_MAX + 1, BLOCK_MAX):
            out.append(BLOCK_MAX + 1)
            out += run[start : start + BLOCK_MAX]
        rest = run[len(run) // BLOCK_MAX * BLOCK_MAX :]
        out.append(len(rest) + 1)
        out += rest
    return bytes(out)


def decode(encoded: bytes) -> bytes | None:
    """Decode the data; None when `encoded` has a zero or ends inside a block."""
    out = bytearray()
    at = 0
    zero_due = False
    while at < len(encoded):
        code = encoded[at]
        block = encoded[at + 1 : at + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            return None
        if zero_due:
            out.append(0)
        out += block
        zero_due = code != BLOCK_MAX + 1
        at += code
    return bytes(out)
