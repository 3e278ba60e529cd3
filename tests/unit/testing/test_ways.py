# SPDX-License-Identifier: Apache-2.0
"""The options of the plugin: every board in every way that was asked for."""

from __future__ import annotations

import pytest

from mcuforge.testing.ways import BoardWay, board_ways


def test_every_board_in_every_way() -> None:
    found = board_ways(("pico", "hifive1"), (), emulate=True, exact=True)
    assert list(map(str, found)) == [
        "pico-emulate",
        "pico-exact",
        "hifive1-emulate",
        "hifive1-exact",
    ]
    assert board_ways(("pico",), (), emulate=False, exact=False) == (BoardWay("pico"),)
    assert board_ways((), (), emulate=False, exact=False) == ()


def test_each_board_has_its_port_or_all_are_looked_for() -> None:
    found = board_ways(("pico", "hifive1"), ("/dev/a", "/dev/b"), emulate=False, exact=False)
    assert [way.port for way in found] == ["/dev/a", "/dev/b"]
    found = board_ways(("pico", "hifive1"), ("auto",), emulate=False, exact=False, protocol="jlink")
    assert found == tuple(BoardWay(b, "port", "auto", "jlink") for b in ("pico", "hifive1"))


@pytest.mark.parametrize(
    ("boards", "ports", "emulate", "protocol", "what"),
    [
        ((), ("auto",), False, None, "add --mcuforge-board"),
        ((), (), True, None, "add --mcuforge-board"),
        (("pico",), (), True, "jlink", "add --mcuforge-port"),
        (("pico", "hifive1"), ("/dev/a",), False, None, "2 boards and 1 port are"),
        (("pico",), ("/dev/a", "auto"), False, None, "1 board and 2 ports"),
    ],
)
def test_options_that_say_too_little_are_refused(
    boards: tuple[str, ...], ports: tuple[str, ...], emulate: bool, protocol: str, what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        board_ways(boards, ports, emulate=emulate, exact=False, protocol=protocol)
