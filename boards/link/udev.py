# SPDX-License-Identifier: Apache-2.0
"""The text of the udev rules that let the user at the desk open a probe or its serial port."""

from collections.abc import Sequence

RULES = "/etc/udev/rules.d/60-mcuforge.rules"  # before 73, where systemd reads the tag


def probe_rule(usb: Sequence[str]) -> str:
    """Say how to allow a USB device; usb: "vendor:product" or "vendor", hexadecimal."""
    return _install("usb", "ATTR", usb)


def port_rule(usb: Sequence[str]) -> str:
    """Say how to allow the serial ports of a USB device."""
    return _install("tty", "ATTRS", usb)


def _install(subsystem: str, attribute: str, usb: Sequence[str]) -> str:
    rules = [_rule(subsystem, attribute, *one.split(":")) for one in usb]
    lines = " and ".join(f"'{rule}'" for rule in rules)
    word = "the line" if len(rules) == 1 else "the lines"
    return (
        f"put {word} {lines} into {RULES}, run `sudo udevadm control --reload`, "
        "and plug the board in again"
    )


def _rule(subsystem: str, attribute: str, vendor: str, product: str = "") -> str:
    chosen = f', {attribute}{{idProduct}}=="{product}"' if product else ""
    return f'SUBSYSTEM=="{subsystem}", {attribute}{{idVendor}}=="{vendor}"{chosen}, TAG+="uaccess"'
