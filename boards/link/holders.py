# SPDX-License-Identifier: Apache-2.0
"""Finds the other programs that have a port open (on Linux)."""

import os
from pathlib import Path

PROC = Path("/proc")


def find_holders(port: str) -> tuple[str, ...]:
    """Name the other processes that have the device `port` open: 'picocom (process 41)'.

    Empty if unknown.
    """
    device = os.path.realpath(port)
    found = []
    for process in sorted(PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        pid = int(process.name)
        if pid != os.getpid() and _has_open(process, device):
            found.append(f"{_name(process)} (process {pid})")
    return tuple(found)


def _has_open(process: Path, device: str) -> bool:
    try:
        return any(str(entry.readlink()) == device for entry in (process / "fd").iterdir())
    except OSError:  # another user's process, or it has just ended
        return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a program"
