/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_DOT_H
#define MCUFORGE_DOT_H

#include <stdint.h>

/*
 * Sum of x[i] * w[i]: by far the most time of a convolution is spent in this loop. Four products a
 * turn, since at -O2 the compiler leaves a loop's counting beside every single one.
 */
static inline int32_t mcuforge_dot_s8(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    int32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        sum += x[i] * w[i];
        sum += x[i + 1] * w[i + 1];
        sum += x[i + 2] * w[i + 2];
        sum += x[i + 3] * w[i + 3];
    }
    for (; i < n; i++) {
        sum += x[i] * w[i];
    }
    return sum;
}

#endif
