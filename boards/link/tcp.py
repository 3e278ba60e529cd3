# SPDX-License-Identifier: Apache-2.0
"""A TCP socket as a serial device: pyserial's own leaks when the other end closes first."""

import socket
from urllib.parse import urlsplit

SCHEME = "socket://"
CONNECT_SECONDS = 5.0


class TcpDevice:
    """The open connection of "socket://host:port"."""

    def __init__(self, url: str, write_timeout_s: float) -> None:
        """Connect; OSError when nobody listens there, ValueError for a URL without a port."""
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError("expected socket://host:port")
        self._socket = socket.create_connection((parts.hostname, parts.port), CONNECT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(write_timeout_s)
        self.timeout: float | None = None

    @property
    def in_waiting(self) -> int:
        """Always 0: the number is unknown, and a caller with a descriptor does not ask."""
        return 0

    def fileno(self) -> int:
        """Return the descriptor, for select()."""
        return self._socket.fileno()

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        return self._socket.recv(size)

    def write(self, data: bytes) -> int | None:
        """Send all of `data`; TimeoutError when the other end takes nothing."""
        self._socket.sendall(data)
        return len(data)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
