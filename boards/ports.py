# SPDX-License-Identifier: Apache-2.0
"""Finds the serial port of a board: by the USB ids of its probe, then by the board's hello."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from mcuforge.boards.catalog.board import Board
from mcuforge.boards.catalog.platformio import Probe
from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import LinkError, NoProbePort, SeveralPorts
from mcuforge.boards.link.port import Port

AUTO = "auto"
HELLO_S = 1.0  # firmware of ours answers in milliseconds


@dataclass(frozen=True)
class UsbPort:
    """A serial port with its USB device."""

    name: str
    vendor: int | None
    product: int | None
    serial_number: str | None
    description: str

    @property
    def words(self) -> str:
        """The port in an error: '/dev/ttyACM0 (ST-LINK, serial number 066...)'."""
        number = f", serial number {self.serial_number}" if self.serial_number else ""
        return f"{self.name} ({self.description}{number})"


@dataclass(frozen=True)
class Reach:
    """The ports that may lead to a board: one, or all ports of the same probe."""

    ports: tuple[UsbPort, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The ports' names."""
        return tuple(port.name for port in self.ports)


def usb_ports() -> tuple[UsbPort, ...]:
    """List the serial ports of this machine that belong to a USB device, by name."""
    return tuple(
        UsbPort(port.device, port.vid, port.pid, port.serial_number, port.description or "")
        for port in sorted(list_ports.comports(), key=lambda port: str(port.device))
        if port.vid is not None
    )


def find_ports(board: Board, port: str) -> Reach:
    """Find the board's ports and check that they can be opened; `port`: AUTO or a name.

    Raises PortBusy, PortRefused or PortMissing when a port cannot be opened, NoProbePort when no
    device has the ids of the board's probe, SeveralPorts when several boards may be meant.
    """
    if port != AUTO:
        known = next((usb for usb in usb_ports() if usb.name == port), None)
        reach = Reach((known or UsbPort(port, None, None, None, ""),))
    else:
        reach = _by_usb(board)
    for name in reach.names:
        Port.open(name, board.baud).close()
    return reach


def candidates(board: Board, port: str) -> tuple[str, ...]:
    """Name the ports that may lead to a board, and open none; `port`: AUTO or a name."""
    if port != AUTO:
        return (port,)
    return tuple(usb.name for usb in usb_ports() if board.probe and _is_of(board.probe, usb))


def one_name(port: str) -> str:
    """The name of a port under which this machine lists it; links to it have the same one."""
    return port if any(usb.name == port for usb in usb_ports()) else str(Path(port).resolve())


def answers(port: str, board: Board) -> bool:
    """Tell whether firmware of ours for this board says hello on a port."""
    try:
        with Link.open(port, timeout_s=HELLO_S, baud=board.baud) as link:
            link.hello(board=board.id)
    except LinkError:
        return False
    return True


def _by_usb(board: Board) -> Reach:
    where = f"board {board.id}, --port auto"
    every = usb_ports()
    probe = board.probe
    if probe is None:
        raise NoProbePort(
            f"nothing is known of the USB device of '{board.id}'",
            where,
            f"give the port: --port {every[0].name if every else '/dev/ttyACM0'}",
        )
    found = [usb for usb in every if _is_of(probe, usb)]
    if not found:
        others = ", ".join(usb.words for usb in every)
        raise NoProbePort(
            f"no serial port belongs to {probe.name} (USB {', '.join(probe.usb)})",
            where,
            (f"this machine has {others}: give --port if one leads to the board" if others else "")
            or "connect the board; a cable that only charges has no data lines",
        )
    devices = _by_device(found)
    if len(devices) > 1:
        ours = [d for d in devices if any(answers(usb.name, board) for usb in d)]
        if len(ours) != 1:
            raise SeveralPorts(
                f"{len(devices)} devices may be the board, and "
                f"{'none answers' if not ours else f'{len(ours)} answer'} as '{board.id}'",
                where,
                f"give one with --port: {', '.join(usb.words for usb in found)}",
            )
        devices = ours
    return Reach(tuple(devices[0]))


def _is_of(probe: Probe, usb: UsbPort) -> bool:
    return probe.matches(usb.vendor, usb.product)


def _by_device(ports: Sequence[UsbPort]) -> list[list[UsbPort]]:
    """Put the ports of one USB device together; a device without a serial number has one port."""
    devices: dict[tuple[int | None, str], list[UsbPort]] = {}
    for usb in ports:
        devices.setdefault((usb.vendor, usb.serial_number or usb.name), []).append(usb)
    return list(devices.values())
