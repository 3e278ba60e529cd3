/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check firmware as a library: bytes go in and come out by function calls, in no time. Each copy
 * of the library that is loaded is a board of its own.
 */
#include "board.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "check_model.h"

#define OUT_BYTES 65536U

void linked_start(uint64_t now);
uint32_t linked_wait(uint64_t how_long, uint8_t *said);
uint32_t linked_take(const uint8_t *data, uint32_t size, uint8_t *said);

const char board_id[] = "linked";
const uint32_t board_tick_hz = 1000000U;
uint8_t board_stack_low[1]; /* the stack is not the board's: nothing is painted */
uint8_t board_stack_high[1];

static const uint8_t *line;
static uint32_t line_size;
static uint8_t out[OUT_BYTES];
static uint32_t out_size;
static uint64_t ticks;

void board_init(void)
{
}

void board_pins_start(void)
{
}

void board_pin_write(enum board_pin pin, bool high)
{
    (void)pin;
    (void)high;
}

int32_t board_read(void)
{
    if (line_size == 0U) {
        return -1;
    }
    line_size--;
    return *line++;
}

uint32_t board_dropped(void)
{
    return 0;
}

void board_write(const uint8_t *data, uint32_t size)
{
    const uint32_t room = OUT_BYTES - out_size;
    const uint32_t kept = size < room ? size : room;
    memcpy(out + out_size, data, kept);
    out_size += kept;
}

uint64_t board_ticks(void)
{
    ticks++;
    return ticks;
}

uint32_t board_chip_id(void)
{
    return 0;
}

void board_core(struct board_core *core)
{
    *core = (struct board_core){0, 0, 0};
}

enum board_reset board_reset_reason(void)
{
    return BOARD_RESET_UNKNOWN;
}

void board_halt(void)
{
    abort();
}

/* Starts the firmware at a moment of its clock; what it says is dropped. */
void linked_start(uint64_t now)
{
    ticks = now;
    check_init();
    out_size = 0;
}

/* Serves bytes of the host. Returns how many bytes were said, which `said` gets. */
uint32_t linked_take(const uint8_t *data, uint32_t size, uint8_t *said)
{
    line = data;
    line_size = size;
    return linked_wait(0, said);
}

/* Lets ticks pass. Returns how many bytes were said, which `said` gets. */
uint32_t linked_wait(uint64_t how_long, uint8_t *said)
{
    ticks += how_long;
    check_poll();
    memcpy(said, out, out_size);
    const uint32_t count = out_size;
    out_size = 0;
    return count;
}
