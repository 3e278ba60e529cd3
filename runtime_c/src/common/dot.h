/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_DOT_H
#define MCUFORGE_DOT_H

#include <stdint.h>

#include "fours.h"

/* The sum of x[i] * w[i]: a portable convolution spends by far the most time in this loop. */
static inline int32_t mcuforge_dot_s8(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    MCUFORGE_IN_FOURS(i, n, sum += x[i] * w[i]);
    return sum;
}

#endif
