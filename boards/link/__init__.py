# SPDX-License-Identifier: Apache-2.0
"""The host's end of the serial line: one client for ttys, emulator ptys and TCP sockets."""

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import (
    BoardCrashed,
    BoardReset,
    Garbage,
    LinkError,
    ModelFailed,
    NoAnswer,
    PortBusy,
    PortMissing,
    PortRefused,
    Refused,
    WrongModel,
)
from mcuforge.boards.link.messages import Counters, Hello, TensorInfo

__all__ = [
    "BoardCrashed",
    "BoardReset",
    "Counters",
    "Garbage",
    "Hello",
    "Link",
    "LinkError",
    "ModelFailed",
    "NoAnswer",
    "PortBusy",
    "PortMissing",
    "PortRefused",
    "Refused",
    "TensorInfo",
    "WrongModel",
]
