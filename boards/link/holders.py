# SPDX-License-Identifier: Apache-2.0
"""Finds the other programs that have a port open (on Linux)."""

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Holder:
    """A process that has the port open."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def find_holders(port: str) -> tuple[Holder, ...]:
    """Find the other processes that have the device `port` open; () if unknown."""
    device = os.path.realpath(port)
    found = []
    for process in sorted(PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        pid = int(process.name)
        if pid != os.getpid() and _has_open(process, device):
            found.append(Holder(pid, _name(process)))
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
