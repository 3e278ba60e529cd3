# SPDX-License-Identifier: Apache-2.0
"""Every virtual chip, by the name that a board's file gives under `virtual`."""

from mcuforge.boards.virtual.stm32.facts import Facts
from mcuforge.boards.virtual.stm32f4.facts import CHIPS as STM32F4
from mcuforge.boards.virtual.stm32f7.facts import CHIPS as STM32F7

CHIPS: dict[str, Facts] = STM32F4 | STM32F7
