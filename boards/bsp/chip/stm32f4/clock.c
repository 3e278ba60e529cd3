/* SPDX-License-Identifier: Apache-2.0 */
/* What the clocks of the STM32F4 need beside the order that they share with the F7. */
#include "clock.h"

#include <stdbool.h>
#include <stdint.h>

#include "stm32_clock.h"

#if defined(BOARD_CHIP_STM32F407)
#define CR_SCALE_1 (1u << 14)        /* VOS is one bit */
#define OVER_DRIVE 0
#else
#define CR_SCALE_1 (3u << 14)
/* RM0090, 'Voltage regulator for STM32F42xxx': above 168 MHz scale 1 needs over-drive */
#define OVER_DRIVE (BOARD_CLOCK_HZ > 168000000u)
#endif

/* RM0090, 'Flash access control register' */
#define ACR_PREFETCH (1u << 8)
#define ACR_INSTRUCTION_CACHE (1u << 9)
#define ACR_DATA_CACHE (1u << 10)
#define F405_REVISION_A 0x1000u

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
    const uint32_t caches = ACR_INSTRUCTION_CACHE | ACR_DATA_CACHE;
    return stm32_clock_start(CR_SCALE_1, OVER_DRIVE, caches | (has_prefetch() ? ACR_PREFETCH : 0u));
}
