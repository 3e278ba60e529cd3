# SPDX-License-Identifier: Apache-2.0
"""Start-up code of QSPI flash and SDRAM with one planted fault each, and the rule that finds it."""

from mcuforge.boards.virtual.failure import Rule
from tests.emulated.mutants.stm32f4 import Mutant

BOARD = "disco_f746ng"
FLASH, RAM, WIRES, PLACES, MPU = "quadspi.c", "sdram.c", "stm32_pins.h", "external.h", "mpu.h"
REFRESH_COMMAND = "!command(SDCMR_REFRESH | ((REFRESHES - 1u) << SDCMR_REFRESHES_AT)) ||"
BANK = "mpu_restrict(MPU_QSPI_BANK, BOARD_QSPI_ORIGIN, BANK_BYTES_LOG2, MPU_NONE);"
ARENA = "mpu_restrict(MPU_SDRAM, BOARD_SDRAM_ORIGIN, SDRAM_BYTES_LOG2, MPU_CACHED_DATA);"


def mutant(name: str, file: str, old: str, new: str, rule: Rule) -> Mutant:
    """A mutant of the one board."""
    return Mutant(name, file, old, new, rule, BOARD)


MUTANTS = (
    mutant("no clock for QUADSPI", FLASH, "RCC_AHB3ENR |= AHB3ENR_QUADSPI;", "", Rule.UNCLOCKED),
    mutant("no clock for FMC", RAM, "RCC_AHB3ENR |= AHB3ENR_FMC;", "", Rule.UNCLOCKED),
    mutant("no clock for pins", WIRES, "RCC_GPIOENR |= GPIOENR_PORT(port);", "", Rule.UNCLOCKED),
    mutant("pins are outputs", WIRES, "PIN_ALTERNATE 2u", "PIN_ALTERNATE 1u", Rule.PIN_MODE),
    mutant("AF9 for all pins", WIRES, "(uint32_t)pins[i].alternate << half", "9u << half",
           Rule.ALTERNATE),
    mutant("pins at the speed of a reset", WIRES, "PIN_OSPEEDR(port) |= PIN_FASTEST << pair;", "",
           Rule.PIN_SPEED),
    mutant("flash clock undivided", FLASH, "(PRESCALER << CR_PRESCALER_AT) | ", "",
           Rule.FLASH_CLOCK),
    mutant("too few dummy cycles for the clock", FLASH, "DUMMY_CYCLES 10u", "DUMMY_CYCLES 8u",
           Rule.FLASH_CLOCK),
    mutant("other dummy cycles than the flash", FLASH, "(DUMMY_CYCLES << CCR_DUMMY_AT)",
           "(8u << CCR_DUMMY_AT)", Rule.DUMMY),
    mutant("dummy cycles left as at the factory", FLASH, "DUMMY_CYCLES << 4) | (1u << 3)",
           "9u << 4) | (1u << 3)", Rule.DUMMY),
    mutant("never memory-mapped", FLASH, "QUADSPI_CCR = CCR_MEMORY_MAPPED",
           "if (0) QUADSPI_CCR = CCR_MEMORY_MAPPED", Rule.EXTERNAL_OFF),
    mutant("QUADSPI not enabled", FLASH, "CR_SAMPLE_LATER | CR_ENABLE;", "CR_SAMPLE_LATER;",
           Rule.EXTERNAL_OFF),
    mutant("never started", "external.c", "board_used_qspi != 0", "0", Rule.UNCLOCKED),
    mutant("a command of one line on four", FLASH, "QUAD_IO_FAST_READ 0xEBu",
           "QUAD_IO_FAST_READ 0x0Bu", Rule.FLASH_COMMAND),
    mutant("quad protocol without its command", FLASH, "define ONE_LINE 1u", "define ONE_LINE 3u",
           Rule.FLASH_COMMAND),
    mutant("a command of another maker", FLASH, "VOLATILE_CONFIGURATION 0x81u",
           "VOLATILE_CONFIGURATION 0x31u", Rule.FLASH_COMMAND),
    mutant("no write enable", FLASH, "if (!tell(WRITE_ENABLE, ONE_LINE) ||", "if (",
           Rule.WRITE_ENABLE),
    mutant("half the flash", FLASH, "(FLASH_BYTES_LOG2 - 1u) <<", "(FLASH_BYTES_LOG2 - 2u) <<",
           Rule.GEOMETRY),
    mutant("reads wrap", FLASH, "| (1u << 3) | 3u)", "| (1u << 3))", Rule.GEOMETRY),
    mutant("commands too close", FLASH, "(SELECT_HIGH_CYCLES - 1u)", "(SELECT_HIGH_CYCLES - 4u)",
           Rule.TIMING),
    mutant("commands into a busy controller", FLASH, "wait_for(&QUADSPI_SR, SR_BUSY, 0u)", "1",
           Rule.LOCKED),
    mutant("a flag never asked for", FLASH, "SR_COMPLETE (1u << 1)", "SR_COMPLETE (1u << 3)",
           Rule.POLL),
    mutant("bank open behind the flash", FLASH, BANK, "", Rule.SPECULATION),
    mutant("bank over the flash", PLACES, "MPU_QSPI_BANK 1u", "MPU_QSPI_BANK 4u",
           Rule.DEVICE_MEMORY),
    mutant("SDRAM in the default map", RAM, ARENA, "", Rule.DEVICE_MEMORY),
    mutant("SDRAM as a device", MPU, "3 << 24 | 1 << 19 | 1 << 17 | 1 << 16", "3 << 24 | 1 << 16",
           Rule.DEVICE_MEMORY),
    mutant("bank 1 left on", RAM, "FMC_BCR1 &= ~BCR_ENABLE;", "", Rule.SPECULATION),
    mutant("SDRAM never started", "external.c", "board_used_sdram != 0", "0", Rule.UNCLOCKED),
    mutant("clock never started", RAM, "if (!command(SDCMR_CLOCK)) {", "if (0) {",
           Rule.SDRAM_ORDER),
    mutant("no wait for the clock", RAM, "wait_us(POWER_UP_US);", "", Rule.SDRAM_ORDER),
    mutant("no precharge", RAM, "!command(SDCMR_PRECHARGE) ||", "", Rule.SDRAM_ORDER),
    mutant("no refresh at the start", RAM, REFRESH_COMMAND, "", Rule.SDRAM_ORDER),
    mutant("one refresh at the start", RAM, "REFRESHES 8u", "REFRESHES 1u", Rule.SDRAM_ORDER),
    mutant("mode never loaded", RAM, "||\n        !command(SDCMR_MODE | (MODE << SDCMR_MODE_AT))",
           "", Rule.SDRAM_ORDER),
    mutant("timing never written", RAM, "FMC_SDTR1 = TIMING;", "", Rule.SDRAM_ORDER),
    mutant("commands while busy", RAM, "!wait_for(&FMC_SDSR, SDSR_BUSY, 0u)", "0", Rule.LOCKED),
    mutant("no refresh", RAM, "FMC_SDRTR = REFRESH_COUNT << SDRTR_COUNT_AT;", "", Rule.REFRESH),
    mutant("refresh of 2,048 rows", RAM, "ROW_NS 15625u", "ROW_NS 31250u", Rule.REFRESH),
    mutant("no time to spare for a refresh", RAM, "/ 1000u - 20u)", "/ 1000u - 19u)", Rule.REFRESH),
    mutant("SDRAM at HCLK / 2", RAM, "? 3u : 2u)", "? 2u : 2u)", Rule.TIMING),
    mutant("TRC of another part", RAM, "T_RC 60u", "T_RC 50u", Rule.TIMING),
    mutant("TRAS too short", RAM, "T_RAS 42u", "T_RAS 40u", Rule.TIMING),
    mutant("TRP too short", RAM, "T_RP 18u", "T_RP 12u", Rule.TIMING),
    mutant("TRCD too short", RAM, "T_RCD 18u", "T_RCD 12u", Rule.TIMING),
    mutant("TXSR too short", RAM, "T_XSR 67u", "T_XSR 50u", Rule.TIMING),
    mutant("TWR too short", RAM, "(WRITE_CYCLES - 1u)", "(WRITE_CYCLES - 2u)", Rule.TIMING),
    mutant("TMRD too short", RAM, "MODE_CYCLES 2u", "MODE_CYCLES 1u", Rule.TIMING),
    mutant("CAS latency of the controller alone", RAM, "(CAS_CYCLES << 4)", "(3u << 4)",
           Rule.GEOMETRY),
    mutant("2,048 rows", RAM, "SDCR_ROWS_12 (1u << 2)", "SDCR_ROWS_12 (0u << 2)", Rule.GEOMETRY),
)  # fmt: skip
