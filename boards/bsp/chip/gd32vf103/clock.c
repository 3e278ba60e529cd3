/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GD32VF103 User Manual, 'Reset and clock unit (RCU)' and, for the wait states, 'Flash memory
 * controller (FMC)'. The boot loader of the chip may have started the program without a reset:
 * nothing is taken to be as it is after one.
 */
#include "clock.h"

#include <stdint.h>

#include "ahb.h"
#include "board.h"
#include "board_config.h"
#include "rcu.h"
#include "reg.h"

#define FMC_WS REG32(0x40022000u) /* 'Wait state register (FMC_WS)' */

#define CTL_IRC8M_ON (1u << 0)
#define CTL_IRC8M_READY (1u << 1)
#define CTL_HXTAL_ON (1u << 16)
#define CTL_HXTAL_READY (1u << 17)
#define CTL_HXTAL_BYPASS (1u << 18)
#define CTL_PLL_ON (1u << 24)
#define CTL_PLL_READY (1u << 25)

#define CFG0_SOURCE 3u             /* SCS */
#define CFG0_PLL 2u
#define CFG0_SWITCHED (3u << 2)    /* SCSS: IRC8M, HXTAL, PLL */
#define CFG0_SWITCHED_AT 2u
#define CFG0_AHB_AT 4u             /* AHBPSC */
#define CFG0_SWITCHED_IRC8M 0u
#define CFG0_SWITCHED_PLL (2u << 2)
#define CFG0_APB1_BY_2 (4u << 8)   /* APB1 at most 54 MHz, the others 108: 'Clock tree' */
#define CFG0_PLL_FROM_PREDV0 (1u << 16)
#define CFG0_TIMES_LOW_AT 18u      /* bits 3 to 0 of PLLMF */
#define CFG0_TIMES_HIGH (1u << 29) /* bit 4 */
#define CFG1_PREDV0_BY_2 1u
#define CFG1_PREDV0 15u            /* divides by one more */
#define WS_COUNT 7u                /* WSCNT */

/* PLLMF from 16 on means factors from 17 on */
#define PLL_INPUT_HZ (BOARD_OSCILLATOR_HZ / 2u)
#define PLL_TIMES (BOARD_CLOCK_HZ / PLL_INPUT_HZ)
#if PLL_TIMES * PLL_INPUT_HZ != BOARD_CLOCK_HZ || PLL_TIMES < 17 || PLL_TIMES > 32
#error the PLL cannot make the clock of the board: 17 to 32 times half the oscillator
#endif
#if BOARD_CLOCK_HZ > 108000000
#error the GD32VF103 runs at 108 MHz at most
#endif

/* 'Read operations': 0 wait states up to 36 MHz, 1 up to 72, 2 up to 108 */
#define WAIT_STATES ((BOARD_CLOCK_HZ - 1u) / 36000000u)

/* Reads of a register before what it should show is given up: some half second, at 8 MHz. */
#define PATIENCE 400000u

#include "wait.h"

const char *clock_start(void)
{
    RCU_CTL |= CTL_IRC8M_ON;
    if (!wait_for(&RCU_CTL, CTL_IRC8M_READY, CTL_IRC8M_READY)) {
        return "clock-irc8m";
    }
    RCU_CFG0 &= ~CFG0_SOURCE;
    if (!wait_for(&RCU_CFG0, CFG0_SWITCHED, CFG0_SWITCHED_IRC8M)) {
        return "clock-switch-irc8m";
    }
    RCU_CTL &= ~(CTL_PLL_ON | CTL_HXTAL_ON); /* both are set up while they are off */

#if BOARD_OSCILLATOR_BYPASS
    RCU_CTL |= CTL_HXTAL_BYPASS;
#else
    RCU_CTL &= ~CTL_HXTAL_BYPASS;
#endif
    RCU_CTL |= CTL_HXTAL_ON;
    if (!wait_for(&RCU_CTL, CTL_HXTAL_READY, CTL_HXTAL_READY)) {
        return "clock-hxtal";
    }
    FMC_WS = WAIT_STATES;
    RCU_CFG1 = CFG1_PREDV0_BY_2;
    RCU_CFG0 = CFG0_APB1_BY_2 | CFG0_PLL_FROM_PREDV0 | CFG0_TIMES_HIGH |
               ((PLL_TIMES - 17u) << CFG0_TIMES_LOW_AT);
    RCU_CTL |= CTL_PLL_ON;
    if (!wait_for(&RCU_CTL, CTL_PLL_READY, CTL_PLL_READY)) {
        return "clock-pll";
    }
    RCU_CFG0 |= CFG0_PLL;
    if (!wait_for(&RCU_CFG0, CFG0_SWITCHED, CFG0_SWITCHED_PLL)) {
        return "clock-switch";
    }
    return 0;
}

void board_core(struct board_core *core)
{
    const uint32_t config = RCU_CFG0;
    const uint32_t source = (config & CFG0_SWITCHED) >> CFG0_SWITCHED_AT;
    uint32_t hz = source == 0u ? IRC8M_HZ : BOARD_OSCILLATOR_HZ;
    if (source == CFG0_PLL) {
        const uint32_t low = config >> CFG0_TIMES_LOW_AT & 15u;
        const uint32_t times = (config & CFG0_TIMES_HIGH) != 0u ? low + 17u : low + 2u;
        hz = (config & CFG0_PLL_FROM_PREDV0) != 0u ? hz / ((RCU_CFG1 & CFG1_PREDV0) + 1u)
                                                   : IRC8M_HZ / 2u;
        hz *= times;
    }
    core->hz = hz >> ahb_shift(config >> CFG0_AHB_AT);
    core->wait_states = FMC_WS & WS_COUNT;
    core->caches = 0u; /* it has none */
}
