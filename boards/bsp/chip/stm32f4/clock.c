/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order is that of RM0090, 'Voltage regulator for STM32F42xxx' ('Entering Over-drive mode') and
 * RM0390, 'Voltage regulator': voltage scale, PLL, over-drive, wait states, bus dividers, switch.
 */
#include "clock.h"

#include <stdbool.h>
#include <stdint.h>

#include "rcc.h"
#include "reg.h"

/* RM0090, 'PWR power control register' and 'PWR power control/status register' */
#define PWR_CR REG32(0x40007000u)
#define PWR_CSR REG32(0x40007004u)
#define FLASH_ACR REG32(0x40023C00u)   /* RM0090, 'Flash access control register' */
#define DBGMCU_IDCODE REG32(0xE0042000u) /* RM0090, 'MCU device ID code' */

#define CR_HSE_ON (1u << 16)
#define CR_HSE_READY (1u << 17)
#define CR_HSE_BYPASS (1u << 18)
#define CR_PLL_ON (1u << 24)
#define CR_PLL_READY (1u << 25)

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

#if defined(BOARD_CHIP_STM32F407)
#define CR_SCALE_1 (1u << 14)        /* VOS is one bit */
#define OVER_DRIVE 0
#else
#define CR_SCALE_1 (3u << 14)
/* RM0090, 'Voltage regulator for STM32F42xxx': above 168 MHz scale 1 needs over-drive */
#define OVER_DRIVE (BOARD_CLOCK_HZ > 168000000u)
#endif
#define CR_OVER_DRIVE (1u << 16)
#define CR_OVER_DRIVE_SWITCH (1u << 17)
#define CSR_SCALE_READY (1u << 14)
#define CSR_OVER_DRIVE_READY (1u << 16)
#define CSR_OVER_DRIVE_SWITCHED (1u << 17)

/* RM0090, 'Relation between CPU clock frequency and Flash memory read time', 2.7 to 3.6 V */
#define WAIT_STATES ((BOARD_CLOCK_HZ - 1u) / 30000000u)
#define ACR_LATENCY 7u
#define ACR_PREFETCH (1u << 8)
#define ACR_INSTRUCTION_CACHE (1u << 9)
#define ACR_DATA_CACHE (1u << 10)
#define F405_REVISION_A 0x1000u

/* RM0090, 'PLL configuration': the PLL's input as near to 2 MHz as allowed, for the least jitter */
#define PLL_INPUT_HZ 2000000u
#define PLL_M (BOARD_OSCILLATOR_HZ / PLL_INPUT_HZ)
#define PLL_P 2u
#define PLL_N (BOARD_CLOCK_HZ / PLL_INPUT_HZ * PLL_P)
#define PLL_Q 8u                     /* at most 48 MHz for USB, which nothing uses */

#if PLL_M * PLL_INPUT_HZ != BOARD_OSCILLATOR_HZ || PLL_M < 2 || PLL_M > 63
#error the oscillator is not a multiple of the 2 MHz that the PLL takes
#endif
#if PLL_N * PLL_INPUT_HZ != BOARD_CLOCK_HZ * PLL_P || PLL_N < 50 || PLL_N > 216
#error the PLL cannot make the clock of the board from 2 MHz
#endif

/*
 * Reads of a register before what it should show is given up. At 16 MHz a read and its loop take
 * some 10 cycles, so this is half a second; the slowest is a crystal, with milliseconds (data
 * sheets, 'HSE oscillator characteristics').
 */
#define PATIENCE 800000u

static bool wait_for(volatile uint32_t *at, uint32_t mask, uint32_t value)
{
    for (uint32_t left = PATIENCE; left != 0u; left--) {
        if ((*at & mask) == value) {
            return true;
        }
    }
    return false;
}

static bool has_prefetch(void)
{
#if defined(BOARD_CHIP_STM32F407)
    /* ES0182, 'ART Accelerator prefetch queue instruction is not supported': revision A */
    return DBGMCU_IDCODE >> 16 != F405_REVISION_A;
#else
    return true;
#endif
}

const char *clock_start(void)
{
    RCC_APB1ENR |= APB1ENR_PWR;
    (void)RCC_APB1ENR; /* RM0090, 'Clocks': a register works two cycles after its clock is on */
    PWR_CR |= CR_SCALE_1; /* works once the PLL is on */

#if BOARD_OSCILLATOR_BYPASS
    RCC_CR |= CR_HSE_BYPASS; /* while HSE is off */
#endif
    RCC_CR |= CR_HSE_ON;
    if (!wait_for(&RCC_CR, CR_HSE_READY, CR_HSE_READY)) {
        return "clock-hse";
    }

    RCC_PLLCFGR = (RCC_PLLCFGR & PLLCFGR_KEEP) | PLL_M | (PLL_N << PLLCFGR_N_AT) |
                  ((PLL_P / 2u - 1u) << PLLCFGR_P_AT) | PLLCFGR_SOURCE_HSE |
                  (PLL_Q << PLLCFGR_Q_AT);
    RCC_CR |= CR_PLL_ON;
    if (!wait_for(&PWR_CSR, CSR_SCALE_READY, CSR_SCALE_READY)) {
        return "clock-voltage-scale";
    }
#if OVER_DRIVE
    PWR_CR |= CR_OVER_DRIVE;
    if (!wait_for(&PWR_CSR, CSR_OVER_DRIVE_READY, CSR_OVER_DRIVE_READY)) {
        return "clock-over-drive";
    }
    PWR_CR |= CR_OVER_DRIVE_SWITCH;
    if (!wait_for(&PWR_CSR, CSR_OVER_DRIVE_SWITCHED, CSR_OVER_DRIVE_SWITCHED)) {
        return "clock-over-drive-switch";
    }
#endif

    FLASH_ACR = WAIT_STATES | ACR_INSTRUCTION_CACHE | ACR_DATA_CACHE |
                (has_prefetch() ? ACR_PREFETCH : 0u);
    if (!wait_for(&FLASH_ACR, ACR_LATENCY, WAIT_STATES)) {
        return "clock-wait-states";
    }
    RCC_CFGR = CFGR_APB1_BY_4 | CFGR_APB2_BY_2;
    if (!wait_for(&RCC_CR, CR_PLL_READY, CR_PLL_READY)) {
        return "clock-pll";
    }
    RCC_CFGR |= CFGR_PLL;
    if (!wait_for(&RCC_CFGR, CFGR_SWITCHED, CFGR_SWITCHED_PLL)) {
        return "clock-switch";
    }
    return 0;
}
