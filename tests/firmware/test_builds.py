# SPDX-License-Identifier: Apache-2.0
"""The firmware compiles without a warning for every CPU, and stays small."""

import shutil
import subprocess
from pathlib import Path

import pytest

from mcuforge.runtime_c.sources import firmware_dir, firmware_sources
from tests.golden.host import WARNINGS

TARGETS = (
    ("gcc", "-m64"),
    ("clang", "-m64"),
    ("arm-none-eabi-gcc", "-mthumb -mcpu=cortex-m0plus"),
    ("arm-none-eabi-gcc", "-mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard"),
    ("arm-none-eabi-gcc", "-mthumb -mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mfloat-abi=hard"),
    ("riscv64-unknown-elf-gcc", "-march=rv32imac -mabi=ilp32 --specs=picolibc.specs"),
)
RAM_MAX_BYTES = 536  # with the receive ring of 1024 B a tenth of the smallest board's 16 KiB
FLASH_MAX_BYTES = 12154  # 90 of them are pulse.c, which only the energy build links


def compile_all(compiler: str, flags: str, folder: Path) -> None:
    """Object files of every firmware source in `folder`; fails on any warning."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    options = [*WARNINGS, "-Wpedantic", *flags.split(), f"-I{firmware_dir()}", "-c"]
    done = subprocess.run(
        [compiler, *options, *firmware_sources()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("level", ["-O0", "-Os", "-O3"])
@pytest.mark.parametrize(("compiler", "flags"), TARGETS)
def test_no_compiler_has_a_word_to_say(
    compiler: str, flags: str, level: str, tmp_path: Path
) -> None:
    compile_all(compiler, f"{flags} {level}", tmp_path)


@pytest.mark.parametrize(("compiler", "flags"), TARGETS)
def test_nor_to_firmware_that_listens(compiler: str, flags: str, tmp_path: Path) -> None:
    compile_all(compiler, f"{flags} -O2 -DCHECK_AUDIO", tmp_path)


@pytest.mark.parametrize(("compiler", "flags"), TARGETS[2:])
def test_the_firmware_leaves_the_ram_to_the_model(
    compiler: str, flags: str, tmp_path: Path
) -> None:
    compile_all(compiler, f"{flags} -Os", tmp_path)
    sizes = subprocess.run(
        [compiler.replace("gcc", "size"), "--totals", *tmp_path.glob("*.o")],
        capture_output=True,
        text=True,
        check=True,
    )
    text, data, bss = map(int, sizes.stdout.splitlines()[-1].split()[:3])
    assert 0 < data + bss <= RAM_MAX_BYTES
    assert 0 < text <= FLASH_MAX_BYTES
