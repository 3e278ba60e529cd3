# SPDX-License-Identifier: Apache-2.0
"""Opening a port: each way to fail says what to do."""

import errno
import os
import socket
import termios
from pathlib import Path

import pytest
import serial

from mcuforge.boards.link import port as port_module
from mcuforge.boards.link.errors import NoAnswer, PortBusy, PortMissing, PortRefused
from mcuforge.boards.link.port import Port, port_names
from tests.unit.link.fake_board import fake_board


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let pyserial refuse to open anything."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(serial, "serial_for_url", refuse)


def test_a_missing_port_is_named() -> None:
    with pytest.raises(PortMissing, match="no such port") as caught:
        Port.open("/dev/ttyNOSUCH7")
    assert caught.value.where == "port /dev/ttyNOSUCH7"


def test_a_plain_file_is_no_serial_port(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(PortMissing, match="not a serial port"):
        Port.open(str(file))


def test_permission_denied_points_at_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, serial.SerialException(errno.EACCES, "could not open port"))
    with pytest.raises(PortRefused, match="permission denied") as caught:
        Port.open("/dev/ttyACM0")
    assert "dialout" in caught.value.hint


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EAGAIN])
def test_a_busy_port_names_its_holder(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    fail_with(monkeypatch, serial.SerialException(code, "Could not exclusively lock port"))
    monkeypatch.setattr(port_module, "find_holders", lambda _: ("picocom (process 41)",))
    with pytest.raises(PortBusy, match=r"in use by picocom \(process 41\)"):
        Port.open("/dev/ttyACM0")


def test_a_socket_nobody_listens_on_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    with pytest.raises(PortMissing, match="Connection refused") as caught:
        Port.open(f"socket://127.0.0.1:{number}")
    assert str(number) in caught.value.where


@pytest.mark.parametrize("url", ["socket://nowhere", "nosuch://x", "socket://h:99999999"])
def test_a_url_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(PortMissing):
        Port.open(url)


def test_a_pty_is_opened_raw_and_without_echo() -> None:
    with fake_board(bytes) as name:
        descriptor = os.open(name, os.O_RDWR | os.O_NOCTTY)
        attributes = termios.tcgetattr(descriptor)
        attributes[3] |= termios.ECHO | termios.ICANON | termios.ISIG
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
        port = Port.open(name)
        local_flags = termios.tcgetattr(descriptor)[3]
        assert not local_flags & (termios.ECHO | termios.ICANON | termios.ISIG)
        port.write(bytes(range(256)))
        received = b""
        while len(received) < 256:
            piece = port.read(2)
            assert piece
            received += piece
        assert received == bytes(range(256))
        port.close()
        os.close(descriptor)


def test_reading_ends_when_nothing_comes() -> None:
    with fake_board(lambda _: b"") as name:
        port = Port.open(name)
        assert port.read(0.01) == b""
        port.close()


def test_a_port_that_goes_away_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = Port.open(f"socket://127.0.0.1:{server.getsockname()[1]}")
        server.accept()[0].close()
        with pytest.raises(NoAnswer, match="closed while in use"):
            port.read(1)
        port.close()


def test_port_names_are_a_tuple_of_devices() -> None:
    assert all(isinstance(name, str) and name for name in port_names())
