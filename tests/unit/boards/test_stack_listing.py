# SPDX-License-Identifier: Apache-2.0
"""Frames and calls read from objdump's text: Thumb and RV32 as the libraries write them."""

from mcuforge.boards.image.disassembly import Image, Routine, parse_listing
from mcuforge.boards.image.elf import Elf, Symbol


def image(listing: str, *, thumb: bool) -> Image:
    symbols = [
        Symbol(line[10:-2], int(line[:8], 16), 0, True)
        for line in listing.splitlines()
        if line.endswith(">:")
    ]
    return parse_listing(listing, Elf(thumb, (), tuple(symbols)))


def routine(listing: str, *, thumb: bool = True) -> Routine:
    found = image(listing, thumb=thumb)
    return found.routines[found.starts[0]]


def test_thumb_pushes_and_subtractions_are_the_frame() -> None:
    found = routine(
        "00008000 <f>:\n"
        "    8000:\tpush\t{r4-r7, lr}\n"
        "    8002:\tvpush\t{d8-d9}\n"
        "    8006:\tstmdb\tsp!, {r8, r9, r10}\n"
        "    800a:\tstr.w\tr3, [sp, #-4]!\n"
        "    800e:\tsub\tsp, #72\t@ 0x48\n"
        "    8010:\tsub.w\tsp, sp, #1024\t@ 0x400\n"
        "    8014:\tpop\t{r4-r7, pc}\n"
    )
    assert found.frame_bytes == 20 + 16 + 12 + 4 + 72 + 1024
    assert found.opaque == ()
    assert found.jumps == frozenset()


def test_thumb_calls_and_tail_calls_are_followed_by_address() -> None:
    found = image(
        "00008000 <f>:\n"
        "    8000:\tbl\t8010 <g>\n"
        "    8004:\tcbz\tr0, 8008 <f+0x8>\n"
        "    8006:\tbeq.n\t8012 <g+0x2>\n"
        "    8008:\tb.w\t8020 <h>\n"
        "\n"
        "00008010 <g>:\n"
        "    8010:\tbx\tlr\n"
        "\n"
        "00008020 <h>:\n"
        "    8020:\tbx\tlr\n",
        thumb=True,
    ).routines[0x8000]
    assert found.calls == {0x8010}
    assert found.jumps == {0x8010, 0x8020}


def test_a_routine_that_runs_on_into_the_next_jumps_there_but_padding_does_not() -> None:
    found = image(
        "00008000 <f>:\n"
        "    8000:\tmovs\tr0, #0\n"
        "00008002 <g>:\n"
        "    8002:\tbxeq\tlr\n"
        "00008004 <h>:\n"
        "    8004:\tbx\tlr\n"
        "    8006:\tnop\n"
        "00008008 <last>:\n"
        "    8008:\t.word\t0x12345678\n",
        thumb=True,
    ).routines
    assert found[0x8000].jumps == {0x8002}
    assert found[0x8002].jumps == {0x8004}
    assert found[0x8004].jumps == frozenset()


def test_thumb_returns_through_a_popped_register_and_switches_are_understood() -> None:
    found = routine(
        "00008000 <f>:\n"
        "    8000:\tpush\t{r4, lr}\n"
        "    8002:\ttbb\t[pc, r0]\n"
        "    8006:\tmov\tpc, r3\n"
        "    8008:\tldr.w\tpc, [sp], #8\n"
        "    800c:\tpop\t{r4}\n"
        "    800e:\tpop\t{r1}\n"
        "    8010:\tbx\tr1\n"
    )
    assert found == Routine("f", 8, frozenset(), frozenset(), ())


def test_thumb_calls_through_registers_and_variable_frames_are_opaque() -> None:
    found = routine(
        "00008000 <f>:\n"
        "    8000:\tsub\tsp, r3\n"
        "    8002:\tblx\tr3\n"
        "    8004:\tldr.w\tpc, [pc, #4]\n"
        "    8008:\tbx\tr2\n"
    )
    assert found.opaque == ("sub sp, r3", "blx r3", "ldr.w pc, [pc, #4]", "bx r2")


def test_a_subroutine_inside_a_routine_is_no_recursion_but_a_call_of_its_start_is() -> None:
    listing = "00008000 <f>:\n    8000:\tbl\t80{} <f{}>\n    8004:\tbx\tlr\n"
    assert routine(listing.format("04", "+0x4")).calls == frozenset()
    assert routine(listing.format("00", "")).calls == {0x8000}


def test_risc_v_frames_calls_and_tail_calls_are_read() -> None:
    found = image(
        "80000000 <f>:\n"
        "80000000:\tadd\tsp,sp,-48\n"
        "80000002:\taddi\tsp,sp,-16 # 80001000 <x>\n"
        "80000006:\tjal\tra,80000020 <g>\n"
        "8000000a:\tjalr\t-4(ra) # 80000020 <g>\n"
        "8000000e:\tbeqz\ta0,80000012 <f+0x12>\n"
        "80000012:\tadd\tsp,sp,64\n"
        "80000014:\tj\t80000030 <h>\n"
        "\n"
        "80000020 <g>:\n"
        "80000020:\tret\n"
        "80000030 <h>:\n"
        "80000030:\tret\n",
        thumb=False,
    ).routines[0x80000000]
    assert found == Routine("f", 64, frozenset({0x80000020}), frozenset({0x80000030}), ())


def test_risc_v_save_routines_make_the_callers_frame() -> None:
    listing = "80000000 <f>:\n80000000:\tjal\tt0,80000100 <__riscv_save_{}>\n80000004:\tret\n"
    assert routine(listing.format(0), thumb=False).frame_bytes == 16
    assert routine(listing.format(12), thumb=False).frame_bytes == 64


def test_a_risc_v_register_jump_is_a_switch_while_the_frame_stands() -> None:
    switch = "80000000 <f>:\n80000000:\tadd\tsp,sp,-16\n80000002:\tjr\ta5\n"
    assert routine(switch, thumb=False).opaque == ()
    tail_call = "80000000 <f>:\n80000000:\tjr\ta5\n"
    assert routine(tail_call, thumb=False).opaque == ("jr a5",)
    assert routine("80000000 <f>:\n80000000:\tjalr\ta5\n", thumb=False).opaque == ("jalr a5",)
    variable = "80000000 <f>:\n80000000:\tsub\tsp,sp,a0\n80000002:\tret\n"
    assert routine(variable, thumb=False).opaque == ("sub sp,sp,a0",)
