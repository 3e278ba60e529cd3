# SPDX-License-Identifier: Apache-2.0
"""The split of flash and RAM by owner, from a map file written by hand."""

from dataclasses import astuple
from pathlib import Path

import pytest

from mcuforge.boards.catalog.memory import Memory
from mcuforge.boards.image.elf import Section
from mcuforge.boards.image.footprint import FlashUse, MemoryUse, RamUse, split
from mcuforge.boards.image.link_map import LinkMap, read_map
from mcuforge.errors import InternalError

BUILD = Path("/p/.pio/build/b1")
FLASH = Memory("flash", "flash", 0, 0x1000, 2)
SRAM = Memory("sram", "ram", 0x20000000, 0x600, 2)
SRAM2 = Memory("sram2", "ram", 0x20000600, 0x1000, 1)
CCM = Memory("ccm", "ram", 0x10000000, 0x200, 3)
MEMORIES = (SRAM, SRAM2, CCM, FLASH)
MAP = """Archive member included to satisfy reference by file (symbol)

Linker script and memory map

LOAD .pio/build/b1/src/model.o

.boot           0x00000000       0x40
 *(.boot)
 .boot          0x00000000       0x40 .pio/build/b1/src/bsp/startup.o
                0x00000000                reset_entry

.text           0x00000040       0xd6
 *(.text .text.*)
 .text.kws_run  0x00000040       0x20 .pio/build/b1/src/model.o
                0x00000040                kws_run
 .text.a_very_long_name
                0x00000060       0x30 .pio/build/b1/src/kernels/portable/conv2d_s8.o
                0x00000060                a_very_long_name
 .text          0x00000090       0x10 /lib/libc.a(memcpy.o)
 .text          0x000000a0        0xe /lib/libc.a(memset.o)
 *fill*         0x000000ae        0x2
 .text          0x000000b0       0x20 /lib/libgcc.a(div.o)
 .text          0x000000d0       0x40 /lib/libc.a(printf.o)
 .text.main     0x00000110        0x6 .pio/build/b1/src/firmware/main.o

.rodata         0x00000118      0x128
 .rodata.str1.4
                0x00000118        0x9 .pio/build/b1/src/firmware/main.o
                                  0xc (size before relaxing)
 .rodata.w      0x00000118      0x100 .pio/build/b1/src/weights.o
 .rodata.p0     0x00000218       0x28 .pio/build/b1/src/model.o

.stack          0x20000000      0x400
                0x20000000                board_stack_low = .
 *fill*         0x20000000      0x400

.data           0x20000400        0xc load address 0x00000240
 .data.table    0x20000400        0x8 .pio/build/b1/src/model.o
 .data.port     0x20000408        0x4 .pio/build/b1/src/firmware/main.o

.bss            0x20000410       0x5c load address 0x0000024c
 .bss.state     0x20000410        0x8 .pio/build/b1/src/check_model.o
 .bss.db        0x20000418       0x14 .pio/build/b1/src/check_model.o
 .bss.ring      0x2000042c       0x40 .pio/build/b1/src/bsp/serial.o

.mcuforge_arena
                0x20000470      0x220 load address 0x0000024c
 .mcuforge_arena
                0x20000470      0x220 .pio/build/b1/src/check_model.o

.mcuforge_arena.ccm
                0x10000000      0x110
 .mcuforge_arena.ccm
                0x10000000      0x110 .pio/build/b1/src/check_model.o

.tls
OUTPUT(.pio/build/b1/firmware.elf elf32-littlearm)

.debug_info     0x00000000      0x100
 .debug_info    0x00000000      0x100 .pio/build/b1/src/model.o

Cross Reference Table

Symbol                                            File
__div                                             /lib/libgcc.a(div.o)
                                                  /lib/libc.a(memset.o)
board_stack_low                                   .pio/build/b1/src/bsp/startup.o
memcpy                                            /lib/libc.a(memcpy.o)
                                                  .pio/build/b1/src/firmware/main.o
                                                  .pio/build/b1/src/kernels/portable/conv2d_s8.o
memset                                            /lib/libc.a(memset.o)
                                                  .pio/build/b1/src/model.o
printf                                            /lib/libc.a(printf.o)
                                                  .pio/build/b1/src/firmware/main.o
"""
SECTIONS = {
    section.name: section
    for section in (
        Section(".boot", 0, 0x40, allocated=True, writable=False, loaded=True),
        Section(".text", 0x40, 0xD6, allocated=True, writable=False, loaded=True),
        Section(".rodata", 0x118, 0x128, allocated=True, writable=False, loaded=True),
        Section(".stack", 0x20000000, 0x400, allocated=True, writable=True, loaded=False),
        Section(".data", 0x20000400, 0xC, allocated=True, writable=True, loaded=True),
        Section(".bss", 0x20000410, 0x5C, allocated=True, writable=True, loaded=False),
        Section(".mcuforge_arena", 0x20000470, 0x220, allocated=True, writable=True, loaded=False),
        Section(
            ".mcuforge_arena.ccm", 0x10000000, 0x110, allocated=True, writable=True, loaded=False
        ),
    )
}
ARENAS = {"ram": 0x200, "ccm": 0xF0}


@pytest.fixture
def link_map(tmp_path: Path) -> LinkMap:
    path = tmp_path / "firmware.map"
    path.write_text(MAP)
    return read_map(path)


def test_flash_is_split_into_weights_the_models_code_and_the_firmware(link_map: LinkMap) -> None:
    flash = split(SECTIONS, link_map, BUILD, ARENAS, MEMORIES).flash
    memset_and_its_division = 0xE + 2 + 0x20  # the padding goes with the object before it
    assert flash == FlashUse(
        weights=0x100,
        code=0x20 + 0x30 + 0x28 + 0x10 + memset_and_its_division + 8,
        firmware=0x40 + 0x40 + 0x6 + 4,
    )
    assert sum(astuple(flash)) == 0x40 + 0xD6 + 0x128 + 0xC


def test_ram_is_split_into_arena_statics_stack_and_the_firmware(link_map: LinkMap) -> None:
    ram = split(SECTIONS, link_map, BUILD, ARENAS, MEMORIES).ram
    canaries = 2 * 0x20
    assert ram == RamUse(
        arena=0x200 + 0xF0, static=8 + 8, stack=0x400, firmware=4 + 0x14 + 0x40 + canaries
    )
    assert sum(astuple(ram)) == 0x400 + 0xC + 0x5C + 0x220 + 0x110


def test_what_lies_in_each_memory_is_found_by_its_addresses(link_map: LinkMap) -> None:
    memories = split(SECTIONS, link_map, BUILD, ARENAS, MEMORIES).memories
    assert memories == (
        MemoryUse(SRAM, used=0x600 - 8, arenas=0x600 - 0x470, weights=0),  # 8 for alignment
        MemoryUse(SRAM2, used=0x90, arenas=0x90, weights=0),  # the arena lies across the border
        MemoryUse(CCM, used=0x110, arenas=0x110, weights=0),
        MemoryUse(FLASH, used=0x40 + 0xD6 + 0x128 + 0xC, arenas=0, weights=0x100),
    )


def test_a_map_that_disagrees_with_the_elf_is_our_own_bug(link_map: LinkMap) -> None:
    text = SECTIONS[".text"]
    longer = Section(text.name, text.address, text.bytes + 2, True, False, True)
    with pytest.raises(InternalError, match=r"\.text: 214 B in the map, 216 B in the ELF"):
        split(SECTIONS | {".text": longer}, link_map, BUILD, ARENAS, MEMORIES)


@pytest.mark.parametrize(
    ("region", "wanted", "found"), [("ram", 545, 544), ("ccm", 0x111, 0x110), ("dtcm", 1, 0)]
)
def test_an_image_without_an_arena_of_the_planned_size_is_our_own_bug(
    link_map: LinkMap, region: str, wanted: int, found: int
) -> None:
    said = f"region '{region}' has {found} B of arena in the image, the plan needs {wanted} B"
    with pytest.raises(InternalError, match=said):
        split(SECTIONS, link_map, BUILD, ARENAS | {region: wanted}, MEMORIES)


def test_a_map_without_the_cross_reference_table_is_our_own_bug(tmp_path: Path) -> None:
    path = tmp_path / "firmware.map"
    path.write_text(MAP.partition("Cross Reference Table")[0])
    with pytest.raises(InternalError, match="--cref"):
        read_map(path)
