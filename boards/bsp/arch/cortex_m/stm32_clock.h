/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of the STM32F4 and F7, which have the same RCC and PWR. The order is that of RM0090,
 * 'Voltage regulator for STM32F42xxx' ('Entering Over-drive mode'), RM0390 and RM0385, 'Voltage
 * regulator': voltage scale, PLL, over-drive, wait states, bus dividers, switch.
 */
#ifndef MCUFORGE_STM32_CLOCK_H
#define MCUFORGE_STM32_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "board_config.h"
#include "reg.h"
#include "stm32_rcc.h"
#include "stm32_oscillator.h"

/*
 * RM0090, 'PWR power control register' and 'PWR power control/status register'; RM0385 has the same
 * bits in PWR_CR1 and PWR_CSR1.
 */
#define PWR_CR REG32(0x40007000u)
#define PWR_CSR REG32(0x40007004u)
#define FLASH_ACR REG32(0x40023C00u) /* RM0090 and RM0385, 'Flash access control register' */

#define PLLCFGR_KEEP 0xF0BC8000u     /* reserved; on F446 bits 28 to 30 are R, which nothing uses */
#define PLLCFGR_N_AT 6u
#define PLLCFGR_P_AT 16u             /* divides by 2 (P + 1) */
#define PLLCFGR_SOURCE_HSE (1u << 22)
#define PLLCFGR_Q_AT 24u

#define CFGR_PLL 2u                  /* of SW */
#define CFGR_SWITCHED (3u << 2)      /* SWS */
#define CFGR_SWITCHED_PLL (2u << 2)
#define CFGR_APB1_BY_4 (5u << 10)
#define CFGR_APB2_BY_2 (4u << 13)

#define CR_OVER_DRIVE (1u << 16)
#define CR_OVER_DRIVE_SWITCH (1u << 17)
#define CSR_SCALE_READY (1u << 14)
#define CSR_OVER_DRIVE_READY (1u << 16)
#define CSR_OVER_DRIVE_SWITCHED (1u << 17)

/*
 * RM0090 and RM0385, 'Relation between CPU clock frequency and Flash memory read time', 2.7 to 3.6 V
 */
#define WAIT_STATES ((BOARD_CLOCK_HZ - 1u) / 30000000u)
#define ACR_LATENCY 15u

/*
 * RM0090 and RM0385, 'PLL': the PLL takes 1 to 2 MHz, and 2 MHz for the least jitter. The oscillator
 * is divided to 2 MHz if a whole number does that.
 */
#if BOARD_OSCILLATOR_HZ % 2000000u == 0u
#define PLL_INPUT_HZ 2000000u
#else
#define PLL_INPUT_HZ 1000000u
#endif
#define PLL_M (BOARD_OSCILLATOR_HZ / PLL_INPUT_HZ)
#define PLL_P 2u
#define PLL_N (BOARD_CLOCK_HZ / PLL_INPUT_HZ * PLL_P)
#define PLL_Q 9u                     /* at most 48 MHz for USB, which nothing uses */

#if PLL_M * PLL_INPUT_HZ != BOARD_OSCILLATOR_HZ || PLL_M < 2 || PLL_M > 63
#error the oscillator is not a multiple of the 1 or 2 MHz that the PLL takes
#endif
#if PLL_N * PLL_INPUT_HZ != BOARD_CLOCK_HZ * PLL_P || PLL_N < 50 || PLL_N > 432
#error the PLL cannot make the clock of the board from its input
#endif
#if BOARD_CLOCK_HZ * PLL_P > 432000000u || BOARD_CLOCK_HZ * PLL_P > 48000000u * PLL_Q
#error the VCO of the PLL would run faster than 432 MHz, or its output Q faster than 48 MHz
#endif

/*
 * Runs core and buses at their full clocks: APB1 at a quarter, APB2 at half of the core's. scale:
 * the bits of VOS to set; over_drive: whether the clock needs it; acr: FLASH_ACR but its wait
 * states. Returns 0, or, in words of a fault report, what did not become ready: the core then runs
 * on the internal oscillator still.
 */
static inline const char *stm32_clock_start(uint32_t scale, bool over_drive, uint32_t acr)
{
    RCC_APB1ENR |= APB1ENR_PWR;
    (void)RCC_APB1ENR; /* RM0090, 'Clocks': a register works two cycles after its clock is on */
    PWR_CR |= scale;   /* works once the PLL is on */

    if (!hse_start()) {
        return "clock-hse";
    }

    RCC_PLLCFGR = (RCC_PLLCFGR & PLLCFGR_KEEP) | PLL_M | (PLL_N << PLLCFGR_N_AT) |
                  ((PLL_P / 2u - 1u) << PLLCFGR_P_AT) | PLLCFGR_SOURCE_HSE |
                  (PLL_Q << PLLCFGR_Q_AT);
    RCC_CR |= CR_PLL_ON;
    if (!wait_for(&PWR_CSR, CSR_SCALE_READY, CSR_SCALE_READY)) {
        return "clock-voltage-scale";
    }
    if (over_drive) {
        PWR_CR |= CR_OVER_DRIVE;
        if (!wait_for(&PWR_CSR, CSR_OVER_DRIVE_READY, CSR_OVER_DRIVE_READY)) {
            return "clock-over-drive";
        }
        PWR_CR |= CR_OVER_DRIVE_SWITCH;
        if (!wait_for(&PWR_CSR, CSR_OVER_DRIVE_SWITCHED, CSR_OVER_DRIVE_SWITCHED)) {
            return "clock-over-drive-switch";
        }
    }

    FLASH_ACR = WAIT_STATES | acr;
    if (!wait_for(&FLASH_ACR, ACR_LATENCY, WAIT_STATES)) {
        return "clock-wait-states";
    }
    if (!wait_for(&RCC_CR, CR_PLL_READY, CR_PLL_READY)) {
        return "clock-pll"; /* before the dividers: the report needs the UART's clock as it was */
    }
    RCC_CFGR = CFGR_APB1_BY_4 | CFGR_APB2_BY_2;
    RCC_CFGR |= CFGR_PLL;
    if (!wait_for(&RCC_CFGR, CFGR_SWITCHED, CFGR_SWITCHED_PLL)) {
        RCC_CFGR = 0;
        return "clock-switch";
    }
    return 0;
}

#endif
