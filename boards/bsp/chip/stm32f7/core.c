/* SPDX-License-Identifier: Apache-2.0 */
/* What the registers of an STM32F7 say of its core. The image lies where the core's caches serve it. */
#include "board.h"
#include "cache.h"
#include "clock.h"
#include "stm32_core.h"

void board_core(struct board_core *core)
{
    core->hz = stm32_core_hz();
    core->wait_states = stm32_wait_states();
    core->caches = caches_on();
}
