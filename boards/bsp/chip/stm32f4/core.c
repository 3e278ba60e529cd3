/* SPDX-License-Identifier: Apache-2.0 */
/* What the registers of an STM32F4 say of its core: its caches belong to the flash. */
#include "board.h"
#include "clock.h"
#include "stm32_core.h"

/* RM0090 and RM0390, 'Flash access control register' */
#define ACR_PREFETCH_ON (1u << 8)
#define ACR_INSTRUCTION_ON (1u << 9)
#define ACR_DATA_ON (1u << 10)

void board_core(struct board_core *core)
{
    const uint32_t on = FLASH_ACR;
    core->hz = stm32_core_hz();
    core->wait_states = stm32_wait_states();
    core->caches = ((on & ACR_INSTRUCTION_ON) != 0u ? BOARD_CACHE_INSTRUCTION : 0u) |
                   ((on & ACR_DATA_ON) != 0u ? BOARD_CACHE_DATA : 0u) |
                   ((on & ACR_PREFETCH_ON) != 0u ? BOARD_CACHE_PREFETCH : 0u);
}
