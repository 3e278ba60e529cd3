# SPDX-License-Identifier: Apache-2.0
"""The proved stack bound against the compiler's own figures and against a painted stack."""

import re

import pytest
import serial

from mcuforge.boards.build.build import Firmware, build
from mcuforge.boards.build.project import write_project
from mcuforge.boards.build.tools import locate
from mcuforge.boards.catalog.board import emulated, load_board
from mcuforge.boards.emulator import qemu
from mcuforge.boards.image.callgraph import read_callgraph
from mcuforge.boards.image.disassembly import read_image
from mcuforge.boards.image.stack import stack_bound
from mcuforge.errors import InternalError

BOARDS = ("qemu-mps2-an386", "qemu-riscv32")
MODEL_C = r"""
#include "model.h"

#include <string.h>

static __attribute__((noinline)) int32_t leaf(int32_t x)
{
    volatile int32_t values[50];
    for (int32_t i = 0; i < 50; i++) {
        values[i] = x + i;
    }
    return values[x & 31];
}

__attribute__((noinline)) int32_t middle(int32_t x)
{
    volatile int32_t values[20];
    values[x & 15] = leaf(x);
    return values[x & 15] + leaf(x + 1);
}

__attribute__((noinline)) int64_t divides(int64_t a, int64_t b)
{
    volatile int32_t pad[10];
    pad[a & 7] = (int32_t)b;
    return a / b + pad[a & 7];
}

__attribute__((noinline)) double scales(double a, float b)
{
    volatile int32_t pad[60];
    pad[3] = (int32_t)b;
    return a / (double)b + a * (double)b - (double)pad[3];
}

__attribute__((noinline)) int32_t copies(int8_t *to, const int8_t *from, uint32_t size)
{
    memcpy(to, from, size);
    memset(to, 3, size / 2U);
    return to[size - 1U];
}

int32_t all_run(int32_t x)
{
    static int8_t a[64];
    static int8_t b[64];
    return middle(x) + (int32_t)divides(x * INT64_C(7000000000), x + 3) +
           (int32_t)scales((double)x, (float)x + 1.5F) + copies(a, b, (uint32_t)x + 32U);
}

int32_t recurses_run(int32_t x)
{
    return x < 2 ? 1 : recurses_run(x - 1) * recurses_run(x - 2);
}

int32_t varies_run(int32_t x)
{
    volatile int32_t values[x];
    values[0] = x;
    return leaf(values[0]);
}

int32_t points_run(int32_t (*f)(int32_t))
{
    return f(1) + 1;
}
"""
ENTRIES = ("middle", "all_run")
# prints "name bytes" per entry: paints the stack, runs it, looks how deep the paint is gone
MAIN_C = r"""
#include "board.h"
#include "model.h"

static volatile int32_t seed = 9;
static volatile int64_t sink;

__attribute__((noinline)) static void paint(void)
{
    const uint8_t *here = __builtin_frame_address(0);
    for (volatile uint8_t *at = board_stack_low; at < here - 64; at++) {
        *at = 0xC5U;
    }
}

__attribute__((noinline)) static void report(const char *name, uint32_t bytes)
{
    uint32_t size = 0;
    while (name[size] != '\0') {
        size++;
    }
    board_write((const uint8_t *)name, size);
    uint8_t text[] = " 00000\n";
    for (uint32_t at = 5; at > 0; at--) {
        text[at] = (uint8_t)('0' + bytes % 10U);
        bytes /= 10U;
    }
    board_write(text, 7);
}

__attribute__((noinline)) static uint32_t used(const uint8_t *top)
{
    const uint8_t *at = board_stack_low;
    while (*at == 0xC5U) {
        at++;
    }
    return (uint32_t)(top - at);
}

#define MEASURE(name)                                        \
    do {                                                     \
        paint();                                             \
        sink = name(seed);                                   \
        report(#name, used(__builtin_frame_address(0)));     \
    } while (0)

int main(void)
{
    board_init();
    while (board_read() < 0) {
    }
    MEASURE(middle);
    MEASURE(all_run);
    sink = recurses_run(seed) + varies_run(seed) + points_run(all_run);
    for (;;) {
    }
}
"""
MODEL_H = "#include <stdint.h>\n" + "".join(
    f"{kind} {name};\n"
    for kind, name in (
        ("int32_t", "middle(int32_t x)"),
        ("int64_t", "divides(int64_t a, int64_t b)"),
        ("double", "scales(double a, float b)"),
        ("int32_t", "copies(int8_t *to, const int8_t *from, uint32_t size)"),
        ("int32_t", "all_run(int32_t x)"),
        ("int32_t", "recurses_run(int32_t x)"),
        ("int32_t", "varies_run(int32_t x)"),
        ("int32_t", "points_run(int32_t (*f)(int32_t))"),
    )
)
FILES = {"model.c": MODEL_C, "model.h": MODEL_H, "main.c": MAIN_C}


@pytest.fixture(scope="module", params=BOARDS)
def firmware(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    board = emulated(load_board(request.param))
    folder = tmp_path_factory.mktemp(request.param) / "p"
    return build(write_project(folder, board, FILES, [], firmware=False))


def painted(firmware: Firmware) -> dict[str, int]:
    """Entry -> bytes of stack the emulated board touched in it, and in main()'s own frame."""
    with (
        qemu.start(firmware.board, firmware.elf) as running,
        serial.Serial(running.port, timeout=10) as line,
    ):
        line.write(b"?")
        text = b"".join(line.readline() for _ in ENTRIES).decode()
    return {name: int(size) for name, size in re.findall(r"(\w+) (\d+)\n", text)}


def test_the_bound_holds_and_is_close_on_the_board(firmware: Firmware) -> None:
    measured = painted(firmware)
    assert measured.keys() == set(ENTRIES)
    main_frame = stack_frame(firmware, "main")
    for entry in ENTRIES:
        bound = stack_bound(firmware, entry)
        assert bound.unknown == ()
        touched_below_main = measured[entry] - main_frame
        assert touched_below_main <= bound.bytes
        # local arrays are not touched to their last byte, library frames are upper bounds
        assert bound.bytes <= measured[entry] + 64


def stack_frame(firmware: Firmware, name: str) -> int:
    return read_callgraph(firmware.build_dir)[name].frame_bytes


def test_frames_read_off_instructions_are_those_the_compiler_reports(firmware: Firmware) -> None:
    objdump = locate(f"{firmware.board.toolchain.prefix}objdump", firmware.board.id)
    image = read_image(firmware.elf, objdump)
    compared = 0
    for function in read_callgraph(firmware.build_dir).values():
        address = image.addresses.get(function.name)
        # a naked function has no frame of the compiler's making, a variable one no figure
        if address is None or function.dynamic or function.name == "fault_entry":
            continue
        read = image.routines[address].frame_bytes
        # equal, or more where exclusive branches each push
        assert function.frame_bytes <= read <= 2 * function.frame_bytes, function.name
        compared += 1
    assert compared > 15


def test_the_deepest_path_is_named_to_the_library_routine(firmware: Firmware) -> None:
    path = stack_bound(firmware, "all_run").path
    assert path[0] == "all_run"
    assert path[1] in ("middle", "scales", "divides")
    scales = stack_bound(firmware, "scales")
    assert re.fullmatch(r"__(aeabi_d(div|mul|sub)|(div|mul|sub)df3)", scales.path[1])
    assert scales.bytes > stack_frame(firmware, "scales")


def test_recursion_and_variable_frames_are_refused(firmware: Firmware) -> None:
    with pytest.raises(InternalError, match="'recurses_run' calls itself"):
        stack_bound(firmware, "recurses_run")
    with pytest.raises(InternalError, match="'varies_run' has a stack frame of variable size"):
        stack_bound(firmware, "varies_run")


def test_a_call_through_a_pointer_is_named(firmware: Firmware) -> None:
    bound = stack_bound(firmware, "points_run")
    assert bound.unknown == ("a call through a pointer in points_run",)
    assert bound.bytes >= 256
