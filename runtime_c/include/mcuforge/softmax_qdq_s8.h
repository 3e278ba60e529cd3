/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_SOFTMAX_QDQ_S8_H
#define MCUFORGE_SOFTMAX_QDQ_S8_H

#include <stdint.h>

struct mcuforge_softmax_qdq_params {
    int32_t rows;
    int32_t depth;      /* up to 32768 */
    int32_t multiplier; /* 2^(31 - shift) / (scale of the output) */
    int32_t shift;
    int32_t zero_point;
};

/*
 * out = the softmax of each row, with the output's own scale. in, out (rows, depth).
 * exp (256): exp(-i * beta * scale) with 30 fraction bits, where i is the distance of an element to
 * the largest one of its row. `out` may be `in`: no element is written before its
 * last read.
 */
void mcuforge_softmax_qdq_s8(const int8_t *in, const int32_t *exp, int8_t *out,
                             const struct mcuforge_softmax_qdq_params *params);

#endif
