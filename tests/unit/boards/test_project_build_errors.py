# SPDX-License-Identifier: Apache-2.0
"""What a failed build says: the first thing that is wrong, in the user's terms."""

from pathlib import Path

import pytest

from mcuforge.boards.build.build import OverBudget, build, build_error
from mcuforge.boards.build.project import Project
from mcuforge.boards.catalog.board import emulated, load_board
from mcuforge.errors import BoardError

LOG = Path("/p/.pio/build.log")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, emulated(load_board("hifive1")), ())


def test_too_much_ram_is_said_in_bytes(project: Project) -> None:
    output = (
        "Linking .pio/build/hifive1/firmware.elf\n"
        "/usr/bin/ld: .pio/build/hifive1/firmware.elf section `.bss' will not fit in region `RAM'\n"
        "/usr/bin/ld: region `RAM' overflowed by 3616 bytes\n"
        "collect2: error: ld returned 1 exit status\n"
        "*** [.pio/build/hifive1/firmware.elf] Error 1\n"
    )
    error = build_error(project, output, LOG)
    assert error.what == (
        "the check firmware needs 20,000 bytes of RAM (3,616 over the board's 16,384)"
    )
    assert error.where == f"{project.directory}, board hifive1"
    assert "`mcuforge boards`" in error.hint
    assert str(LOG) in error.hint


def test_too_much_of_both_memories_is_said_at_once(project: Project) -> None:
    output = "ld: region `FLASH' overflowed by 100 bytes\nld: region `RAM' overflowed by 1 bytes\n"
    error = build_error(project, output, LOG)
    assert isinstance(error, OverBudget)
    assert error.ram
    assert error.what == (
        "the check firmware needs 4,128,868 bytes of flash (100 over the board's 4,128,768)"
        " and 16,385 bytes of RAM (1 over the board's 16,384)"
    )


def test_a_further_memory_is_named(tmp_path: Path) -> None:
    project = Project(tmp_path, emulated(load_board("disco_f407vg")), ())
    error = build_error(project, "ld: region `ccm' overflowed by 4 bytes\n", LOG)
    assert isinstance(error, OverBudget)
    assert error.ram
    assert error.what == (
        "the check firmware needs 65,540 bytes of RAM 'ccm' (4 over the board's 65,536)"
    )


def test_the_end_of_a_group_passed_behind_a_border_is_said_in_bytes(tmp_path: Path) -> None:
    project = Project(tmp_path, emulated(load_board("disco_f746ng")), ())
    output = (
        "/usr/bin/ld: address 0x20050010 of firmware.elf section `.mcuforge_arena.sram' "
        "is not within region `RAM'\n"
    )
    error = build_error(project, output, LOG)
    assert error.what == (
        "the check firmware needs 327,696 bytes of RAM (16 over the board's 327,680)"
    )


def test_too_much_flash_alone_is_told_from_too_much_ram(project: Project) -> None:
    error = build_error(project, "ld: region `FLASH' overflowed by 100 bytes\n", LOG)
    assert isinstance(error, OverBudget)
    assert not error.ram


def test_the_first_compiler_error_is_what_is_wrong(project: Project) -> None:
    output = (
        "Compiling .pio/build/hifive1/src/model.o\n"
        "src/model.c: In function 'f':\n"
        "src/model.c:5:12: error: conversion from 'int' to 'int8_t' [-Werror=conversion]\n"
        "    5 |     return x;\n"
        "src/model.c:6:1: error: expected ';'\n"
        "*** [.pio/build/hifive1/src/model.o] Error 1\n"
    )
    error = build_error(project, output, LOG)
    assert error.what == (
        "src/model.c:5:12: error: conversion from 'int' to 'int8_t' [-Werror=conversion]"
    )
    assert error.hint == f"the whole log: {LOG}"


def test_undefined_functions_are_named_once_each(project: Project) -> None:
    output = (
        "src/main.c:3: undefined reference to `kws_run'\n"
        "src/main.c:4: undefined reference to `kws_init'\n"
        "src/main.c:5: undefined reference to `kws_run'\n"
        "collect2: error: ld returned 1 exit status\n"
    )
    assert build_error(project, output, LOG).what == "nothing defines kws_init, kws_run"


def test_a_toolchain_without_a_c_library_is_a_package_to_install(project: Project) -> None:
    output = "src/model.c:1:10: fatal error: string.h: No such file or directory\n"
    error = build_error(project, output, LOG)
    assert error.what == "riscv64-unknown-elf-gcc has no C library"
    assert "picolibc-riscv64-unknown-elf" in error.hint


@pytest.mark.parametrize(
    ("output", "what"),
    [
        ("Processing\n/usr/bin/ld: cannot find board.ld\n=== [FAILED] ===\n",
         "/usr/bin/ld: cannot find board.ld"),
        ("*** [firmware.elf] Explicit dependency not found\n=== [FAILED] ===\n",
         "*** [firmware.elf] Explicit dependency not found"),
        ("UnknownPlatform: Unknown development platform 'mcuforge'\n",
         "UnknownPlatform: Unknown development platform 'mcuforge'"),
        ("something else entirely\n", "something else entirely"),
        ("", "pio run failed"),
    ],
)  # fmt: skip
def test_other_failures_show_the_line_that_tells_most(
    project: Project, output: str, what: str
) -> None:
    assert build_error(project, output, LOG).what == what


def test_a_missing_compiler_is_a_package_to_install(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BoardError) as refusal:
        build(project)
    assert refusal.value.what == "riscv64-unknown-elf-gcc is not on PATH"
    assert refusal.value.where == "board hifive1"
    assert refusal.value.hint == (
        "apt install gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"
    )
