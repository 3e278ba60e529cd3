/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the model and measures it: time, stack, and canaries around its arenas.
 */
#ifndef MCUFORGE_MEASURE_H
#define MCUFORGE_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

struct measure {
    int32_t status; /* what the model returned: 0 on success */
    uint32_t begin; /* the requested steps: [begin, end) */
    uint32_t end;
    uint32_t reached; /* the steps run: [begin, reached); less than `end` if a row is missing */
    uint64_t ticks;             /* of board_ticks(), the call of the model only */
    uint32_t stack_bytes;       /* deepest use below the caller; 0: not on the board's own stack */
    uint32_t stack_total_bytes; /* deepest use below board_stack_high */
};

/* Gives the model its arenas and writes the canaries. Returns its status: 0 on success. */
int32_t measure_init(void);

/* The status of the last measure_init(). */
int32_t measure_status(void);

/*
 * Run steps [begin, end), which the caller has checked; `poison` needs a build that can. If `each`
 * is not NULL it gets the ticks of every step asked for; entries of steps that do not run stay.
 */
struct measure measure_run(uint32_t begin, uint32_t end, bool poison, uint64_t *each);

/* Canary bytes before and after the arenas that changed since measure_init(). */
uint32_t measure_canary_before(void);
uint32_t measure_canary_after(void);

#endif
