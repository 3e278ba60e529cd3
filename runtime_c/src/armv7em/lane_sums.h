/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of many int8 with the DSP extension: four of them in three instructions.
 */
#ifndef MCUFORGE_LANE_SUMS_H
#define MCUFORGE_LANE_SUMS_H

#include <stdint.h>

#include "../common/dsp.h"

enum { MCUFORGE_LANE_TERMS = 256 }; /* of -128 an int16 holds */

/* The sum of `count` neighbours: 8 instructions for 8 of them. */
static inline int32_t mcuforge_sum_neighbours(const int8_t *x, int32_t count)
{
    const int32_t eights = count / 8;
    uint32_t above = 0; /* bytes are added as unsigned ones, 128 too much each */
    for (int32_t i = 0; i < eights; i++) {
        above = mcuforge_usada8(mcuforge_load_word(x) ^ 0x80808080u, above);
        above = mcuforge_usada8(mcuforge_load_word(x + 4) ^ 0x80808080u, above);
        x += 8;
    }
    int32_t sum = (int32_t)above - 8 * 128 * eights;
    for (int32_t i = 8 * eights; i < count; i++) {
        sum += *x++;
    }
    return sum;
}

/* The sum of `count` taps `stride` apart. */
static inline int32_t mcuforge_sum_apart(const int8_t *x, int32_t count, int32_t stride)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += *x;
        x += stride;
    }
    return sum;
}

/*
 * Adds up to MCUFORGE_LANE_TERMS taps of four neighbours each, `stride` apart: 9 instructions for 8
 * values.
 */
static inline void mcuforge_add_few_taps(const int8_t *x, int32_t count, int32_t stride,
                                         int32_t sums[4])
{
    uint32_t even = 0; /* sums of values 0 and 2 */
    uint32_t odd = 0;  /* and of 1 and 3 */
    if (count % 2 != 0) {
        const uint32_t word = mcuforge_load_word(x);
        even = mcuforge_sxtb16(word);
        odd = mcuforge_sxtb16_odd(word);
        x += stride;
    }
    for (int32_t left = count & ~1; left > 0; left -= 2) {
        const uint32_t first = mcuforge_load_word(x);
        const uint32_t second = mcuforge_load_word(x + stride);
        even = mcuforge_sxtab16(mcuforge_sxtab16(even, first), second);
        odd = mcuforge_sxtab16_odd(mcuforge_sxtab16_odd(odd, first), second);
        x += 2 * stride;
    }
    sums[0] += (int16_t)even;
    sums[1] += (int16_t)odd;
    sums[2] += (int32_t)even >> 16;
    sums[3] += (int32_t)odd >> 16;
}

/* Any number of them. */
static inline void mcuforge_add_taps(const int8_t *x, int32_t count, int32_t stride,
                                     int32_t sums[4])
{
    for (; count > MCUFORGE_LANE_TERMS; count -= MCUFORGE_LANE_TERMS) {
        mcuforge_add_few_taps(x, MCUFORGE_LANE_TERMS, stride, sums);
        x += MCUFORGE_LANE_TERMS * stride;
    }
    mcuforge_add_few_taps(x, count, stride, sums);
}

/* The sum over three dimensions, (size, stride) each, in elements; `x` is the first element. */
static inline int32_t mcuforge_lane_sum(const int8_t *x, const int32_t size[3],
                                        const int32_t stride[3])
{
    int32_t sum = 0;
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            const int8_t *tap = x + i * stride[0] + j * stride[1];
            sum += stride[2] == 1 ? mcuforge_sum_neighbours(tap, size[2])
                                  : mcuforge_sum_apart(tap, size[2], stride[2]);
        }
    }
    return sum;
}

/* Adds the same for `x` and its three neighbours. */
static inline void mcuforge_lane_sums(const int8_t *x, const int32_t size[3],
                                      const int32_t stride[3], int32_t sums[4])
{
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            mcuforge_add_taps(x + i * stride[0] + j * stride[1], size[2], stride[2], sums);
        }
    }
}

#endif
