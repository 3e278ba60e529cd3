# SPDX-License-Identifier: Apache-2.0
"""How a board of silicon is reached: its PlatformIO platform, its upload tools, its USB ids."""

import re
from dataclasses import dataclass

from mcuforge.boards.catalog.toml_table import TomlTable

PROTOCOLS = ("stlink", "jlink", "cmsis-dap", "dfu", "serial", "picotool")
_PLATFORM = re.compile(r"(?P<owner>[\w-]+)/(?P<name>[\w-]+)@(?P<version>\d+\.\d+\.\d+)")
_USB_ID = re.compile(r"[0-9a-f]{4}(?::[0-9a-f]{4})?")


@dataclass(frozen=True)
class PlatformIO:
    """What stock PlatformIO calls the board, and how it flashes it."""

    board: str  # PlatformIO's id of the board
    platform: str  # with owner and pinned version: "platformio/ststm32@19.6.0"
    protocol: str  # the upload protocol unless the user asks for another one
    protocols: tuple[str, ...]
    openocd: str | None = None  # target script of OpenOCD, for a CMSIS-DAP probe
    # board script of OpenOCD that also writes the flash outside the chip, through an ST-LINK
    openocd_external: str | None = None

    @property
    def name(self) -> str:
        """The platform's name alone: "ststm32"."""
        return _matched(self.platform)["name"]

    @property
    def version(self) -> str:
        """The platform's pinned version: "19.6.0"."""
        return _matched(self.platform)["version"]


@dataclass(frozen=True)
class Probe:
    """The USB device whose serial port leads to the board's UART.

    `usb`: hexadecimal "vendor:product" ids, or "vendor" for every product of a vendor.
    """

    name: str
    usb: tuple[str, ...]

    def matches(self, vendor: int | None, product: int | None) -> bool:
        """Tell whether a USB device is such a probe; None: not a USB device."""
        if vendor is None or product is None:
            return False
        return not {f"{vendor:04x}", f"{vendor:04x}:{product:04x}"}.isdisjoint(self.usb)


def read_platformio(entry: TomlTable) -> PlatformIO:
    """Read the table [platformio]; BoardError for a wrong key."""
    board, platform = entry.text("board"), entry.text("platform")
    if _PLATFORM.fullmatch(platform) is None:
        entry.refuse(
            "platform", f"is '{platform}'", 'write owner, name and version: "owner/name@1.2.3"'
        )
    protocols = entry.texts("protocols")
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            known = ", ".join(PROTOCOLS)
            entry.refuse("protocols", f"has '{protocol}'", f"boards/build knows {known}")
    protocol = entry.choice("protocol", protocols)
    target, external = entry.optional_text("openocd"), entry.optional_text("openocd_external")
    found = PlatformIO(board, platform, protocol, protocols, target, external)
    entry.finish()
    return found


def read_probe(entry: TomlTable) -> Probe:
    """Read the table [probe]; BoardError for a wrong key."""
    probe = Probe(entry.text("name"), entry.texts("usb"))
    for usb in probe.usb:
        if _USB_ID.fullmatch(usb) is None:
            entry.refuse("usb", f"has '{usb}'", 'write lower-case ids: "0483:374b", or "1366"')
    entry.finish()
    return probe


def _matched(platform: str) -> re.Match[str]:
    found = _PLATFORM.fullmatch(platform)
    assert found is not None, platform  # read_platformio has refused it
    return found
