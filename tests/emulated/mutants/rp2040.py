# SPDX-License-Identifier: Apache-2.0
"""Start-up code of the RP2040 with one planted fault each, and the rule that must find it."""

import struct
from pathlib import Path

from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.rp2040.chip import STAGE_BYTES, checksum
from tests.emulated.mutants.stm32f4 import Images, Mutant

BOARD = "pico"
BOOT, CLOCK, CHIP, UART, RESETS = "boot2.S", "clock.c", "rp2040.c", "uart.h", "resets.h"
STARTUP, VECTORS = "startup.c", "vectors.S"
LINE = "SYST_RVR = SYST_LAST;"  # of family_init(), in whose place a mutant does something else
CORE_ONLY = "#if !defined(CHIP_IS_ARMV6M)"
LCR_H = "UART_LCR_H = LCR_8_BITS | LCR_FIFOS;"
DIVISORS = "UART_IBRD = units / 64u;\n    UART_FBRD = units % 64u;\n    "
PADS = "PAD_WITHOUT_SCHMITT, (1 << 6) | (1 << 4)"


def planted(name: str, file: str, old: str, new: str, rule: Rule) -> Mutant:
    """Make a mutant for the Pico."""
    return Mutant(name, file, old, new, rule, BOARD)


MUTANTS = (
    planted("a wrong CRC", BOOT, ".word 0x59703415", ".word 0x59703416", Rule.BOOT_CHECKSUM),
    planted("CRC of another divisor", BOOT, "CLOCK_DIVISOR, 2", "CLOCK_DIVISOR, 4",
            Rule.BOOT_CHECKSUM),
    planted("no mode bits", BOOT, "MODE_CONTINUE, 0xA0", "MODE_CONTINUE, 0x00", Rule.FLASH_OFF),
    planted("quad mode stays off", BOOT, "bne quad_is_on", "b quad_is_on", Rule.FLASH_OFF),
    planted("status is not to be written", BOOT, "movs r0, #CMD_VOLATILE_WRITE_ENABLE",
            "movs r0, #CMD_READ_STATUS_2", Rule.FLASH_OFF),
    planted("a command in each read", BOOT, "ldr r0, without_command", "ldr r0, with_command",
            Rule.FLASH_OFF),
    planted("another read command", BOOT, "CMD_READ_QUAD, 0xEB", "CMD_READ_QUAD, 0x6B",
            Rule.FLASH_OFF),
    planted("flash's pads give no input", BOOT, PADS, "PAD_WITHOUT_SCHMITT, (1 << 4)",
            Rule.FLASH_OFF),
    planted("an odd divisor", BOOT, "CLOCK_DIVISOR, 2", "CLOCK_DIVISOR, 3", Rule.FLASH_OFF),
    planted("SSI changed while it is on", BOOT, "str r6, [r3, #SSIENR] /* all else", "nop /*",
            Rule.LOCKED),
    planted("transfer not waited for", BOOT, "ldr r2, patience", "movs r2, #1", Rule.NOT_READY),
    planted("an odd table of vectors", BOOT, "VECTORS, 0x10000100",
            "VECTORS, 0x10000101", Rule.MISALIGNED),
    planted("a variable in flash", CHIP, LINE, "*(volatile uint32_t *)0x10000200u = 1u;",
            Rule.FLASH_WRITE),
    planted("a null pointer", CHIP, LINE, "SYST_RVR = *(volatile uint32_t *)4u;", Rule.UNUSED),
    planted("flash past its cache", CHIP, LINE, "SYST_RVR = *(volatile uint32_t *)0x13000000u;",
            Rule.UNUSED),
    planted("a variable behind SRAM5", CHIP, LINE, "*(volatile uint32_t *)0x20042000u = 1u;",
            Rule.UNMAPPED),
    planted("a call of the second stage", CHIP, LINE, "((void (*)(void))0x20041f01u)();",
            Rule.EXECUTE),
    planted(
        "a word at an odd address", CHIP, LINE,
        '__asm volatile("ldr r3, [%0]" ::"r"(0x20001002u) : "r3");', Rule.MISALIGNED,
    ),
    planted("a branch if zero", CHIP, LINE, '__asm volatile(".hword 0xb100");', Rule.INSTRUCTION),
    planted("an IT block", CHIP, LINE, '__asm volatile(".hword 0xbf08, 0xbf00");',
            Rule.INSTRUCTION),
    planted("a division", CHIP, LINE, '__asm volatile(".hword 0xfbb0, 0xf0f1");',
            Rule.INSTRUCTION),
    planted("a constant of 16 bits", CHIP, LINE, '__asm volatile(".hword 0xf240, 0x0000");',
            Rule.INSTRUCTION),
    planted(
        "an overflow of the stack", CHIP, LINE,
        '__asm volatile("mov sp, %0\\n push {r0}" ::"r"(board_stack_low));', Rule.LOCKUP,
    ),
    planted("UART0 stays in reset", CHIP, "RESET_UART0 | RESET_TIMER", "RESET_TIMER",
            Rule.IN_RESET),
    planted("TIMER stays in reset", CHIP, "RESET_UART0 | RESET_TIMER", "RESET_UART0",
            Rule.IN_RESET),
    planted("IO_BANK0 stays in reset", CHIP, "| RESET_IO_BANK0 ", "", Rule.IN_RESET),
    planted("PADS_BANK0 stays in reset", CHIP, "| RESET_PADS_BANK0 ", "", Rule.IN_RESET),
    planted("end of reset not waited for", RESETS, "return wait_for(&RESETS_DONE, blocks, blocks);",
            "return true;", Rule.IN_RESET),
    planted("never out of reset", RESETS, "CLEARS(RESETS_RESET) = blocks;", "", Rule.POLL),
    planted("view that flips bits", RESETS, "(address) + 0x3000u", "(address) + 0x1000u",
            Rule.NOT_READY),
    planted("view of the next block", RESETS, "(address) + 0x2000u", "(address) + 0x4000u",
            Rule.UNMAPPED),
    planted("no clk_peri", CLOCK, "SETS(CLK_PERI_CTRL) = PERI_ENABLE;", "", Rule.UNCLOCKED),
    planted("clk_peri from XOSC with PLL's divisor", CLOCK, "SETS(CLK_PERI_CTRL) = PERI_ENABLE;",
            "SETS(CLK_PERI_CTRL) = 4u << 5; SETS(CLK_PERI_CTRL) = PERI_ENABLE;", Rule.BAUD),
    planted("crystal never asked for", CLOCK, "XOSC_CTRL = XOSC_1_TO_15_MHZ | XOSC_ENABLE;", "",
            Rule.POLL),
    planted("PLL never asked for", CLOCK, "CLEARS(PLL_PWR) = PWR_PD | PWR_VCOPD;", "", Rule.POLL),
    planted("another range", CLOCK, "XOSC_1_TO_15_MHZ 0xAA0u", "XOSC_1_TO_15_MHZ 0xAA1u",
            Rule.RESERVED),
    planted("a tenth of the delay", CLOCK, "BOARD_OSCILLATOR_HZ / 1000u +",
            "BOARD_OSCILLATOR_HZ / 10000u +", Rule.OSCILLATOR),
    planted("crystal not waited for", CLOCK, "!wait_for(&XOSC_STATUS, XOSC_STABLE, XOSC_STABLE)",
            "0", Rule.NOT_READY),
    planted("PLL not waited for", CLOCK, "!wait_for(&PLL_CS, PLL_LOCK, PLL_LOCK)", "0",
            Rule.NOT_READY),
    planted("post-dividers off", CLOCK, "CLEARS(PLL_PWR) = PWR_POSTDIVPD;", "", Rule.NOT_READY),
    planted(
        "PLL changed while on", CLOCK, "CLEARS(PLL_PWR) = PWR_PD | PWR_VCOPD;",
        "CLEARS(PLL_PWR) = PWR_PD | PWR_VCOPD; PLL_FBDIV = FBDIV + 1u;", Rule.LOCKED,
    ),
    planted("post-dividers set too late", CLOCK, "    CLEARS(PLL_PWR) = PWR_POSTDIVPD;",
            "    CLEARS(PLL_PWR) = PWR_POSTDIVPD; PLL_PRIM = 0x77000u;", Rule.LOCKED),
    planted(
        "input of clk_sys changed in use", CLOCK, "    SETS(CLK_SYS_CTRL) = SYS_SRC;",
        "    SETS(CLK_SYS_CTRL) = SYS_SRC; SETS(CLK_SYS_CTRL) = 3u << 5;", Rule.LOCKED,
    ),
    planted("PLL reset in use", CHIP, LINE, "SETS(RESETS_RESET) = RESET_PLL_SYS;", Rule.LOCKED),
    planted("crystal off in use", CHIP, LINE, "REG32(0x40024000u) = 0xd1eaa0u;", Rule.LOCKED),
    planted("ring oscillator off in use", CLOCK, "XOSC_STARTUP = XOSC_DELAY;",
            "REG32(0x40060000u) = 0xd1eaa0u;", Rule.LOCKED),
    planted(
        "clk_sys switched twice", CLOCK, "    SETS(CLK_SYS_CTRL) = SYS_SRC;",
        "    SETS(CLK_SYS_CTRL) = SYS_SRC; CLEARS(CLK_SYS_CTRL) = SYS_SRC;", Rule.NOT_READY,
    ),
    planted(
        "input of clk_peri changed in use", CLOCK, "SETS(CLK_PERI_CTRL) = PERI_ENABLE;",
        "SETS(CLK_PERI_CTRL) = PERI_ENABLE; SETS(CLK_PERI_CTRL) = 4u << 5;", Rule.LOCKED,
    ),
    planted("VCO at 744 MHz", CLOCK, "PLL_FBDIV = FBDIV;", "PLL_FBDIV = FBDIV / 2u;",
            Rule.PLL_RANGE),
    planted("clk_sys at 150 MHz", CLOCK, "(POSTDIV_1 << 16)", "(5u << 16)", Rule.BUS_CLOCK),
    planted("no tick for the timer", CLOCK, "WATCHDOG_TICK = TICK_ENABLE | TICK_CYCLES;", "",
            Rule.TICK),
    planted("a tick of 2 us", CLOCK, "TICK_ENABLE | TICK_CYCLES;",
            "TICK_ENABLE | TICK_CYCLES * 2u;", Rule.TICK),
    planted("SysTick counts ticks", CHIP, "SYST_ENABLE_AT_CORE_CLOCK 5u",
            "SYST_ENABLE_AT_CORE_CLOCK 1u", Rule.TICK),
    planted("SysTick not started", CHIP, "SYST_CSR = SYST_ENABLE_AT_CORE_CLOCK;", "",
            Rule.DWT_OFF),
    planted("SysTick without a period", CHIP, LINE, "", Rule.DWT_OFF),
    planted("reserved bit of UARTCR", UART, "CR_ENABLE (1u << 0)", "CR_ENABLE (9u << 0)",
            Rule.RESERVED),
    planted("bytes to UARTFR", UART, "UART_DR REG32(0x40034000u)", "UART_DR REG32(0x40034018u)",
            Rule.READ_ONLY),
    planted("bytes to UARTDR", UART, "UART_DR REG32(0x40034000u)", "UART_DR REG8(0x40034000u)",
            Rule.WIDTH),
    planted("UART never on", UART, "CR_ENABLE | CR_SEND | CR_RECEIVE", "CR_SEND | CR_RECEIVE",
            Rule.UART_OFF),
    planted("format set too late", UART, LCR_H, f"UART_CR = CR_ENABLE; {LCR_H}", Rule.LOCKED),
    planted("seven bits", UART, "LCR_8_BITS (3u << 5)", "LCR_8_BITS (2u << 5)", Rule.FRAME_FORMAT),
    planted("divisors not taken over", UART, DIVISORS + LCR_H, f"{LCR_H}\n    {DIVISORS}",
            Rule.BAUD),
    planted("no fraction", UART, "UART_FBRD = units % 64u;", "UART_FBRD = 0u;", Rule.BAUD),
    planted("SPI's function", UART, "IO_CTRL(BOARD_UART_RX_PIN) = BOARD_UART_ALTERNATE;",
            "IO_CTRL(BOARD_UART_RX_PIN) = 1u;", Rule.ALTERNATE),
    planted("no pull-up", UART, " | PAD_PULL_UP;", ";", Rule.PIN_MODE),
    planted("FPU of a Cortex-M4", STARTUP, f"{CORE_ONLY}\n    CPACR", "#if 1\n    CPACR",
            Rule.UNMAPPED),
    planted("faults of a Cortex-M4", STARTUP, f"{CORE_ONLY}\n    SHCSR", "#if 1\n    SHCSR",
            Rule.UNMAPPED),
    planted("priority in a byte", STARTUP, f"{CORE_ONLY} /*", "#if 1 /*", Rule.WIDTH),
    planted("vectors of the bootrom", STARTUP, "VTOR = (uint32_t)(uintptr_t)vectors;", "",
            Rule.VECTOR),
    planted("no handler", VECTORS, ".word family_receive", ".word 0", Rule.VECTOR),
)  # fmt: skip


class PicoImages(Images):
    """Builds the probe; a mutant of the second stage gets the CRC that belongs to it."""

    def mutant(self, mutant: Mutant) -> Path:
        """The ELF file with the fault."""
        elf = super().mutant(mutant)
        if mutant.file == BOOT and mutant.rule is not Rule.BOOT_CHECKSUM:
            data = bytearray(elf.read_bytes())
            (first,) = struct.unpack_from("<I", data, 28)  # of the program headers
            (offset,) = struct.unpack_from("<I", data, first + 4)  # of the first one's bytes
            stage = data[offset : offset + STAGE_BYTES - 4]
            struct.pack_into("<I", data, offset + STAGE_BYTES - 4, checksum(bytes(stage)))
            elf.write_bytes(data)
        return elf
