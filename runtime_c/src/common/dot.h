/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_DOT_H
#define MCUFORGE_DOT_H

#include <stdint.h>

/*
 * The sum of x[i] * w[i]: a portable convolution spends by far the most time in this loop. Four
 * products per iteration. MCUFORGE_IN_FOURS would cost Cortex-M0+ more before the loop than it
 * saves.
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
