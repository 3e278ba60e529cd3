/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels ask of a whole row of int8 before they compute any of it. Four elements a turn;
 * where there are DSP instructions, four at once.
 */
#ifndef MCUFORGE_ROW_FACTS_H
#define MCUFORGE_ROW_FACTS_H

#include <stdint.h>

#include "dsp.h"

static inline int32_t mcuforge_larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The largest of x (n); n is at least 1. */
static inline int32_t mcuforge_largest_s8(const int8_t *x, int32_t n)
{
    int32_t max = INT8_MIN;
    int32_t i = 0;
#if defined(__ARM_FEATURE_DSP) && defined(__thumb__)
    uint32_t four = 0x80808080u;
    for (; i + 4 <= n; i += 4) {
        const uint32_t word = mcuforge_load_word(x + i);
        uint32_t difference; /* what is looked at are its flags */
        __asm__("ssub8 %1, %0, %2\n\tsel %0, %0, %2"
                : "+r"(four), "=&r"(difference)
                : "r"(word));
    }
    for (int32_t byte = 0; byte < 32; byte += 8) {
        max = mcuforge_larger(max, (int8_t)((four >> byte) & 0xffu));
    }
#else
    for (; i + 4 <= n; i += 4) {
        max = mcuforge_larger(max, x[i]);
        max = mcuforge_larger(max, x[i + 1]);
        max = mcuforge_larger(max, x[i + 2]);
        max = mcuforge_larger(max, x[i + 3]);
    }
#endif
    for (; i < n; i++) {
        max = mcuforge_larger(max, x[i]);
    }
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
    int32_t i = 0;
#if defined(__ARM_FEATURE_DSP) && defined(__thumb__)
    const uint32_t ones = 0x00010001u;
    for (; i + 4 <= n; i += 4) {
        const uint32_t word = mcuforge_load_word(x + i);
        const uint32_t even = mcuforge_sxtb16(word);
        const uint32_t odd = mcuforge_sxtb16_odd(word);
        sums.sum = mcuforge_smlad(odd, ones, mcuforge_smlad(even, ones, sums.sum));
        sums.squares = mcuforge_smlad(odd, odd, mcuforge_smlad(even, even, sums.squares));
    }
#else
    for (; i + 4 <= n; i += 4) {
        sums.sum += x[i] + x[i + 1] + x[i + 2] + x[i + 3];
        sums.squares += x[i] * x[i] + x[i + 1] * x[i + 1];
        sums.squares += x[i + 2] * x[i + 2] + x[i + 3] * x[i + 3];
    }
#endif
    for (; i < n; i++) {
        sums.sum += x[i];
        sums.squares += x[i] * x[i];
    }
    return sums;
}

#endif
