/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RP2040 Datasheet, 'Clocks', 'Crystal Oscillator (XOSC)', 'PLL' and 'Watchdog'. A reset by a debug
 * probe leaves the clocks as they were: nothing is taken to be as it is after power-on.
 */
#include "clock.h"

#include <stdint.h>

#include "board.h"
#include "board_config.h"
#include "reg.h"
#include "resets.h"

/* 'Clocks', 'List of Registers' */
#define CLK_REF_CTRL 0x40008030u
#define CLK_REF_DIV REG32(0x40008034u)
#define CLK_REF_SELECTED REG32(0x40008038u)
#define CLK_SYS_CTRL 0x4000803Cu
#define CLK_SYS_DIV REG32(0x40008040u)
#define CLK_SYS_SELECTED REG32(0x40008044u)
#define CLK_PERI_CTRL 0x40008048u
#define CLK_RESUS_CTRL REG32(0x40008078u)

/* SRC goes through a mux without glitches, AUXSRC through one with: it changes while unused */
#define REF_SRC 3u
#define REF_SRC_XOSC 2u
#define SYS_SRC 1u                /* 0: clk_ref; 1: AUXSRC */
#define SYS_AUXSRC (7u << 5)      /* 0: PLL_SYS */
#define SELECTED_0 (1u << 0)      /* bit n: source n is in use */
#define SELECTED_1 (1u << 1)
#define SELECTED_2 (1u << 2)
#define DIV_BY_1 (1u << 8)        /* INT */
#define PERI_ENABLE (1u << 11)
#define PERI_AUXSRC (7u << 5)     /* 0: clk_sys */
#define RESUS_OFF 0xFFu           /* as after a reset */

/* 'Crystal Oscillator (XOSC)', 'List of Registers' */
#define XOSC_CTRL REG32(0x40024000u)
#define XOSC_STATUS REG32(0x40024004u)
#define XOSC_STARTUP REG32(0x4002400Cu)
#define XOSC_1_TO_15_MHZ 0xAA0u
#define XOSC_ENABLE (0xFABu << 12)
#define XOSC_STABLE (1u << 31)
/* 'Startup Delay': 1 ms is recommended, in units of 256 cycles of the crystal */
#define XOSC_DELAY ((BOARD_OSCILLATOR_HZ / 1000u + 255u) / 256u)

/* 'PLL', 'List of Registers', of PLL_SYS */
#define PLL_CS REG32(0x40028000u)
#define PLL_PWR 0x40028004u
#define PLL_FBDIV REG32(0x40028008u)
#define PLL_PRIM REG32(0x4002800Cu)
#define PLL_LOCK (1u << 31)
#define PWR_PD (1u << 0)
#define PWR_POSTDIVPD (1u << 3)
#define PWR_VCOPD (1u << 5)

/* 'PLL', 'PLL Calculations': the VCO runs at 750 to 1600 MHz, FBDIV times the crystal */
#define POSTDIV_1 6u
#define POSTDIV_2 2u
#define PLL_POSTDIV (POSTDIV_1 * POSTDIV_2)
#define VCO_HZ (BOARD_CLOCK_HZ * PLL_POSTDIV)
#define FBDIV (VCO_HZ / BOARD_OSCILLATOR_HZ)
#if BOARD_OSCILLATOR_BYPASS || BOARD_OSCILLATOR_HZ < 5000000 || BOARD_OSCILLATOR_HZ > 15000000
#error chip/rp2040 knows a crystal of 5 to 15 MHz
#endif
#if VCO_HZ < 750000000 || VCO_HZ > 1600000000 || FBDIV * BOARD_OSCILLATOR_HZ != VCO_HZ || \
    FBDIV < 16 || FBDIV > 320
#error the PLL cannot make the clock of the board: 62.5 to 133 MHz in steps of the crystal / 12
#endif
#if BOARD_CLOCK_HZ > 133000000
#error the RP2040 runs at 133 MHz at most: RP2040 Datasheet, 'Clocks', 'Overview'
#endif

/* 'XIP', 'List of Registers' */
#define XIP_CTRL REG32(0x14000000u)
#define XIP_CACHE_ON (1u << 0)

/* 'Watchdog', 'List of Registers': its tick is also the timer's, one per microsecond of clk_ref */
#define WATCHDOG_TICK REG32(0x4005802Cu)
#define TICK_ENABLE (1u << 9)
#define TICK_CYCLES (BOARD_OSCILLATOR_HZ / 1000000u)
#if TICK_CYCLES * 1000000u != BOARD_OSCILLATOR_HZ
#error the timer needs a crystal of whole MHz
#endif

/* After it the core runs on clk_ref and that on the ring oscillator: all else may change. */
static const char *clocks_to_ring_oscillator(void)
{
    CLK_RESUS_CTRL = RESUS_OFF;
    CLEARS(CLK_SYS_CTRL) = SYS_SRC;
    if (!wait_for(&CLK_SYS_SELECTED, SELECTED_0, SELECTED_0)) {
        return "clock-switch-ref";
    }
    CLEARS(CLK_REF_CTRL) = REF_SRC;
    if (!wait_for(&CLK_REF_SELECTED, SELECTED_0, SELECTED_0)) {
        return "clock-switch-rosc";
    }
    CLEARS(CLK_PERI_CTRL) = PERI_ENABLE;
    CLK_REF_DIV = DIV_BY_1;
    CLK_SYS_DIV = DIV_BY_1;
    return 0;
}

static const char *crystal_start(void)
{
    XOSC_STARTUP = XOSC_DELAY;
    XOSC_CTRL = XOSC_1_TO_15_MHZ | XOSC_ENABLE;
    if (!wait_for(&XOSC_STATUS, XOSC_STABLE, XOSC_STABLE)) {
        return "clock-xosc";
    }
    SETS(CLK_REF_CTRL) = REF_SRC_XOSC;
    if (!wait_for(&CLK_REF_SELECTED, SELECTED_2, SELECTED_2)) {
        return "clock-switch-xosc";
    }
    WATCHDOG_TICK = TICK_ENABLE | TICK_CYCLES;
    return 0;
}

/* 'PLL', 'Configuration': dividers, power, lock, and only then the post-dividers. */
static const char *pll_start(void)
{
    if (!blocks_start(RESET_PLL_SYS)) {
        return "reset-pll";
    }
    PLL_CS = 1u; /* the crystal is not divided */
    PLL_FBDIV = FBDIV;
    CLEARS(PLL_PWR) = PWR_PD | PWR_VCOPD;
    if (!wait_for(&PLL_CS, PLL_LOCK, PLL_LOCK)) {
        return "clock-pll";
    }
    PLL_PRIM = (POSTDIV_1 << 16) | (POSTDIV_2 << 12);
    CLEARS(PLL_PWR) = PWR_POSTDIVPD;
    return 0;
}

const char *clock_start(void)
{
    const char *failed = clocks_to_ring_oscillator();
    if (failed == 0) {
        failed = crystal_start();
    }
    if (failed == 0) {
        failed = pll_start();
    }
    if (failed != 0) {
        return failed;
    }
    CLEARS(CLK_SYS_CTRL) = SYS_AUXSRC;
    SETS(CLK_SYS_CTRL) = SYS_SRC;
    return wait_for(&CLK_SYS_SELECTED, SELECTED_1, SELECTED_1) ? 0 : "clock-switch-pll";
}

enum clock_source clock_uart(void)
{
    CLEARS(CLK_PERI_CTRL) = PERI_AUXSRC;
    SETS(CLK_PERI_CTRL) = PERI_ENABLE;
    if ((CLK_SYS_SELECTED & SELECTED_1) != 0u) {
        return CLOCK_PLL;
    }
    return (CLK_REF_SELECTED & SELECTED_2) != 0u ? CLOCK_CRYSTAL : CLOCK_RING_OSCILLATOR;
}

void board_core(struct board_core *core)
{
    uint32_t hz = (CLK_REF_SELECTED & SELECTED_2) != 0u ? BOARD_OSCILLATOR_HZ : ROSC_HZ;
    if ((CLK_SYS_SELECTED & SELECTED_1) != 0u) {
        const uint32_t dividers = PLL_PRIM;
        hz = BOARD_OSCILLATOR_HZ / (PLL_CS & 63u) * (PLL_FBDIV & 0xFFFu);
        hz /= (dividers >> 16 & 7u) * (dividers >> 12 & 7u);
    }
    core->hz = hz;
    core->wait_states = BOARD_SERIAL_FLASH;
    core->caches = (XIP_CTRL & XIP_CACHE_ON) != 0u ? BOARD_CACHE_INSTRUCTION | BOARD_CACHE_DATA : 0u;
}
