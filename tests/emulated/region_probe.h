/* SPDX-License-Identifier: Apache-2.0 */
/* Fills every region of a board, each with its own pattern, and tells which kept theirs. */
#ifndef REGION_PROBE_H
#define REGION_PROBE_H

#include <stdint.h>

#include "board.h"

/* One array in one region; weights are read only and hold their pattern from the start. */
struct area {
    const char *name;
    volatile uint32_t *ram; /* NULL for weights */
    const volatile uint32_t *words;
    uint32_t count;
};

static void put(const char *text)
{
    uint32_t size = 0;
    while (text[size] != '\0') {
        size++;
    }
    board_write((const uint8_t *)text, size);
}

static void put_hex(uint32_t value)
{
    char digits[8];
    for (int32_t i = 7; i >= 0; i--) {
        digits[i] = "0123456789abcdef"[value & 15u];
        value >>= 4;
    }
    board_write((const uint8_t *)digits, 8);
}

static uint32_t pattern(uint32_t area, uint32_t word)
{
    return (area << 28) ^ word;
}

static void fill(const struct area *areas, uint32_t count)
{
    for (uint32_t a = 0; a < count; a++) {
        for (uint32_t i = 0; areas[a].ram != 0 && i < areas[a].count; i++) {
            areas[a].ram[i] = pattern(a, i);
        }
    }
}

/* A line for each area: name, address, bytes, words that are not what was put there. */
static void report(const struct area *areas, uint32_t count)
{
    for (uint32_t a = 0; a < count; a++) {
        uint32_t wrong = 0;
        for (uint32_t i = 0; i < areas[a].count; i++) {
            const uint32_t wanted = areas[a].ram != 0 ? pattern(a, i) : i == 0 ? 1u : 0u;
            wrong += areas[a].words[i] != wanted ? 1u : 0u;
        }
        put(areas[a].name);
        put(" ");
        put_hex((uint32_t)(uintptr_t)areas[a].words);
        put(" ");
        put_hex(areas[a].count * 4u);
        put(" ");
        put_hex(wrong);
        put("\r\n");
    }
}

/* What the test writes: the areas of one board. */
extern const struct area areas[];
extern const uint32_t area_count;

int main(void)
{
    board_init();
    put("m-ready ");
    put(board_id);
    put("\r\n");
    fill(areas, area_count);
    report(areas, area_count);
    for (;;) {
        (void)board_read();
    }
}

#endif
