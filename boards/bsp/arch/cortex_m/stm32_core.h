/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock of the core of an STM32F4 or F7 and the wait states of its flash, read back: RM0090,
 * RM0390 and RM0385, 'RCC clock configuration register', 'RCC PLL configuration register' and 'Flash
 * access control register'. Include the family's clock.h before it.
 */
#ifndef MCUFORGE_STM32_CORE_H
#define MCUFORGE_STM32_CORE_H

#include <stdint.h>

#include "ahb.h"
#include "board_config.h"
#include "reg.h"
#include "stm32_clock.h"
#include "stm32_rcc.h"

#define CORE_SWITCHED_AT 2u /* SWS: 0 is HSI, 1 HSE, 2 the PLL */
#define CORE_AHB_DIVISOR_AT 4u

/* The clock in Hz. */
static inline uint32_t stm32_core_hz(void)
{
    const uint32_t pll = RCC_PLLCFGR;
    const uint32_t source = (RCC_CFGR & CFGR_SWITCHED) >> CORE_SWITCHED_AT;
    const uint32_t shift = ahb_shift(RCC_CFGR >> CORE_AHB_DIVISOR_AT);
    if (source < 2u) {
        return (source == 0u ? HSI_HZ : BOARD_OSCILLATOR_HZ) >> shift;
    }
    const uint32_t from = (pll & PLLCFGR_SOURCE_HSE) != 0u ? BOARD_OSCILLATOR_HZ : HSI_HZ;
    const uint32_t divisor = 2u * ((pll >> PLLCFGR_P_AT & 3u) + 1u);
    return from / (pll & 63u) * (pll >> PLLCFGR_N_AT & 511u) / divisor >> shift;
}

static inline uint32_t stm32_wait_states(void)
{
    return FLASH_ACR & ACR_LATENCY;
}

#endif
