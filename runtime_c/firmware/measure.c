/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <stddef.h>

#include "board.h"
#include "check_model.h"

#define PAINT 0xC5U
#define PAINT_MARGIN 64U /* for the painter's own locals */

static int32_t model_status = -1;

/* The bytes of a canary differ, so that a block copied over it is noticed. */
static uint8_t canary_byte(uint32_t at)
{
    return (uint8_t)(PAINT ^ (at * 7U));
}

static void write_canary(uint8_t *bytes)
{
    for (uint32_t i = 0; i < mcuforge_check_model.canary_bytes; i++) {
        bytes[i] = canary_byte(i);
    }
}

static uint32_t changed_bytes(const uint8_t *bytes)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < mcuforge_check_model.canary_bytes; i++) {
        changed += bytes[i] != canary_byte(i) ? 1U : 0U;
    }
    return changed;
}

static uint8_t *canary_before(int32_t arena)
{
    return mcuforge_check_model.arenas[arena].bytes - mcuforge_check_model.canary_bytes;
}

static uint8_t *canary_after(int32_t arena)
{
    return mcuforge_check_model.arenas[arena].bytes + mcuforge_check_model.arenas[arena].size;
}

int32_t measure_init(void)
{
    for (int32_t i = 0; i < mcuforge_check_model.arena_count; i++) {
        write_canary(canary_before(i));
        write_canary(canary_after(i));
    }
    model_status = mcuforge_check_model.init();
    return model_status;
}

int32_t measure_status(void)
{
    return model_status;
}

uint32_t measure_canary_before(void)
{
    uint32_t changed = 0;
    for (int32_t i = 0; i < mcuforge_check_model.arena_count; i++) {
        changed += changed_bytes(canary_before(i));
    }
    return changed;
}

uint32_t measure_canary_after(void)
{
    uint32_t changed = 0;
    for (int32_t i = 0; i < mcuforge_check_model.arena_count; i++) {
        changed += changed_bytes(canary_after(i));
    }
    return changed;
}

/*
 * Fill the unused stack, from its end up to just below this frame. Volatile, so that the compiler
 * calls no memset on the stack being painted; hidden from the sanitizer, which would report it.
 */
__attribute__((noinline, no_sanitize_address)) static void paint_stack(void)
{
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    const uintptr_t low = (uintptr_t)board_stack_low;
    for (uintptr_t at = low; at + PAINT_MARGIN < here; at++) {
        *(volatile uint8_t *)at = PAINT;
    }
}

/* Finds the lowest address written since paint_stack(). */
__attribute__((noinline, no_sanitize_address)) static uintptr_t deepest_write(uintptr_t here)
{
    uintptr_t at = (uintptr_t)board_stack_low;
    while (at < here && *(const volatile uint8_t *)at == PAINT) {
        at++;
    }
    return at;
}

/*
 * Run the model and time it; step by step if each step is timed by itself, or if dead bytes must be
 * overwritten after each step.
 */
__attribute__((noinline)) static void run_model(struct measure *result, bool poison, uint64_t *each)
{
    const int32_t end = (int32_t)result->end;
    int32_t reached = (int32_t)result->begin;
    for (;;) {
        const int32_t begin = reached;
        const bool single = (poison || each != NULL) && begin < end;
        const int32_t stop = single ? begin + 1 : end;
        const uint64_t start = board_ticks();
        result->status = mcuforge_check_model.run(begin, stop, &reached);
        const uint64_t ticks = board_ticks() - start;
        result->ticks += ticks;
        if (each != NULL && single) {
            each[(uint32_t)begin - result->begin] = ticks;
        }
        if (poison && result->status == 0 && reached > begin) {
            mcuforge_check_model.poison(begin);
        }
        if (result->status != 0 || reached < stop || stop == end) {
            break;
        }
    }
    result->reached = (uint32_t)reached;
}

__attribute__((noinline)) struct measure measure_run(uint32_t begin, uint32_t end, bool poison,
                                                     uint64_t *each)
{
    struct measure result = {
        .status = model_status,
        .begin = begin,
        .end = end,
        .reached = begin,
    };
    if (model_status != 0) {
        return result;
    }
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    const uintptr_t high = (uintptr_t)board_stack_high;
    const bool on_board_stack = here > (uintptr_t)board_stack_low && here <= high;
    if (on_board_stack) {
        paint_stack();
    }
    run_model(&result, poison, each);
    if (on_board_stack) {
        const uintptr_t deepest = deepest_write(here);
        result.stack_bytes = (uint32_t)(here - deepest);
        result.stack_total_bytes = (uint32_t)(high - deepest);
    }
    return result;
}
