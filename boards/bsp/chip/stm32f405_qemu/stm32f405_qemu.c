/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32F405 as QEMU models it: no clock control, no DWT. It stays on its 16 MHz internal oscillator,
 * as after reset: USART1 on PA9 and PA10, TIM2 and TIM5 as the clock. RM0090: sections 7 (RCC),
 * 8 (GPIO), 18 (TIM2 to TIM5), 30 (USART). ../stm32f4 is the start-up code for the hardware.
 */
#include "baud.h"
#include "board.h"
#include "family.h"
#include "reg.h"
#include "stm32_usart_v1.h"
#include "widen.h"

#define RCC_AHB1ENR REG32(0x40023830u)
#define RCC_APB1ENR REG32(0x40023840u)
#define RCC_APB2ENR REG32(0x40023844u)
#define GPIOA_MODER REG32(0x40020000u)
#define GPIOA_AFRH REG32(0x40020024u)
#define TIM2_CR1 REG32(0x40000000u)
#define TIM2_EGR REG32(0x40000014u)
#define TIM2_CNT REG32(0x40000024u)
#define TIM5_CR1 REG32(0x40000C00u)
#define TIM5_EGR REG32(0x40000C14u)
#define TIM5_CNT REG32(0x40000C24u)
#define TIM5_PSC REG32(0x40000C28u)
#define USART1 0x40011000u

#define AHB1ENR_GPIOA (1u << 0)
#define APB1ENR_TIM2 (1u << 0)
#define APB1ENR_TIM5 (1u << 3)
#define APB2ENR_USART1 (1u << 4)
#define PINS_9_10_ALTERNATE ((2u << 18) | (2u << 20))
#define PINS_9_10_USART1 ((7u << 4) | (7u << 8))
#define TIM_ENABLE (1u << 0)
#define TIM_UPDATE (1u << 0) /* loads the prescaler and clears the counter */

#define COARSE_SHIFT 16u /* TIM5 counts once per 65536 counts of TIM2 */

void family_init(void)
{
    RCC_AHB1ENR |= AHB1ENR_GPIOA;
    RCC_APB1ENR |= APB1ENR_TIM2 | APB1ENR_TIM5;
    RCC_APB2ENR |= APB2ENR_USART1;

    GPIOA_MODER |= PINS_9_10_ALTERNATE;
    GPIOA_AFRH |= PINS_9_10_USART1;

    TIM2_EGR = TIM_UPDATE;
    TIM2_CR1 = TIM_ENABLE;
    TIM5_PSC = (1u << COARSE_SHIFT) - 1u; /* after TIM2, as widen() wants */
    TIM5_EGR = TIM_UPDATE;
    TIM5_CR1 = TIM_ENABLE;

    stm32_usart_start(USART1, BAUD_DIVISOR(BOARD_CLOCK_HZ));
}

void family_send(uint8_t byte)
{
    stm32_usart_send(USART1, byte);
}

void family_receive(void)
{
    stm32_usart_receive(USART1);
}

uint64_t board_ticks(void)
{
    const uint64_t coarse = (uint64_t)TIM5_CNT << COARSE_SHIFT;
    return widen(coarse, TIM2_CNT);
}
