/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_LOG_SOFTMAX_S8_H
#define MCUFORGE_LOG_SOFTMAX_S8_H

#include <stdint.h>

/* Both tables have an entry for each distance of a value below the largest of its row. */
struct mcuforge_log_softmax_params {
    int32_t rows;
    int32_t depth;
    const int32_t *exp;        /* (256): its exponential, 19 fraction bits */
    const int32_t *difference; /* (256): the distance itself, negative, in steps of the output */
    int32_t multiplier;        /* from a logarithm with 26 fraction bits to such steps */
    int32_t shift;
    int32_t bits;              /* fraction bits of steps */
    int32_t output_zero_point;
};

/*
 * in, out (rows, depth). Each row of `out` is computed from the same row of `in`, which is read to
 * the end before its first element is written: `out` may be `in`.
 */
void mcuforge_log_softmax_s8(const int8_t *in, int8_t *out,
                             const struct mcuforge_log_softmax_params *params);

#endif
