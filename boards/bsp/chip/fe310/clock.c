/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SiFive FE310-G002 Manual, section "Clock Generation" (its parts are named below), and for the
 * flash "Serial Peripheral Interface (SPI)". A boot loader has run before: nothing is taken to be
 * as it is after a reset.
 */
#include "clock.h"

#include <stdint.h>

#include "board.h"
#include "board_config.h"
#include "csr.h"
#include "reg.h"

/* "PRCI Address Space Usage" */
#define PRCI_HFROSCCFG REG32(0x10008000u)
#define PRCI_HFXOSCCFG REG32(0x10008004u)
#define PRCI_PLLCFG REG32(0x10008008u)
#define PRCI_PLLOUTDIV REG32(0x1000800Cu)

#define HFROSC_DIVIDE_BY_5 4u        /* hfroscdiv and hfrosctrim as after a reset */
#define HFROSC_TRIM (16u << 16)
#define OSCILLATOR_ENABLE (1u << 30)
#define OSCILLATOR_READY (1u << 31)
#define PLL_R_AT 0u
#define PLL_F_AT 4u
#define PLL_Q_AT 10u
#define PLL_SELECT (1u << 16)        /* the core runs on the PLL, or on its bypass */
#define PLL_REFERENCE_CRYSTAL (1u << 17)
#define PLL_BYPASS (1u << 18)
#define PLL_LOCKED (1u << 31)
#define PLL_OUT_UNDIVIDED (1u << 8)

#define USE_PLL (BOARD_CLOCK_HZ != BOARD_OSCILLATOR_HZ)
#if USE_PLL
/*
 * "Using PLLs (PLLCFG)": the reference divided by R is 6 to 12 MHz, times F it is 384 to 768 MHz,
 * and divided by Q it is 48 to 384 MHz.
 */
#define PLL_R 2u                     /* pllr is R - 1 */
#define PLL_Q 2u                     /* pllq is its logarithm */
#define PLL_Q_LOG 1u
#define PLL_INPUT_HZ (BOARD_OSCILLATOR_HZ / PLL_R)
#define PLL_F (BOARD_CLOCK_HZ * PLL_Q / PLL_INPUT_HZ) /* pllf is F / 2 - 1 */
#if PLL_INPUT_HZ < 6000000 || PLL_INPUT_HZ > 12000000
#error the oscillator divided by 2 is not 6 to 12 MHz, which the PLL takes
#endif
#if PLL_F * PLL_INPUT_HZ != BOARD_CLOCK_HZ * PLL_Q || PLL_F % 2 != 0 || \
    BOARD_CLOCK_HZ < 192000000 || BOARD_CLOCK_HZ > 320000000
#error the PLL cannot make the clock of the board: 192 to 320 MHz in steps of the oscillator / 2
#endif
#define PLL_SETTING                                                               \
    (((PLL_R - 1u) << PLL_R_AT) | ((PLL_F / 2u - 1u) << PLL_F_AT) |               \
     (PLL_Q_LOG << PLL_Q_AT) | PLL_REFERENCE_CRYSTAL)
#else
#define PLL_SETTING (PLL_REFERENCE_CRYSTAL | PLL_BYPASS)
#endif

/*
 * "Serial Clock Divisor Register (sckdiv)": the flash runs at the core's clock / 2 (sckdiv + 1).
 * The controller reads with command 03h ("SPI Flash Instruction Format Register (ffmt)"), and for
 * that ISSI IS25LP032D, "AC Characteristics", allows 50 MHz.
 */
#define SPI0_SCKDIV REG32(0x10014000u)
#define FLASH_READ_HZ 50000000u
#define FLASH_SCKDIV ((BOARD_CLOCK_HZ + 2u * FLASH_READ_HZ - 1u) / (2u * FLASH_READ_HZ) - 1u)

/*
 * "PLL Configuration and Status (pllcfg)": plllock tells the truth 100 us after a change. On the
 * ring oscillator, which is slower than 20 MHz by far, this is twice as long at least.
 */
#define LOCK_CYCLES 4000u

/* Reads of a register before what it should show is given up: half a second, as a crystal takes. */
#define PATIENCE 800000u

#include "wait.h"

#if USE_PLL
static void wait_cycles(uint32_t cycles)
{
    const uint32_t start = CSR_READ(mcycle);
    while (CSR_READ(mcycle) - start < cycles) {
    }
}
#endif

const char *clock_start(void)
{
    PRCI_HFROSCCFG = HFROSC_DIVIDE_BY_5 | HFROSC_TRIM | OSCILLATOR_ENABLE;
    if (!wait_for(&PRCI_HFROSCCFG, OSCILLATOR_READY, OSCILLATOR_READY)) {
        return "clock-hfrosc";
    }
    PRCI_PLLCFG &= ~PLL_SELECT; /* off the PLL while it changes */

    PRCI_HFXOSCCFG = OSCILLATOR_ENABLE;
    if (!wait_for(&PRCI_HFXOSCCFG, OSCILLATOR_READY, OSCILLATOR_READY)) {
        return "clock-hfxosc";
    }
    SPI0_SCKDIV = FLASH_SCKDIV; /* while the clock is still low */
    PRCI_PLLOUTDIV = PLL_OUT_UNDIVIDED;
    PRCI_PLLCFG = PLL_SETTING;
#if USE_PLL
    wait_cycles(LOCK_CYCLES);
    if (!wait_for(&PRCI_PLLCFG, PLL_LOCKED, PLL_LOCKED)) {
        return "clock-pll";
    }
#endif
    PRCI_PLLCFG |= PLL_SELECT;
    return 0;
}

void board_core(struct board_core *core)
{
    const uint32_t pll = PRCI_PLLCFG, out = PRCI_PLLOUTDIV;
    uint32_t hz = BOARD_OSCILLATOR_HZ; /* the reference is the crystal */
    if ((pll & PLL_SELECT) == 0u) {
        hz = HFROSC_HZ;
    } else {
        if ((pll & PLL_BYPASS) == 0u) {
            hz = hz / ((pll >> PLL_R_AT & 7u) + 1u) * (2u * ((pll >> PLL_F_AT & 63u) + 1u));
            hz >>= pll >> PLL_Q_AT & 3u;
        }
        if ((out & PLL_OUT_UNDIVIDED) == 0u) {
            hz /= 2u * ((out & 63u) + 1u);
        }
    }
    core->hz = hz;
    core->wait_states = BOARD_SERIAL_FLASH;
    core->caches = BOARD_CACHE_INSTRUCTION; /* "L1 Instruction Memory System": always on */
}
