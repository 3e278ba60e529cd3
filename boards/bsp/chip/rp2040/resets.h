/* SPDX-License-Identifier: Apache-2.0 */
/* RP2040 Datasheet, 'Subsystem Resets': most blocks are held in reset until a program wants them. */
#ifndef MCUFORGE_RESETS_H
#define MCUFORGE_RESETS_H

#include <stdbool.h>
#include <stdint.h>

#include "reg.h"

/* 'Atomic Register Access' (of 'Bus Fabric'): a write here sets, or clears, the bits that are 1. */
#define SETS(address) REG32((address) + 0x2000u)
#define CLEARS(address) REG32((address) + 0x3000u)

#define RESETS_RESET 0x4000C000u
#define RESETS_DONE REG32(0x4000C008u)

#define RESET_IO_BANK0 (1u << 5)
#define RESET_PADS_BANK0 (1u << 8)
#define RESET_PLL_SYS (1u << 12)
#define RESET_SYSINFO (1u << 19)
#define RESET_TIMER (1u << 21)
#define RESET_UART0 (1u << 22)

/* Reads of a register before what it should show is given up: some 50 ms, at 12 MHz. */
#define PATIENCE 100000u

#include "wait.h"

/* Resets blocks, as they may be in use since before, and takes them out of reset. */
static inline bool blocks_start(uint32_t blocks)
{
    SETS(RESETS_RESET) = blocks;
    CLEARS(RESETS_RESET) = blocks;
    return wait_for(&RESETS_DONE, blocks, blocks);
}

#endif
