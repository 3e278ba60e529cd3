/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels need to know of a whole row of int8 before they compute any of it. Four elements per
 * iteration, or four at once if there are DSP instructions.
 */
#ifndef MCUFORGE_ROW_FACTS_H
#define MCUFORGE_ROW_FACTS_H

#include <stdint.h>

#include "dsp.h"
#include "fours.h"

static inline int32_t mcuforge_larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The largest of x (n); n is at least 1. */
static inline int32_t mcuforge_largest_s8(const int8_t *x, int32_t n)
{
    int32_t max = INT8_MIN;
#if MCUFORGE_HAS_DSP
    uint32_t four = 0x80808080u;
    for (; n >= 4; n -= 4) {
        four = mcuforge_max_bytes(four, mcuforge_load_word(x));
        x += 4;
    }
    for (int32_t byte = 0; byte < 32; byte += 8) {
        max = mcuforge_larger(max, (int8_t)((four >> byte) & 0xffu));
    }
    for (int32_t i = 0; i < n; i++) {
        max = mcuforge_larger(max, x[i]);
    }
#else
    MCUFORGE_IN_FOURS(i, n, max = mcuforge_larger(max, x[i]));
#endif
    return max;
}

struct mcuforge_row_sums {
    int32_t sum;
    int32_t squares;
};

/* The sums of x (n) and of its squares; up to 2^17 elements fit. */
static inline struct mcuforge_row_sums mcuforge_row_sums_s8(const int8_t *x, int32_t n)
{
    struct mcuforge_row_sums sums = {0, 0};
#if MCUFORGE_HAS_DSP
    const uint32_t ones = 0x00010001u;
    for (; n >= 4; n -= 4) {
        const uint32_t word = mcuforge_load_word(x);
        const uint32_t even = mcuforge_sxtb16(word);
        const uint32_t odd = mcuforge_sxtb16_odd(word);
        sums.sum = mcuforge_smlad(odd, ones, mcuforge_smlad(even, ones, sums.sum));
        sums.squares = mcuforge_smlad(odd, odd, mcuforge_smlad(even, even, sums.squares));
        x += 4;
    }
    for (int32_t i = 0; i < n; i++) {
        sums.sum += x[i];
        sums.squares += x[i] * x[i];
    }
#else
    MCUFORGE_IN_FOURS(i, n, (sums.sum += x[i], sums.squares += x[i] * x[i]));
#endif
    return sums;
}

#endif
