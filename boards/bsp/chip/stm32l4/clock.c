/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of the STM32L4+. The order is that of RM0432, 'Dynamic voltage scaling management':
 * boost, oscillator, PLL, wait states, then the switch with AHB at half, and AHB whole after 1 us.
 */
#include "clock.h"

#include <stdint.h>

#include "ahb.h"
#include "board.h"
#include "reg.h"
#include "stm32_oscillator.h"

#define PWR_CR1 REG32(0x40007000u)   /* RM0432, 'Power control register 1' */
#define PWR_SR2 REG32(0x40007014u)   /* RM0432, 'Power status register 2' */
#define PWR_CR5 REG32(0x40007080u)   /* RM0432, 'Power control register 5' */
#define FLASH_ACR REG32(0x40022000u) /* RM0432, 'Flash access control register' */

#define CR1_SCALE (3u << 9)   /* VOS */
#define CR1_RANGE_1 (1u << 9)
#define SR2_SCALE_CHANGES (1u << 10) /* VOSF */
#define CR5_NO_BOOST (1u << 8)       /* R1MODE */

#define CR_HSI_ON (1u << 8)
#define CR_HSI_READY (1u << 10)

#define PLLCFGR_SOURCE_HSI 2u
#define PLLCFGR_SOURCE_HSE 3u
#define PLLCFGR_M_AT 4u              /* divides by M + 1 */
#define PLLCFGR_N_AT 8u
#define PLLCFGR_R_ON (1u << 24)      /* the output for the core; its divisor is 2 at 0 */
#define PLLCFGR_R_AT 25u

#define CFGR_PLL 3u                  /* of SW */
#define CFGR_SWITCHED (3u << 2)      /* SWS */
#define CFGR_SWITCHED_AT 2u
#define CFGR_SWITCHED_PLL (3u << 2)
#define CFGR_AHB_BY_2 (8u << 4)
#define CFGR_AHB (15u << 4)
#define CFGR_AHB_AT 4u

/* RM0432, 'Read access latency': range 1, one wait state per 20 MHz; instruction and data cache */
#define WAIT_STATES ((BOARD_CLOCK_HZ - 1u) / 20000000u)
#define ACR_LATENCY 15u
#define ACR_PREFETCH (1u << 8)
#define ACR_INSTRUCTION_CACHE (1u << 9)
#define ACR_DATA_CACHE (1u << 10)

/* RM0432, 'Low-power modes', 'Range 1 boost mode': above 80 MHz */
#define BOOST (BOARD_CLOCK_HZ > 80000000u)

/* DS12023, 'PLL characteristics': 2.66 to 16 MHz in, 64 to 344 MHz inside. The core has half. */
#define PLL_INPUT_HZ 4000000u
#define PLL_M (BOARD_OSCILLATOR_HZ / PLL_INPUT_HZ)
#define PLL_R 2u
#define PLL_N (BOARD_CLOCK_HZ / PLL_INPUT_HZ * PLL_R)

#if BOARD_OSCILLATOR_INTERNAL && BOARD_OSCILLATOR_HZ != 16000000u
#error the internal oscillator that the PLL takes is HSI16: oscillator = "16 MHz"
#endif
#if PLL_M * PLL_INPUT_HZ != BOARD_OSCILLATOR_HZ || PLL_M < 1 || PLL_M > 16
#error the oscillator is not a multiple of the 4 MHz that the PLL takes
#endif
#if PLL_N * PLL_INPUT_HZ != BOARD_CLOCK_HZ * PLL_R || PLL_N < 16 || PLL_N > 86
#error the PLL cannot make the clock of the board from 4 MHz within 64 to 344 MHz
#endif
#if BOARD_CLOCK_HZ > 120000000u
#error the STM32L4+ runs at 120 MHz at most
#endif

/* Reads after the switch. At half of 120 MHz each takes a cycle or more: 1 us at least. */
#define SETTLE_READS 60u

static const char *source_start(void)
{
#if BOARD_OSCILLATOR_INTERNAL
    RCC_CR |= CR_HSI_ON;
    return wait_for(&RCC_CR, CR_HSI_READY, CR_HSI_READY) ? 0 : "clock-hsi";
#else
    return hse_start() ? 0 : "clock-hse";
#endif
}

static const char *pll_start(void)
{
#if BOARD_OSCILLATOR_INTERNAL
    const uint32_t source = PLLCFGR_SOURCE_HSI;
#else
    const uint32_t source = PLLCFGR_SOURCE_HSE;
#endif
    RCC_PLLCFGR = source | ((PLL_M - 1u) << PLLCFGR_M_AT) | (PLL_N << PLLCFGR_N_AT) | PLLCFGR_R_ON;
    RCC_CR |= CR_PLL_ON;
    return wait_for(&RCC_CR, CR_PLL_READY, CR_PLL_READY) ? 0 : "clock-pll";
}

const char *clock_start(void)
{
    RCC_APB1ENR |= APB1ENR_PWR;
    (void)RCC_APB1ENR; /* RM0432, 'Peripheral clock enable': a register works two cycles later */
    PWR_CR1 = (PWR_CR1 & ~CR1_SCALE) | CR1_RANGE_1;
    if (!wait_for(&PWR_SR2, SR2_SCALE_CHANGES, 0u)) {
        return "clock-voltage-range";
    }
    if (BOOST) {
        PWR_CR5 &= ~CR5_NO_BOOST;
    }

    const char *failed = source_start();
    if (failed == 0) {
        failed = pll_start();
    }
    if (failed != 0) {
        return failed;
    }
    FLASH_ACR = WAIT_STATES | ACR_PREFETCH | ACR_INSTRUCTION_CACHE | ACR_DATA_CACHE;
    if (!wait_for(&FLASH_ACR, ACR_LATENCY, WAIT_STATES)) {
        return "clock-wait-states";
    }

    if (BOOST) {
        RCC_CFGR |= CFGR_AHB_BY_2;
    }
    RCC_CFGR |= CFGR_PLL;
    if (!wait_for(&RCC_CFGR, CFGR_SWITCHED, CFGR_SWITCHED_PLL)) {
        RCC_CFGR = 0;
        return "clock-switch";
    }
    for (uint32_t left = SETTLE_READS; left != 0u; left--) {
        (void)RCC_CFGR;
    }
    RCC_CFGR &= ~CFGR_AHB;
    return 0;
}

void board_core(struct board_core *core)
{
    const uint32_t config = RCC_CFGR, pll = RCC_PLLCFGR, on = FLASH_ACR;
    /* SWS: MSI, HSI16, HSE, PLL; PLLSRC: none, MSI, HSI16, HSE */
    const uint32_t sources[4] = {MSI_HZ, HSI16_HZ, BOARD_OSCILLATOR_HZ, 0u};
    const uint32_t source = (config & CFGR_SWITCHED) >> CFGR_SWITCHED_AT;
    uint32_t hz = sources[source];
    if (source == CFGR_PLL) {
        hz = sources[((pll & 3u) - 1u) & 3u] / ((pll >> PLLCFGR_M_AT & 15u) + 1u);
        hz = hz * (pll >> PLLCFGR_N_AT & 127u) / (2u * ((pll >> PLLCFGR_R_AT & 3u) + 1u));
    }
    core->hz = hz >> ahb_shift(config >> CFGR_AHB_AT);
    core->wait_states = on & ACR_LATENCY;
    core->caches = ((on & ACR_INSTRUCTION_CACHE) != 0u ? BOARD_CACHE_INSTRUCTION : 0u) |
                   ((on & ACR_DATA_CACHE) != 0u ? BOARD_CACHE_DATA : 0u) |
                   ((on & ACR_PREFETCH) != 0u ? BOARD_CACHE_PREFETCH : 0u);
}
