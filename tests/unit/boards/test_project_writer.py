# SPDX-License-Identifier: Apache-2.0
"""The project folder: what is in it, the same everywhere, and what it never overwrites."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mcuforge.boards.build import folder
from mcuforge.boards.build.project import BUILD_MARK, Project, write_project
from mcuforge.boards.catalog.board import all_boards, emulated, load_board
from mcuforge.errors import BoardError, InternalError
from mcuforge.runtime_c import sources

MODEL: Mapping[str, str] = {
    "model.c": '#include "model.h"\n#include "mcuforge/table_s8.h"\n',
    "model.h": '#include "mcuforge/status.h"\n',
    "weights.c": "",
    "main.c": "int main(void)\n{\n    return 0;\n}\n",
}


def write(directory: Path, board: str = "qemu-mps2-an386", *, firmware: bool = False) -> Project:
    return write_project(
        directory, emulated(load_board(board)), MODEL, ["table_s8"], firmware=firmware
    )


def texts(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8")
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_only_the_kernels_in_use_and_the_headers_they_include_are_copied(tmp_path: Path) -> None:
    files = texts(write(tmp_path / "p").directory)
    assert [name for name in files if name.startswith("src/kernels/")] == [
        "src/kernels/portable/table_s8.c"
    ]
    headers = {name for name in files if name.startswith("include/mcuforge/")}
    assert headers == {"include/mcuforge/table_s8.h", "include/mcuforge/status.h"}
    assert {"include/model.h", "src/model.c", "src/weights.c", "src/main.c"} <= files.keys()


def test_the_check_program_comes_only_when_asked_for(tmp_path: Path) -> None:
    without = texts(write(tmp_path / "a").directory)
    with_it = texts(write(tmp_path / "b", firmware=True).directory)
    assert {n for n in without if n.startswith("src/firmware/")} == {"src/firmware/board.h"}
    assert {f"src/firmware/{p.name}" for p in sources.firmware_sources()} <= with_it.keys()


def test_features_of_audio_come_with_the_file_that_calls_them(tmp_path: Path) -> None:
    heard = {**MODEL, "audio.c": '#include "mcuforge/audio/audio.h"\n'}
    board = emulated(load_board("qemu-mps2-an386"))
    write_project(tmp_path / "a", board, heard, ["table_s8"], firmware=True)
    files = texts(tmp_path / "a")
    assert {"src/audio.c", "src/audio/lfbe.c"} <= files.keys()
    assert {"include/mcuforge/audio/audio.h", "include/mcuforge/audio/lfbe.h"} <= files.keys()
    assert "-DCHECK_AUDIO" in files["platformio.ini"]
    without = texts(write(tmp_path / "b", firmware=True).directory)
    assert not [
        name for name in without if name.startswith(("src/audio", "include/mcuforge/audio"))
    ]
    assert "-DCHECK_AUDIO" not in without["platformio.ini"]


def build_of(directory: Path, board: str = "qemu-mps2-an386", more: str = "", **how: bool) -> str:
    """What stands for BUILD_MARK in a project."""
    files = {**MODEL, "main.c": f"/* {BUILD_MARK} */{more}"}
    write_project(directory, emulated(load_board(board)), files, ["table_s8"], firmware=True, **how)
    return (directory / "src" / "main.c").read_text(encoding="utf-8")[3:19]


def test_the_digest_of_a_build_tells_sources_flags_and_boards(tmp_path: Path) -> None:
    first = build_of(tmp_path / "first")
    assert len(bytes.fromhex(first)) == 8
    assert build_of(tmp_path / "elsewhere") == build_of(tmp_path / "first") == first
    others = (
        build_of(tmp_path / "source", more="int x;"),
        build_of(tmp_path / "flags", wide_link=True),
        build_of(tmp_path / "board", "qemu-mps2-an500"),
    )
    assert len({first, *others}) == 4


def test_an_isa_version_of_a_kernel_is_taken_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for isa in ("portable", "rv32"):
        (tmp_path / "src" / isa).mkdir(parents=True)
        (tmp_path / "src" / isa / "k.c").write_text('#include "simd.h"\n')
    (tmp_path / "src" / "rv32" / "simd.h").write_text("")
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    assert sources.kernel_source("k", "rv32") == tmp_path / "src" / "rv32" / "k.c"
    portable = sources.kernel_source("k", "armv7em")
    assert portable == tmp_path / "src" / "portable" / "k.c"
    included = sources.included_files([sources.kernel_source("k", "rv32")])
    assert included == (tmp_path / "src" / "rv32" / "simd.h",)
    assert sources.included_files([portable]) == ()


def test_a_kernel_that_does_not_exist_is_our_own_bug() -> None:
    with pytest.raises(InternalError, match="no kernel 'no_such'"):
        sources.kernel_source("no_such", "armv7em")


def test_the_project_is_the_same_bytes_in_every_folder_and_names_none(tmp_path: Path) -> None:
    a = texts(write(tmp_path / "a", firmware=True).directory)
    b = texts(write(tmp_path / "deeper" / "b", firmware=True).directory)
    assert a == b
    root = Path(sources.__file__).resolve().parents[1]
    for name, text in a.items():
        assert str(tmp_path) not in text, name
        assert str(root) not in text, name
        assert str(Path.home()) + "/" not in text, name


@pytest.mark.parametrize("board", [b.id for b in all_boards() if b.emulator or b.stand_in])
def test_every_board_that_can_be_emulated_has_a_project(board: str, tmp_path: Path) -> None:
    files = texts(write(tmp_path / board, board).directory)
    manifest = json.loads(files[f"platforms/mcuforge/boards/{board}.json"])
    wanted = load_board(board)
    assert manifest["upload"]["maximum_ram_size"] == wanted.ram_bytes
    assert manifest["upload"]["maximum_size"] == wanted.flash_bytes
    assert f"default_envs = {board}\n" in files["platformio.ini"]


def test_a_board_without_start_up_code_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    hardware = replace(load_board("pico"), bsp=None)
    with pytest.raises(BoardError, match="start-up code"):
        write_project(tmp_path / "p", hardware, MODEL, ["table_s8"], firmware=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_someone_elses_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("ten years of work")
    with pytest.raises(BoardError) as refusal:
        write(tmp_path)
    assert refusal.value.what == "the folder is not empty and mcuforge did not write it"
    assert refusal.value.where == str(tmp_path)
    assert "--out" in refusal.value.hint
    assert texts(tmp_path) == {"thesis.tex": "ten years of work"}


def test_an_empty_folder_is_filled_and_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert (write(tmp_path / "empty").directory / "platformio.ini").is_file()
    (tmp_path / "file").touch()
    with pytest.raises(BoardError, match="not a folder"):
        write(tmp_path / "file")


def test_writing_again_updates_removes_what_is_gone_and_keeps_the_users_files(
    tmp_path: Path,
) -> None:
    write(tmp_path / "p", firmware=True)
    (tmp_path / "p" / "notes.txt").write_text("mine")
    project = write(tmp_path / "p", firmware=False)
    files = texts(project.directory)
    assert files.pop("notes.txt") == "mine"
    assert files == texts(write(tmp_path / "fresh").directory)


def test_an_unchanged_file_keeps_its_time_stamp(tmp_path: Path) -> None:
    source = write(tmp_path / "p").directory / "src" / "model.c"
    before = source.stat().st_mtime_ns
    write(tmp_path / "p")
    assert source.stat().st_mtime_ns == before


def test_a_file_the_user_changed_is_not_overwritten(tmp_path: Path) -> None:
    source = write(tmp_path / "p").directory / "src" / "main.c"
    source.write_text("int main(void) { return 42; }\n")
    before = texts(tmp_path / "p")
    with pytest.raises(BoardError) as refusal:
        write(tmp_path / "p")
    assert refusal.value.what == "src/main.c was changed after mcuforge wrote it"
    assert refusal.value.where == str(source)
    assert texts(tmp_path / "p") == before


def test_a_file_the_user_put_where_a_new_one_belongs_is_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "p", firmware=False)
    theirs = tmp_path / "p" / "src" / "firmware" / "check.c"
    theirs.write_text("mine")
    with pytest.raises(BoardError, match=r"src/firmware/check\.c is there already"):
        write(tmp_path / "p", firmware=True)
    assert theirs.read_text() == "mine"


@pytest.mark.parametrize("exists", [False, True])
def test_a_failure_while_writing_leaves_what_was_there(
    exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if exists:
        write(tmp_path / "p")
    before = texts(tmp_path)
    real = Path.write_bytes
    written: list[Path] = []

    def full_disk(path: Path, data: bytes) -> int:
        if len(written) == 5:
            raise OSError(28, "No space left on device", str(path))
        written.append(path)
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(BoardError, match="No space left on device"):
        write(tmp_path / "p", firmware=True)
    assert texts(tmp_path) == before


def test_a_damaged_manifest_counts_as_a_folder_of_someone_elses(tmp_path: Path) -> None:
    write(tmp_path / "p")
    (tmp_path / "p" / folder.MANIFEST).write_text("[")
    with pytest.raises(BoardError, match="mcuforge did not write it"):
        write(tmp_path / "p")


def test_a_generated_file_may_not_leave_the_project(tmp_path: Path) -> None:
    board = emulated(load_board("qemu-mps2-an386"))
    with pytest.raises(InternalError):
        write_project(tmp_path / "p", board, {"../model.c": ""}, [], firmware=False)
    assert list(tmp_path.iterdir()) == []
