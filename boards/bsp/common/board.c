/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

#include "board_config.h" /* written by boards/build/support.py from the board's TOML */
#include "family.h"
#include "serial.h"

const char board_id[] = BOARD_ID;
const uint32_t board_tick_hz = BOARD_TICK_HZ;

void board_init(void)
{
    family_init();
    interrupt_enable();
}

/* For chips without such registers; the family's own functions take their place. */
__attribute__((weak)) uint32_t board_chip_id(void)
{
    return 0;
}

__attribute__((weak)) void board_core(struct board_core *core)
{
    *core = (struct board_core){0, 0, 0};
}

__attribute__((weak)) bool board_audio_start(void)
{
    return false;
}

__attribute__((weak)) void board_audio_stop(void)
{
}

__attribute__((weak)) bool board_audio_read(int16_t *to, uint32_t count)
{
    (void)to;
    (void)count;
    return false;
}

__attribute__((weak)) enum board_reset board_reset_reason(void)
{
    return BOARD_RESET_UNKNOWN;
}
