/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and clock control of the STM32L4+: RM0432, 'RCC registers' and 'Memory map'. */
#ifndef MCUFORGE_RCC_H
#define MCUFORGE_RCC_H

#include "reg.h"

#define RCC_CR REG32(0x40021000u)       /* 'Clock control register' */
#define RCC_CFGR REG32(0x40021008u)     /* 'Clock configuration register' */
#define RCC_PLLCFGR REG32(0x4002100Cu)  /* 'PLL configuration register' */
#define RCC_AHB2ENR REG32(0x4002104Cu)  /* 'AHB2 peripheral clock enable register' */
#define RCC_APB1ENR REG32(0x40021058u)  /* 'APB1 peripheral clock enable register 1' (APB1ENR1) */
#define RCC_APB1ENR2 REG32(0x4002105Cu) /* 'APB1 peripheral clock enable register 2' */
#define RCC_CSR REG32(0x40021094u)      /* 'Control/status register' */

#define GPIO_ORIGIN 0x48000000u /* of GPIOA: 'Memory map' */
#define RCC_GPIOENR RCC_AHB2ENR
#define GPIOENR_PORT(port) (1u << (port)) /* GPIOA is 0 */
#define APB1ENR_TIM5 (1u << 3)
#define APB1ENR_PWR (1u << 28)
#define APB1ENR2_LPUART1 (1u << 0)

/* Why the chip was reset: RCC_CSR */
#define RESET_FLAGS RCC_CSR
#define RESET_REMOVE (1u << 23)
#define RESET_PIN (1u << 26)
#define RESET_POWER (1u << 27) /* BORRSTF: power-on and brown-out */
#define RESET_SOFTWARE (1u << 28)
#define RESET_WATCHDOGS (3u << 29)
#define RESET_LOW_POWER (1u << 31)

#endif
