/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32H743: RAMs, caches, clocks, the UART that the board's file names, cycle counter, identity.
 * RM0433: 'General-purpose I/Os (GPIO)', 'General-purpose timers (TIM2/TIM3/TIM4/TIM5)', 'Universal
 * synchronous/asynchronous receiver transmitter (USART/UART)', 'Debug infrastructure'.
 */
#include "stm32_usart_v2.h"

#include "cache.h"
#include "stm32_family.h"

/* RM0433, 'AXI interconnect - TARG x issuing functionality modification register' */
#define AXI_TARG7_FN_MOD REG32(0x51008108u)
#define FN_MOD_READ_ONE (1u << 0) /* READ_ISS_OVERRIDE: one read at a time */
#define REVISION_X 0x2001u        /* RM0433, 'DBGMCU identity code register': REV_ID */

static void rams_start(void)
{
    /* ES0392, 'Reading from AXI SRAM may lead to data read corruption': revision Y and before */
    if (DBGMCU_IDCODE >> 16 < REVISION_X) {
        AXI_TARG7_FN_MOD |= FN_MOD_READ_ONE;
    }
    RCC_AHB2ENR |= AHB2ENR_D2_SRAMS;
    (void)RCC_AHB2ENR; /* RM0433, 'Peripheral clock gating': a bank works cycles later */
}

void family_init(void)
{
    reset_flags_take();
    rams_start();
    cache_start();
    start_or_report();
}
