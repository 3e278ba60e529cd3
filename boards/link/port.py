# SPDX-License-Identifier: Apache-2.0
"""A serial port, a pty or a TCP socket, opened and read without a system call per byte."""

import contextlib
import errno
import os
import select
import time
from collections.abc import Callable
from typing import NoReturn, Protocol, Self

import serial
from serial.tools import list_ports

from mcuforge.boards.link.errors import (
    LinkError,
    NoAnswer,
    PortBusy,
    PortMissing,
    PortRefused,
)
from mcuforge.boards.link.holders import find_holders
from mcuforge.boards.link.permission import allow
from mcuforge.boards.link.tcp import SCHEME, TcpDevice

READ_MAX = 65536
WRITE_SECONDS = 5.0
DEFAULT_BAUD = 115200
_LOCKED = (errno.EAGAIN, errno.EACCES)  # another process holds the lock


class Device(Protocol):
    """The part of a pyserial port that is used here."""

    timeout: float | None

    @property
    def in_waiting(self) -> int: ...
    def fileno(self) -> int: ...
    def read(self, size: int) -> bytes: ...
    def write(self, data: bytes) -> int | None: ...
    def close(self) -> None: ...


class Port:
    """An open port; `name` is what the user called it."""

    def __init__(
        self, device: Device, name: str, baud: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """clock: seconds of the time in which the port is read; virtual boards have their own."""
        self._device = device
        self.name = name
        self.baud = baud
        self.now_s = clock
        try:
            self._descriptor: int | None = device.fileno()
        except (AttributeError, OSError):  # Windows, and URLs without a descriptor
            self._descriptor = None

    @classmethod
    def open(cls, name: str, baud: int = DEFAULT_BAUD) -> Self:
        """Open a tty, a pty or a pyserial URL ("socket://host:port"), raw and for us alone.

        LinkError when the port does not exist, we may not open it, another program has it, or it is
        not a serial port.
        """
        try:
            device = _open_device(name, baud)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            _explain(name, error)
        return cls(device, name, baud)

    @property
    def virtual(self) -> bool:
        """Whether its seconds are not ours: the board at its other end is virtual."""
        return self.now_s is not time.monotonic

    def read(self, timeout_s: float) -> bytes:
        """Read the bytes that arrived, after at most `timeout_s` for the first; b"" if none came.

        Raises NoAnswer when the other end is gone: the cable was pulled, or the emulator ended.
        """
        try:
            if self._descriptor is None:
                self._device.timeout = timeout_s
                first = self._device.read(1)
                return first + self._device.read(self._device.in_waiting) if first else b""
            ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
            if not ready:
                return b""
            data = os.read(self._descriptor, READ_MAX)
        except BlockingIOError:
            return b""
        except OSError as error:
            self._gone(error.strerror or str(error))
        if not data:
            self._gone("end of file")
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`. NoAnswer when the other end is gone or takes nothing."""
        try:
            self._device.write(data)
        except (serial.SerialTimeoutException, TimeoutError):
            raise NoAnswer(
                f"the board has taken no byte for {WRITE_SECONDS:g} s",
                f"port {self.name}",
                "reset the board; if the port belongs to an emulator, start it again",
            ) from None
        except OSError as error:
            self._gone(error.strerror or str(error))

    def close(self) -> None:
        """Close the port, without an error if the port is gone."""
        with contextlib.suppress(OSError):
            self._device.close()

    def _gone(self, reason: str) -> NoReturn:
        raise NoAnswer(
            f"the port closed while in use ({reason})",
            f"port {self.name}",
            "plug the board in again, or start the emulator again; its own messages say why",
        )


def port_names() -> tuple[str, ...]:
    """List the serial ports of this machine, first those with a USB device."""
    ports = sorted(list_ports.comports(), key=lambda port: (port.vid is None, port.device))
    return tuple(port.device for port in ports)


def _open_device(name: str, baud: int) -> Device:
    if name.startswith(SCHEME):
        return TcpDevice(name, WRITE_SECONDS)
    device: Device = serial.serial_for_url(
        name, baudrate=baud, timeout=0, write_timeout=WRITE_SECONDS, exclusive=True
    )
    return device


def _explain(name: str, error: OSError | ValueError) -> NoReturn:
    """Raise the LinkError for what pyserial reported."""
    where = f"port {name}"
    code = getattr(error, "errno", None)
    locked = "lock" in str(error) and code in _LOCKED
    if locked or code == errno.EBUSY:
        by = " and ".join(find_holders(name)) or "another program"
        raise PortBusy(
            f"the port is in use by {by}", where, "close that program, or give another --port"
        ) from error
    if code in (errno.EACCES, errno.EPERM):
        raise PortRefused(
            "you may not open the port (permission denied)",
            where,
            allow(name),
        ) from error
    if "://" in name:
        raise PortMissing(
            f"nothing answers there ({_reason(error)})",
            where,
            "check host and port number, and that the emulator or serial server is running",
        ) from error
    known = ", ".join(port_names())
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or isinstance(error, ValueError):
        raise PortMissing(
            "there is no such port",
            where,
            f"this machine has {known}" if known else "plug the board in: no serial port is there",
        ) from error
    if code in (None, errno.ENOTTY, errno.EISDIR, errno.EINVAL):
        raise PortMissing(
            f"that is not a serial port ({_reason(error)})",
            where,
            f"this machine has {known}" if known else "give a device such as /dev/ttyACM0",
        ) from error
    raise LinkError(
        f"the port cannot be opened ({_reason(error)})",
        where,
        "unplug the board and plug it in again",
    ) from error


def _reason(error: Exception) -> str:
    """Return the system's own words, without pyserial's prefix."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    strerror = getattr(error, "strerror", None)
    return strerror if isinstance(strerror, str) else str(error)
