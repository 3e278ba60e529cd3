/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32F746: caches, clocks, the UART that the board's file names, cycle counter, identity. RM0385:
 * sections 6 (GPIO), 23 (TIM2 to TIM5), 31 (USART), 40 (debug).
 */
#include "external.h"
#include "stm32_usart_v2.h"

#include "cache.h"
#include "stm32_family.h"

void family_init(void)
{
    reset_flags_take();
    cache_start();
    start_or_report();
    external_start();
}
