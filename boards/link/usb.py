# SPDX-License-Identifier: Apache-2.0
"""Finds the device files of USB devices (on Linux), which flash tools open."""

from collections.abc import Iterator, Sequence
from pathlib import Path

SYS = Path("/sys/bus/usb/devices")
DEV = Path("/dev/bus/usb")


def usb_files(usb: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield device file and name of each connected device; usb: "vendor:product" or "vendor".

    Nothing where the system does not list USB devices as Linux does.
    """
    for device in sorted(SYS.glob("*")):
        vendor, product = _read(device / "idVendor"), _read(device / "idProduct")
        bus, number = _read(device / "busnum"), _read(device / "devnum")
        known = {vendor, f"{vendor}:{product}"}
        if not vendor or known.isdisjoint(usb) or not (bus.isdigit() and number.isdigit()):
            continue
        name = _read(device / "product") or f"{vendor}:{product}"
        yield DEV / f"{int(bus):03}" / f"{int(number):03}", name


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # an interface has no ids; a device may have gone
        return ""
