# SPDX-License-Identifier: Apache-2.0
"""What lets a user open a port: its group, a new login, or a udev rule with its text."""

from __future__ import annotations

import getpass
import grp
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from serial.tools import list_ports

from mcuforge.boards.link import permission
from mcuforge.boards.link.udev import probe_rule


@dataclass(frozen=True)
class Group:
    gr_name: str
    gr_mem: list[str]


@dataclass(frozen=True)
class Status:
    st_mode: int
    st_gid: int


def port(monkeypatch: pytest.MonkeyPatch, mode: int, gid: int, members: list[str]) -> None:
    monkeypatch.setattr(Path, "stat", lambda _: Status(mode, gid))
    monkeypatch.setattr(grp, "getgrgid", lambda _: Group("uucp", members))
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    monkeypatch.setattr(os, "getgroups", lambda: [1000])


def test_the_group_of_the_port_is_the_one_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    port(monkeypatch, 0o660, 20, [])
    assert permission.allow("/dev/ttyACM0") == (
        "sudo usermod -aG uucp $USER, then log out and in again"
    )


def test_a_new_member_has_to_log_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    port(monkeypatch, 0o660, 20, ["ada"])
    assert permission.allow("/dev/ttyACM0").startswith("log out and in again")


def test_a_member_that_may_not_either_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    port(monkeypatch, 0o660, 1000, ["ada"])
    assert "another security system" in permission.allow("/dev/ttyACM0")


def test_a_port_without_a_group_needs_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    port(monkeypatch, 0o600, 0, [])

    @dataclass(frozen=True)
    class Listed:
        device: str = "/dev/ttyACM0"
        vid: int = 0x0483
        pid: int = 0x374B

    monkeypatch.setattr(list_ports, "comports", lambda: [Listed()])
    hint = permission.allow("/dev/ttyACM0")
    rule = 'SUBSYSTEM=="tty", ATTRS{idVendor}=="0483", ATTRS{idProduct}=="374b", TAG+="uaccess"'
    assert f"'{rule}'" in hint
    assert "/etc/udev/rules.d/60-mcuforge.rules" in hint


def test_an_unknown_port_has_the_usual_group() -> None:
    assert "dialout" in permission.allow("/dev/no-such-port")


def test_a_vendor_alone_makes_a_rule_for_all_its_products() -> None:
    assert '\'SUBSYSTEM=="usb", ATTR{idVendor}=="1366", TAG+="uaccess"\'' in probe_rule(["1366"])
    assert "the lines" in probe_rule(["0483:374b", "0483:3752"])


def test_a_user_without_a_name_is_told_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    port(monkeypatch, 0o660, 20, [])

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert permission.allow("/dev/ttyACM0").startswith("sudo usermod -aG uucp")
