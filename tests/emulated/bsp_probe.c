/* SPDX-License-Identifier: Apache-2.0 */
/* Does to a board, letter by letter, what the tests of the start-up code ask. */
#include <stdint.h>

#include "board.h"

#ifndef ECHO_BYTES
#define ECHO_BYTES 65536u
#endif
#ifndef PAUSE_LOOPS
#define PAUSE_LOOPS 20000000u
#endif
#define DEEP 1000000

#ifndef ARENA_BYTES
#define ARENA_BYTES 1024
#endif
#ifndef TABLE_BYTES
#define TABLE_BYTES 4
#endif

static volatile uint8_t arena[ARENA_BYTES] __attribute__((section(".mcuforge_arena")));
static const volatile uint8_t table[TABLE_BYTES] = {1};
#ifdef OUTSIDE
/* odd addresses: accesses that are not aligned must work outside the chip, too */
static volatile uint8_t outside_arena[64] __attribute__((section(".mcuforge_arena.sdram")));
static const uint8_t outside_table[64] __attribute__((section(".mcuforge_weights.qspi"))) = {
    0, 1, 2, 3, 4, 5};

static uint32_t outside(void)
{
    *(volatile uint32_t *)&outside_arena[7] = *(const volatile uint32_t *)&outside_table[1];
    return *(volatile uint32_t *)&outside_arena[7];
}
#endif

static uint32_t initialized = 0x12345678u;
static uint32_t cleared;

static void put(const char *text)
{
    uint32_t size = 0;
    while (text[size] != '\0') {
        size++;
    }
    board_write((const uint8_t *)text, size);
}

static void put_number(uint64_t value)
{
    char digits[20];
    uint32_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + (char)(value % 10u));
        value /= 10u;
    } while (value != 0u);
    board_write((const uint8_t *)&digits[first], (uint32_t)sizeof digits - first);
    put("\r\n");
}

/* Exactly two instructions each time round. */
static void loop(uint32_t times)
{
    __asm volatile("1:\n"
#ifdef __arm__
                   ".syntax unified\n"
                   "subs %0, %0, #1\n"
                   "bne 1b\n"
#else
                   "addi %0, %0, -1\n"
                   "bnez %0, 1b\n"
#endif
                   : "+r"(times)
                   :
                   : "cc");
}

__attribute__((noinline)) static void time_loop(uint32_t times)
{
    const uint64_t start = board_ticks();
    loop(times);
    put_number(board_ticks() - start);
}

static void echo(void)
{
    for (uint32_t left = ECHO_BYTES; left != 0u;) {
        const int32_t read = board_read();
        if (read >= 0) {
            const uint8_t byte = (uint8_t)read;
            board_write(&byte, 1);
            left--;
        }
    }
}

static int32_t recurse(int32_t depth)
{
    volatile uint8_t frame[64];
    frame[0] = (uint8_t)depth;
    return depth == 0 ? 0 : recurse(depth - 1) + frame[0];
}

static void obey(int32_t command)
{
    switch (command) {
    case 'e': echo(); break;
    case 'p': loop(PAUSE_LOOPS); echo(); break;
    case 'd': put_number(board_dropped()); break;
    case 's': time_loop(100000u); break;
    case 'l': time_loop(1000000u); break;
    case 'w': time_loop(2200000000u); break; /* more than 2^32 instructions */
    case 'h': put_number(board_tick_hz); break;
    case 'k': put_number((uint64_t)(board_stack_high - board_stack_low)); break;
    case 'i': put_number(initialized); put_number(cleared); break;
    case 'u': __asm volatile(".word 0xffffffff"); break;
    case 'z': *(volatile uint32_t *)CODE_ADDRESS = 1u; put("written\r\n"); break;
    case 'o': put_number((uint64_t)recurse(DEEP)); break;
    default: put("?\r\n"); break;
    }
}

int main(void)
{
    board_init();
    arena[0] = table[0]; /* both are in the image */
#ifdef OUTSIDE
    initialized = outside();
#endif
    put("m-ready ");
    put(board_id);
    put("\r\n");
    for (;;) {
        const int32_t command = board_read();
        if (command >= 0) {
            obey(command);
        }
    }
}
