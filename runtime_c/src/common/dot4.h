/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four dot products with one vector at once: each of its elements is loaded, and `offset` added to
 * it, once for four products. Two elements per iteration: with more the compiler would load more
 * values at once than there are registers.
 */
#ifndef MCUFORGE_DOT4_H
#define MCUFORGE_DOT4_H

#include <stdint.h>

/* sums[j] = sum of (x[i] + offset) * w[j * n + i]: four rows of n, one after the other. */
static inline void mcuforge_dot4_rows_s8(const int8_t *x, int32_t offset, const int8_t *w,
                                         int32_t n, int32_t sums[4])
{
    const int8_t *w1 = w + n;
    const int8_t *w2 = w1 + n;
    const int8_t *w3 = w2 + n;
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    int32_t i = 0;
    for (; i + 2 <= n; i += 2) {
        const int32_t value0 = x[i] + offset;
        const int32_t value1 = x[i + 1] + offset;
        sum0 += value0 * w[i] + value1 * w[i + 1];
        sum1 += value0 * w1[i] + value1 * w1[i + 1];
        sum2 += value0 * w2[i] + value1 * w2[i + 1];
        sum3 += value0 * w3[i] + value1 * w3[i + 1];
    }
    if (i < n) {
        const int32_t value = x[i] + offset;
        sum0 += value * w[i];
        sum1 += value * w1[i];
        sum2 += value * w2[i];
        sum3 += value * w3[i];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

/* sums[j] = sum of (x[i] + offset) * w[i * width + j]: four columns side by side. */
static inline void mcuforge_dot4_columns_s8(const int8_t *x, int32_t offset, const int8_t *w,
                                            int32_t width, int32_t n, int32_t sums[4])
{
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    for (; n >= 2; n -= 2) {
        const int8_t *next = w + width;
        const int32_t value0 = x[0] + offset;
        const int32_t value1 = x[1] + offset;
        sum0 += value0 * w[0] + value1 * next[0];
        sum1 += value0 * w[1] + value1 * next[1];
        sum2 += value0 * w[2] + value1 * next[2];
        sum3 += value0 * w[3] + value1 * next[3];
        x += 2;
        w = next + width;
    }
    if (n > 0) {
        const int32_t value = *x + offset;
        sum0 += value * w[0];
        sum1 += value * w[1];
        sum2 += value * w[2];
        sum3 += value * w[3];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

#endif
