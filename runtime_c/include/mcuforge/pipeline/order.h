/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a pipeline's steps, as a short table cut into pieces. Each piece repeats some times
 * before the next one begins.
 */
#ifndef MCUFORGE_ORDER_H
#define MCUFORGE_ORDER_H

#include <stdint.h>

/* Repeats the next `length` entries of the table `times` times. */
struct mcuforge_piece {
    uint16_t length;
    uint16_t times;
};

/* The table entry of a step. `*turn_end` becomes the entry behind this repetition of its piece. */
static inline int32_t mcuforge_entry(const struct mcuforge_piece *piece, int32_t step,
                                     int32_t *turn_end)
{
    int32_t first = 0;
    int32_t steps = (int32_t)((uint32_t)piece->length * piece->times);
    while (step >= steps) {
        step -= steps;
        first += piece->length;
        piece++;
        steps = (int32_t)((uint32_t)piece->length * piece->times);
    }
    *turn_end = first + piece->length;
    return first + (int32_t)((uint32_t)step % piece->length);
}

#endif
