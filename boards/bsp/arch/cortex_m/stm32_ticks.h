/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock of 64 bits out of the cycle counter and TIM5: RM0090, section 18, RM0390, section 17, and
 * RM0385, section 23, 'TIMx registers'; RM0432 and RM0433, 'TIM2/TIM3/TIM4/TIM5 registers'. The
 * family's clock.h has the registers' enable bits and the cycles of the core per cycle of the timer.
 */
#ifndef MCUFORGE_STM32_TICKS_H
#define MCUFORGE_STM32_TICKS_H

#include "clock.h"
#include "dwt.h"
#include "reg.h"
#include "widen.h"

#define TIM5 0x40000C00u /* 'Memory map', register boundary addresses */
#define TIM5_CR1 REG32(TIM5 + 0x00u)
#define TIM5_EGR REG32(TIM5 + 0x14u)
#define TIM5_CNT REG32(TIM5 + 0x24u)
#define TIM5_PSC REG32(TIM5 + 0x28u)
#define TIM_ENABLE (1u << 0)
#define TIM_UPDATE (1u << 0) /* loads the prescaler and clears the counter */
#define TIM5_PRESCALE_SHIFT 16u
#if TIMER_DIVISOR == 1u
#define COARSE_SHIFT 16u     /* TIM5 counts once per 2^16 cycles of the core */
#elif TIMER_DIVISOR == 2u
#define COARSE_SHIFT 17u
#endif

/* After the cycle counter has been started, as widen() wants. */
static inline void coarse_start(void)
{
    RCC_APB1ENR |= APB1ENR_TIM5;
    (void)RCC_APB1ENR;
    TIM5_PSC = (1u << TIM5_PRESCALE_SHIFT) - 1u;
    TIM5_EGR = TIM_UPDATE;
    TIM5_CR1 = TIM_ENABLE;
}

static inline uint64_t ticks(void)
{
    const uint64_t coarse = (uint64_t)TIM5_CNT << COARSE_SHIFT;
    return widen(coarse, DWT_CYCCNT);
}

#endif
