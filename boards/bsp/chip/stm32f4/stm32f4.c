/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32F407, F429 and F446: clocks, the UART that the board's file names, cycle counter, identity.
 * RM0090: sections 8 (GPIO), 18 (TIM2 to TIM5), 30 (USART), 38 (debug); RM0390: 7, 17, 25 and 33.
 */
#include "stm32_usart_v1.h"

#include "stm32_family.h"

void family_init(void)
{
    reset_flags_take();
#if !defined(BOARD_CHIP_STM32F446)
    RCC_AHB1ENR |= AHB1ENR_CCM;
#endif
    start_or_report();
}
