# SPDX-License-Identifier: Apache-2.0
"""Keeps weights outside the chip out of firmware.bin, which would reach from one flash to the other.

Between the flashes lie two gigabytes of addresses. OpenOCD writes both from firmware.elf.
"""

from SCons.Script import DefaultEnvironment

env = DefaultEnvironment()
env.Replace(OBJCOPY=env["OBJCOPY"] + " --remove-section=.mcuforge_weights.*")
