/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of the STM32H7. The order is that of RM0433, 'System supply startup', 'Voltage scaling'
 * ('VOS0 activation/deactivation sequence') and 'Clock management': supply, voltage, oscillator, PLL1,
 * wait states, bus dividers, switch.
 */
#include "clock.h"

#include <stdint.h>

#include "ahb.h"
#include "board.h"
#include "cache.h"
#include "reg.h"
#include "stm32_oscillator.h"

#define PWR_CSR1 REG32(0x58024804u)     /* RM0433, 'PWR control status register 1' */
#define PWR_D3CR REG32(0x58024818u)     /* RM0433, 'PWR D3 domain control register' */
#define FLASH_ACR REG32(0x52002000u)    /* RM0433, 'FLASH access control register' */
#define SYSCFG_PWRCR REG32(0x5800042Cu) /* RM0433, 'SYSCFG power control register' */

#define CSR1_VOLTAGE_READY (1u << 13) /* ACTVOSRDY */
#define D3CR_SCALE_1 (3u << 14)       /* VOS */
#define D3CR_SCALE_READY (1u << 13)   /* VOSRDY */
#define PWRCR_OVER_DRIVE (1u << 0)    /* ODEN: from scale 1 to scale 0 */

#define PLLCKSELR_HSE 2u              /* of PLLSRC */
#define PLLCKSELR_M_AT 4u
#define PLLCKSELR_SOURCE_AND_M 0x3F3u /* PLLSRC, DIVM1 */
#define PLLCFGR_2_TO_4_MHZ (1u << 2)  /* PLL1RGE; PLL1VCOSEL is 0: the wide VCO */
#define PLLCFGR_PLL1 0xFu             /* PLL1RGE, PLL1VCOSEL, PLL1FRACEN */
#define PLLCFGR_Q_AND_R (3u << 17)    /* outputs that nothing uses */
#define PLL1DIVR_P_AT 9u
#define PLL1DIVR_Q_AND_R 0x01010000u  /* as after a reset: each divides by 2 */

#define CFGR_PLL 3u                   /* of SW */
#define CFGR_SWITCHED (7u << 3)       /* SWS */
#define CFGR_SWITCHED_AT 3u
#define CFGR_SWITCHED_PLL (3u << 3)
#define D1CFGR_AHB_BY_2 (8u << 0)     /* HPRE; D1CPRE is 0: the core has the whole clock */
#define D1CFGR_APB3_BY_2 (4u << 4)
#define D1CFGR_CORE_AT 8u             /* D1CPRE */
#define D2CFGR_APB1_BY_2 (4u << 4)
#define D2CFGR_APB2_BY_2 (4u << 8)
#define D3CFGR_APB4_BY_2 (4u << 4)

/* RM0433, 'FLASH recommended number of wait states and programming delay', scales 1 and 0 */
#if AXI_HZ <= 210000000u
#define WAIT_STATES ((AXI_HZ - 1u) / 70000000u)
#elif AXI_HZ <= 225000000u
#define WAIT_STATES 3u
#else
#define WAIT_STATES 4u
#endif
#define PROGRAMMING_DELAY (AXI_HZ > 185000000u ? 2u : AXI_HZ > 70000000u ? 1u : 0u)
#define ACR (WAIT_STATES | (PROGRAMMING_DELAY << 4)) /* LATENCY, WRHIGHFREQ */
#define ACR_ALL 0x3Fu
#define ACR_LATENCY 15u

/* DS12110, 'General operating conditions': above 400 MHz the voltage must be scale 0 */
#define OVER_DRIVE (BOARD_CLOCK_HZ > 400000000u)

/* DS12110, 'PLL characteristics (wide VCO frequency range)': 2 to 16 MHz in; the core has half */
#define PLL_INPUT_HZ 2000000u
#define PLL_M (BOARD_OSCILLATOR_HZ / PLL_INPUT_HZ)
#define PLL_P 2u
#define PLL_N (BOARD_CLOCK_HZ / PLL_INPUT_HZ * PLL_P)

#if PLL_M * PLL_INPUT_HZ != BOARD_OSCILLATOR_HZ || PLL_M < 1 || PLL_M > 63
#error the oscillator is not a multiple of the 2 MHz that the PLL takes
#endif
#if PLL_N * PLL_INPUT_HZ != BOARD_CLOCK_HZ * PLL_P || PLL_N < 96 || PLL_N > 480
#error the PLL cannot make the clock of the board from 2 MHz within 192 to 960 MHz
#endif
#if BOARD_CLOCK_HZ > 480000000u
#error the STM32H743 runs at 480 MHz at most
#endif

static const char *voltage_start(void)
{
    if (!wait_for(&PWR_CSR1, CSR1_VOLTAGE_READY, CSR1_VOLTAGE_READY)) {
        return "clock-supply"; /* which supply.S has chosen */
    }
    PWR_D3CR |= D3CR_SCALE_1;
    if (!wait_for(&PWR_D3CR, D3CR_SCALE_READY, D3CR_SCALE_READY)) {
        return "clock-voltage-scale";
    }
    if (OVER_DRIVE) {
        RCC_APB4ENR |= APB4ENR_SYSCFG;
        (void)RCC_APB4ENR; /* RM0433, 'Peripheral clock gating': a register works cycles later */
        SYSCFG_PWRCR |= PWRCR_OVER_DRIVE;
        (void)SYSCFG_PWRCR; /* PWR must have seen it before it is asked whether it is ready */
        if (!wait_for(&PWR_D3CR, D3CR_SCALE_READY, D3CR_SCALE_READY)) {
            return "clock-over-drive";
        }
    }
    return 0;
}

static const char *pll_start(void)
{
    if (!hse_start()) {
        return "clock-hse";
    }
    RCC_PLLCKSELR = (RCC_PLLCKSELR & ~PLLCKSELR_SOURCE_AND_M) | PLLCKSELR_HSE |
                    (PLL_M << PLLCKSELR_M_AT);
    RCC_PLLCFGR = (RCC_PLLCFGR & ~(PLLCFGR_PLL1 | PLLCFGR_Q_AND_R)) | PLLCFGR_2_TO_4_MHZ;
    RCC_PLL1DIVR = (PLL_N - 1u) | ((PLL_P - 1u) << PLL1DIVR_P_AT) | PLL1DIVR_Q_AND_R;
    RCC_CR |= CR_PLL_ON;
    return wait_for(&RCC_CR, CR_PLL_READY, CR_PLL_READY) ? 0 : "clock-pll";
}

const char *clock_start(void)
{
    const char *failed = voltage_start();
    if (failed == 0) {
        failed = pll_start();
    }
    if (failed != 0) {
        return failed;
    }
    FLASH_ACR = ACR;
    if (!wait_for(&FLASH_ACR, ACR_ALL, ACR)) {
        return "clock-wait-states";
    }
    RCC_D1CFGR = D1CFGR_AHB_BY_2 | D1CFGR_APB3_BY_2;
    RCC_D2CFGR = D2CFGR_APB1_BY_2 | D2CFGR_APB2_BY_2;
    RCC_D3CFGR = D3CFGR_APB4_BY_2;
    RCC_CFGR |= CFGR_PLL;
    if (!wait_for(&RCC_CFGR, CFGR_SWITCHED, CFGR_SWITCHED_PLL)) {
        RCC_CFGR = 0; /* the report needs the UART's clock as it was */
        RCC_D1CFGR = 0;
        RCC_D2CFGR = 0;
        return "clock-switch";
    }
    return 0;
}

void board_core(struct board_core *core)
{
    const uint32_t select = RCC_PLLCKSELR, dividers = RCC_PLL1DIVR;
    /* SWS and PLLSRC: HSI, CSI, HSE, PLL1 or none */
    const uint32_t sources[4] = {HSI_HZ, CSI_HZ, BOARD_OSCILLATOR_HZ, 0u};
    const uint32_t source = (RCC_CFGR & CFGR_SWITCHED) >> CFGR_SWITCHED_AT;
    uint32_t hz = source < CFGR_PLL ? sources[source] : 0u;
    if (source == CFGR_PLL) {
        const uint32_t m = select >> PLLCKSELR_M_AT & 63u;
        hz = m == 0u ? 0u : sources[select & 3u] / m * ((dividers & 511u) + 1u);
        hz /= (dividers >> PLL1DIVR_P_AT & 127u) + 1u;
    }
    core->hz = hz >> ahb_shift(RCC_D1CFGR >> D1CFGR_CORE_AT);
    core->wait_states = FLASH_ACR & ACR_LATENCY;
    core->caches = caches_on();
}
