# SPDX-License-Identifier: Apache-2.0
"""Says how a user gets permission to open a serial port (on Linux): a group, or a udev rule."""

import getpass
import os
import stat
from pathlib import Path

from serial.tools import list_ports

from mcuforge.boards.link.udev import port_rule

GROUP = "dialout"  # of serial ports on Debian and Fedora; Arch has uucp


def allow(port: str) -> str:
    """Return the command or the udev rule that lets this user open `port`."""
    try:
        import grp  # not on Windows

        status = Path(port).stat()
        group = grp.getgrgid(status.st_gid)
    except (ImportError, OSError, KeyError):
        return _join(GROUP)
    group_may = stat.S_IRGRP | stat.S_IWGRP
    if status.st_mode & group_may == group_may and status.st_gid != 0:
        if status.st_gid in os.getgroups():
            return "another security system forbids it (SELinux, AppArmor, a container)"
        if _user() in group.gr_mem:
            return f"log out and in again: you are in the group {group.gr_name} only from then on"
        return _join(group.gr_name)
    return _rule(port) or _join(GROUP)


def _user() -> str:
    """The user's name; empty where a user id has none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _join(group: str) -> str:
    return f"sudo usermod -aG {group} $USER, then log out and in again"


def _rule(port: str) -> str:
    """Return the udev rule for the USB device of a port; empty if it has none."""
    for known in list_ports.comports():
        if known.device == port and known.vid is not None and known.pid is not None:
            return port_rule([f"{known.vid:04x}:{known.pid:04x}"])
    return ""
