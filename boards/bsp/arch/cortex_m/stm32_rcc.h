/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reset and clock control of the STM32F4 and F7: RM0090, section 7 (F405/407) and 6 (F42x); RM0390,
 * section 6 (F446); RM0385, section 5 (F746).
 */
#ifndef MCUFORGE_STM32_RCC_H
#define MCUFORGE_STM32_RCC_H

#include "reg.h"

#define GPIO_ORIGIN 0x40020000u /* of GPIOA: RM0090 and RM0385, 'Memory map' */

#define RCC_CR REG32(0x40023800u)      /* 'RCC clock control register' */
#define RCC_PLLCFGR REG32(0x40023804u) /* 'RCC PLL configuration register' */
#define RCC_CFGR REG32(0x40023808u)    /* 'RCC clock configuration register' */
#define RCC_AHB1ENR REG32(0x40023830u) /* 'RCC AHB1 peripheral clock enable register' */
#define RCC_AHB3ENR REG32(0x40023838u) /* 'RCC AHB3 peripheral clock enable register' */
#define RCC_APB1ENR REG32(0x40023840u) /* 'RCC APB1 peripheral clock enable register' */
#define RCC_APB2ENR REG32(0x40023844u) /* 'RCC APB2 peripheral clock enable register' */
#define RCC_CSR REG32(0x40023874u)     /* 'RCC clock control & status register' */

#define RCC_GPIOENR RCC_AHB1ENR
#define GPIOENR_PORT(port) (1u << (port)) /* GPIOA is 0 */
#define AHB1ENR_CCM (1u << 20)            /* F405/407 and F42x: CCMDATARAMEN */
#define AHB3ENR_FMC (1u << 0)             /* F746, and QUADSPI */
#define AHB3ENR_QUADSPI (1u << 1)
#define APB1ENR_TIM5 (1u << 3)
#define APB1ENR_USART2 (1u << 17)
#define APB1ENR_USART3 (1u << 18)
#define APB1ENR_PWR (1u << 28)
#define APB2ENR_USART1 (1u << 4)

/* Why the chip was reset: RCC_CSR */
#define RESET_FLAGS RCC_CSR
#define RESET_REMOVE (1u << 24)
#define RESET_PIN (1u << 26)
#define RESET_POWER (5u << 25) /* BORRSTF, PORRSTF */
#define RESET_SOFTWARE (1u << 28)
#define RESET_WATCHDOGS (3u << 29)
#define RESET_LOW_POWER (1u << 31)

#endif
