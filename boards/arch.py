# SPDX-License-Identifier: Apache-2.0
"""The processor architectures of boards: one record each of tools, start-up code, packages."""

from dataclasses import dataclass
from pathlib import Path

BSP = Path(__file__).resolve().parent / "bsp"
"""Start-up code: common/, arch/<folder>/ and chip/<family>/, and the linker script's template."""


@dataclass(frozen=True)
class Arch:
    """One processor architecture."""

    name: str  # as the linker script's template calls it
    prefix: str  # of its GNU tools: prefix + "gcc" is the compiler
    folder: str  # of its start-up code, in boards/bsp/arch
    packages: str  # Debian packages of compiler and C library


ARCHITECTURES = (
    Arch("arm", "arm-none-eabi-", "cortex_m", "gcc-arm-none-eabi libnewlib-arm-none-eabi"),
    Arch(
        "riscv",
        "riscv64-unknown-elf-",
        "riscv",
        "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    ),
)


def arch_of(prefix: str) -> Arch:
    """Find the architecture whose tools have that prefix; the catalog accepts no other prefix."""
    return next(arch for arch in ARCHITECTURES if arch.prefix == prefix)
