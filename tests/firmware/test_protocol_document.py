# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md says what the firmware and the client do."""

import re
from pathlib import Path

from mcuforge.boards.link.frame import GOES_ON, PROTOCOL, Kind, Mode, Space, Status
from mcuforge.runtime_c.sources import firmware_dir
from tests.firmware.protocol_example import BLOCK, DOCUMENT, TOY, example, read_example
from tests.firmware.toy_board import link_toy

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_worked_example_is_what_the_firmware_says(
    firmware: tuple[Path, ...], tmp_path: Path
) -> None:
    (block,) = BLOCK.findall(TEXT)
    assert read_example(block) == read_example(example(link_toy(tmp_path, firmware, TOY)))


def test_kinds_statuses_modes_and_spaces_are_those_of_the_document() -> None:
    for numbered in (Kind, Status, Mode, Space):
        for name, value in numbered.__members__.items():
            words = name.replace("_", r"[_ ]")
            assert re.search(rf"^\| (?:0x)?{value} \| `{words}`", TEXT, re.MULTILINE), name


def test_the_firmware_and_the_client_share_their_numbers() -> None:
    header = (firmware_dir() / "session.h").read_text(encoding="utf-8")
    for numbered in (Kind, Status, Mode, Space):
        for name, value in numbered.__members__.items():
            assert re.search(rf"SESSION_{name} = {value}\b", header), name
    assert f"SESSION_PROTOCOL {PROTOCOL}U" in header
    assert f"SESSION_GOES_ON {GOES_ON:#x}U" in header
