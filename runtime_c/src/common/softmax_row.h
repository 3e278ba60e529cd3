/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The divisor of a row of softmax as in TFLite, for the kernels of every ISA.
 */
#ifndef MCUFORGE_SOFTMAX_ROW_H
#define MCUFORGE_SOFTMAX_ROW_H

#include <stdint.h>

#include "reciprocal.h"

enum { MCUFORGE_SOFTMAX_SUM_INTEGER_BITS = 12 }; /* in the sum of exps of a row */

/* An output is exp * factor / 2^(31 + shift) - 128. */
struct mcuforge_softmax_row {
    int32_t factor;
    int32_t shift;
};

static inline struct mcuforge_softmax_row mcuforge_softmax_row_of(uint32_t sum)
{
    enum { OUTPUT_BITS = 8, MAX_SHIFT = 31 };
    int32_t leading_zeros = 0;
    while ((sum >> 31) == 0) {
        sum <<= 1;
        leading_zeros++;
    }
    const int32_t fraction = (int32_t)(sum - (UINT32_C(1) << 31));
    const int32_t shift =
        MCUFORGE_SOFTMAX_SUM_INTEGER_BITS - leading_zeros + MAX_SHIFT - OUTPUT_BITS;
    struct mcuforge_softmax_row row = {mcuforge_one_over_one_plus(fraction), shift};
    if (shift > MAX_SHIFT) {
        row.factor = 0; /* 512 or more equal outputs: each is below half a step */
        row.shift = 0;
    }
    return row;
}

#endif
