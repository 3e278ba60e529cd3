/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of HSE, and the switch of the PLL: the same bits of RCC_CR in the F4 and F7 (RM0090,
 * RM0390, RM0385, 'RCC clock control register'), the L4+ (RM0432, 'Clock control register') and the
 * H7 (RM0433, 'RCC source control register'; its PLL1). Include the family's RCC_CR before it.
 */
#ifndef MCUFORGE_STM32_OSCILLATOR_H
#define MCUFORGE_STM32_OSCILLATOR_H

#include <stdbool.h>

#include "board_config.h"
#include "stm32_wait.h"

#define CR_HSE_ON (1u << 16)
#define CR_HSE_READY (1u << 17)
#define CR_HSE_BYPASS (1u << 18)
#define CR_PLL_ON (1u << 24)
#define CR_PLL_READY (1u << 25)

/* Starts HSE, from a crystal or a clock at OSC_IN; returns whether it became ready. */
static inline bool hse_start(void)
{
#if BOARD_OSCILLATOR_BYPASS
    RCC_CR |= CR_HSE_BYPASS; /* while HSE is off */
#endif
    RCC_CR |= CR_HSE_ON;
    return wait_for(&RCC_CR, CR_HSE_READY, CR_HSE_READY);
}

#endif
