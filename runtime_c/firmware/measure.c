/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <stdbool.h>

#include "board.h"
#include "check_model.h"

#define PAINT 0xC5U
#define PAINT_MARGIN 64U /* the painter's own locals, wherever the compiler puts them */

static int32_t model_status = -1;

/* Bytes of a canary differ from one another, so that a block copied over it shows. */
static uint8_t canary(uint32_t at)
{
    return (uint8_t)(PAINT ^ (at * 7U));
}

static void lay_guard(uint8_t *guard)
{
    for (uint32_t i = 0; i < mcuforge_check_model.guard_bytes; i++) {
        guard[i] = canary(i);
    }
}

static uint32_t changed_bytes(const uint8_t *guard)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < mcuforge_check_model.guard_bytes; i++) {
        changed += guard[i] != canary(i) ? 1U : 0U;
    }
    return changed;
}

static uint8_t *guard_before(void)
{
    return mcuforge_check_model.arena - mcuforge_check_model.guard_bytes;
}

static uint8_t *guard_after(void)
{
    return mcuforge_check_model.arena + mcuforge_check_model.arena_bytes;
}

int32_t measure_init(void)
{
    lay_guard(guard_before());
    lay_guard(guard_after());
    model_status = mcuforge_check_model.init();
    return model_status;
}

int32_t measure_status(void)
{
    return model_status;
}

uint32_t measure_guard_before(void)
{
    return changed_bytes(guard_before());
}

uint32_t measure_guard_after(void)
{
    return changed_bytes(guard_after());
}

/*
 * Fill the unused stack, from its end up to just below here. Volatile, so that no memset is called
 * on the stack being painted; out of the sanitizer's sight, which would see a wild write.
 */
__attribute__((noinline, no_sanitize_address)) static void paint_stack(void)
{
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    const uintptr_t low = (uintptr_t)board_stack_low;
    for (uintptr_t at = low; at + PAINT_MARGIN < here; at++) {
        *(volatile uint8_t *)at = PAINT;
    }
}

/* The lowest address written since paint_stack(). */
__attribute__((noinline, no_sanitize_address)) static uintptr_t deepest_write(uintptr_t here)
{
    uintptr_t at = (uintptr_t)board_stack_low;
    while (at < here && *(const volatile uint8_t *)at == PAINT) {
        at++;
    }
    return at;
}

__attribute__((noinline)) struct measure measure_run(uint32_t begin, uint32_t end)
{
    struct measure result = {.status = model_status, .begin = begin, .end = end};
    if (model_status != 0) {
        return result;
    }
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    const uintptr_t high = (uintptr_t)board_stack_high;
    const bool on_board_stack = here > (uintptr_t)board_stack_low && here <= high;
    if (on_board_stack) {
        paint_stack();
    }
    const uint64_t start = board_ticks();
    result.status = mcuforge_check_model.run((int32_t)begin, (int32_t)end);
    result.ticks = board_ticks() - start;
    if (on_board_stack) {
        const uintptr_t deepest = deepest_write(here);
        result.stack_bytes = (uint32_t)(here - deepest);
        result.stack_total_bytes = (uint32_t)(high - deepest);
    }
    return result;
}
