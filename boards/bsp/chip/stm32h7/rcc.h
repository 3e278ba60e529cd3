/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and clock control: RM0433, 'RCC register description' and 'Memory organization'. */
#ifndef MCUFORGE_RCC_H
#define MCUFORGE_RCC_H

#include "reg.h"

#define RCC_CR REG32(0x58024400u)        /* 'RCC source control register' */
#define RCC_CFGR REG32(0x58024410u)      /* 'RCC clock configuration register' */
#define RCC_D1CFGR REG32(0x58024418u)    /* 'RCC domain 1 clock configuration register' */
#define RCC_D2CFGR REG32(0x5802441Cu)    /* 'RCC domain 2 clock configuration register' */
#define RCC_D3CFGR REG32(0x58024420u)    /* 'RCC domain 3 clock configuration register' */
#define RCC_PLLCKSELR REG32(0x58024428u) /* 'RCC PLLs clock source selection register' */
#define RCC_PLLCFGR REG32(0x5802442Cu)   /* 'RCC PLLs configuration register' */
#define RCC_PLL1DIVR REG32(0x58024430u)  /* 'RCC PLL1 dividers configuration register' */
#define RCC_RSR REG32(0x580244D0u)       /* 'RCC reset status register' */
#define RCC_AHB2ENR REG32(0x580244DCu)   /* 'RCC AHB2 clock register' */
#define RCC_AHB4ENR REG32(0x580244E0u)   /* 'RCC AHB4 clock register' */
#define RCC_APB1ENR REG32(0x580244E8u)   /* 'RCC APB1 clock register' (RCC_APB1LENR) */
#define RCC_APB2ENR REG32(0x580244F0u)   /* 'RCC APB2 clock register' */
#define RCC_APB4ENR REG32(0x580244F4u)   /* 'RCC APB4 clock register' */

#define GPIO_ORIGIN 0x58020000u /* of GPIOA: 'Memory organization' */
#define RCC_GPIOENR RCC_AHB4ENR
#define GPIOENR_PORT(port) (1u << (port)) /* GPIOA is 0 */
#define AHB2ENR_D2_SRAMS (7u << 29)       /* SRAM1, SRAM2, SRAM3 */
#define APB1ENR_TIM5 (1u << 3)
#define APB1ENR_USART2 (1u << 17)
#define APB1ENR_USART3 (1u << 18)
#define APB2ENR_USART1 (1u << 4)
#define APB4ENR_SYSCFG (1u << 1)

/* Why the chip was reset: RCC_RSR */
#define RESET_FLAGS RCC_RSR
#define RESET_REMOVE (1u << 16)
#define RESET_PIN (1u << 22)
#define RESET_POWER (5u << 21) /* BORRSTF, PORRSTF */
#define RESET_SOFTWARE (1u << 24)
#define RESET_WATCHDOGS (5u << 26) /* IWDG1RSTF, WWDG1RSTF */
#define RESET_LOW_POWER (1u << 30)

#endif
